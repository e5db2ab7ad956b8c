"""The indexes of the aggregator's collections: what each is for, and why there are no more."""

from __future__ import annotations

from collections.abc import Mapping

from pymongo import ASCENDING, DESCENDING, IndexModel

from services.aggregator.state import alerts, attendance, hand_overs, incidents, logistics, region_state, reports
from shared.mongo import Database


def _newest_by(instant: str, *fields: str) -> list[IndexModel]:
    """For lists with the newest first, whole and by each field alone."""
    order = [(instant, DESCENDING), ("_id", DESCENDING)]
    return [IndexModel(order), *(IndexModel([(field, ASCENDING), *order]) for field in fields)]


def _by(*fields: str) -> IndexModel:
    return IndexModel([(field, ASCENDING) for field in fields])


# Every report is written into each of its indexes: few, and of the withdrawn ones, which are few, only those.
_WITHDRAWN = IndexModel(
    [("is_withdrawn", ASCENDING), ("received_at", DESCENDING), ("_id", DESCENDING)],
    partialFilterExpression={"is_withdrawn": True},
)
# Corrections, which are few.
_CORRECTING = IndexModel([("replaces", ASCENDING)], partialFilterExpression={"replaces": {"$type": "string"}})
# The front page's list, in its order, and nothing else: most violations end closed.
_OPEN_VIOLATIONS = IndexModel(
    [("is_quiet_period_violation", DESCENDING), ("received_at", DESCENDING), ("_id", DESCENDING)],
    name="open_violations",
    partialFilterExpression={"is_violation": True, "status": {"$in": list(incidents.OPEN)}},
)
# Of a region and everything below it, all that a roll-up counts (`rollup_store.by_status`): it reads this index alone.
_BY_STATUS = _by("region", "status", "is_violation", "is_quiet_period_violation", hand_overs.DUE_AT)
INDEXES: Mapping[str, list[IndexModel]] = {
    region_state.COLLECTION: [_by("level", "_id")],
    reports.COLLECTION: [
        *_newest_by("received_at", "region", "period"),
        _by("period", "region"),
        _WITHDRAWN,
        _CORRECTING,
    ],
    logistics.COLLECTION: [_by("region", "item"), _by("item", "region")],
    attendance.COLLECTION: [_by("period", "region", "verdict"), _by("region", "period")],
    incidents.COLLECTION: [
        *_newest_by("received_at", "region", "category", "status", "is_in_quiet_period", "is_violation"),
        _OPEN_VIOLATIONS,
        _BY_STATUS,
    ],
    alerts.COLLECTION: _newest_by("raised_at", "region", "rule", "state", "period"),
}


async def ensure_indexes(database: Database, before: str = "") -> None:
    """Make what is missing; what is there already stays. `before` stands before each collection's name, of copies.
    Raises DatabaseError."""
    for name, models in INDEXES.items():
        await database[before + name].create_indexes(models)
