"""The aggregator's database: its queries and the indexes they use. Raises DatabaseError."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from pymongo import ASCENDING, DESCENDING, IndexModel

from services.aggregator import alerts, attendance, incidents, region_state
from shared.election.config import Level
from shared.election.roster import level_of
from shared.exactly_once import journal
from shared.exactly_once.cursors import is_past
from shared.mongo import Collection, Database, Document, aggregate, below


def _newest_by(instant: str, *fields: str) -> list[IndexModel]:
    """For lists with the newest first, whole and by each field alone."""
    order = [(instant, DESCENDING), ("_id", DESCENDING)]
    return [IndexModel(order), *(IndexModel([(field, ASCENDING), *order]) for field in fields)]


INDEXES: Mapping[str, list[IndexModel]] = {
    region_state.COLLECTION: [IndexModel([("level", ASCENDING), ("_id", ASCENDING)])],
    attendance.COLLECTION: [IndexModel([("period", ASCENDING), ("region", ASCENDING)])],
    incidents.COLLECTION: _newest_by(
        "received_at", "region", "category", "status", "is_in_quiet_period", "is_violation"
    ),
    alerts.COLLECTION: _newest_by("raised_at", "region", "rule", "state", "period"),
}


async def ensure_indexes(database: Database) -> None:
    """Make what is missing; what is there already stays."""
    for name, models in INDEXES.items():
        await database[name].create_indexes(models)


@dataclass(frozen=True, slots=True)
class After:
    """Where a page of a list with the newest first begins: after this document."""

    instant: datetime
    document_id: str


@dataclass(frozen=True, slots=True)
class Seen:
    """An event as the journal has it, and whether its region's cursor has passed it."""

    entry: Document
    is_folded: bool


class Store:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._regions: Collection = database[region_state.COLLECTION]
        self._attendance: Collection = database[attendance.COLLECTION]

    async def regions(self, codes: Iterable[str]) -> dict[str, Document]:
        """The documents of regions, by code; a region that sent nothing has none."""
        return {d["_id"]: d async for d in self._regions.find({"_id": {"$in": list(codes)}})}

    async def roll_ups(self, codes: list[str]) -> dict[str, region_state.Tally]:
        """Each region's tally with everything below it."""
        if not codes:
            return {}
        wanted = {"own": True, "total": True}
        found = self._regions.find({"$or": [_sums_into(code) for code in codes]}, wanted)
        return region_state.roll_ups(codes, [d async for d in found])

    async def conditions(self, code: str) -> dict[str, dict[str, int]]:
        """How many regions, by level, stand in which condition: a region and everything below it, latest reports."""
        group = {"level": "$level", "condition": "$own.latest_report.condition"}
        pipeline: list[Document] = [
            {"$match": {"_id": below(code), "own.latest_report.condition": {"$type": "string"}}},
            {"$group": {"_id": group, "count": {"$sum": 1}}},
            {"$sort": {"_id.level": 1, "_id.condition": 1}},
        ]
        counts: dict[str, dict[str, int]] = {}
        async for row in aggregate(self._regions, pipeline):
            counts.setdefault(row["_id"]["level"], {})[row["_id"]["condition"]] = row["count"]
        return counts

    async def attendance(self, period: date) -> list[Document]:
        return [d async for d in self._attendance.find({"period": period.isoformat()})]

    async def verdicts(self, periods: Iterable[date]) -> list[Document]:
        """`period`, `region` and `verdict` of all that is judged."""
        wanted = {"period": {"$in": [p.isoformat() for p in periods]}, "verdict": {"$type": "string"}}
        shown = {"_id": False, "period": True, "region": True, "verdict": True}
        return [d async for d in self._attendance.find(wanted, shown)]

    async def incidents(self, wanted: Document, after: After | None, most: int) -> list[Document]:
        return await self._newest(incidents.COLLECTION, "received_at", wanted, after, most)

    async def alerts(self, wanted: Document, after: After | None, most: int) -> list[Document]:
        return await self._newest(alerts.COLLECTION, "raised_at", wanted, after, most)

    async def _newest(
        self, collection: str, instant: str, wanted: Document, after: After | None, most: int
    ) -> list[Document]:
        query: Document = dict(wanted)
        if after is not None:
            same = {instant: after.instant, "_id": {"$lt": after.document_id}}
            query["$or"] = [{instant: {"$lt": after.instant}}, same]
        found = self._database[collection].find(query).sort([(instant, DESCENDING), ("_id", DESCENDING)]).limit(most)
        return [d async for d in found]

    async def event(self, identity: str) -> Seen | None:
        """What the journal knows of an event. Whether it is counted is not stored, but read off its region."""
        entry: Document | None = await self._database[journal.COLLECTION].find_one({"_id": identity})
        if entry is None:
            return None
        region: Document | None = await self._regions.find_one({"_id": entry["region"]}, {"cursors": True})
        return Seen(entry, region is not None and is_past(region, journal.position_of(entry)))


def _sums_into(code: str) -> dict[str, Any]:
    """The documents whose tallies make up a region's roll-up."""
    match level_of(code):
        case Level.PROVINCE:
            return {"_id": below(code), "level": {"$in": [Level.PROVINCE.value, Level.REGENCY.value]}}
        case Level.DISTRICT:
            return {"_id": below(code)}
        case _:
            return {"_id": code}
