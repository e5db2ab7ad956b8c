"""What the roll-ups ask of the database: each an indexed query over a region's prefix, and a bounded number of them.
Raises DatabaseError."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime

from services.aggregator.in_force import reports_in_force
from services.aggregator.rollups.stocks import Stocks
from services.aggregator.state import attendance, hand_overs, incidents, logistics, region_state, reports
from shared.mongo import Database, Document, aggregate, all_of, below

Since = Mapping[str, datetime]  # by region

_COMPLETE: Document = {"$sum": {"$cond": [{"$gte": ["$received", "$required"]}, 1, 0]}}


class RollUpStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    async def incidents(self, code: str, now: datetime) -> dict[str, dict[str, int]]:
        """Of a region and everything below it, by status: `count`, and of these `violations`, `quiet` (violations of
        the quiet period) and `overdue` (not handed over in time)."""
        found = aggregate(self._database[incidents.COLLECTION], by_status(code, now))
        return {row.pop("_id"): row async for row in found}

    async def stocks_by_item(self, codes: Sequence[str], since: Since) -> dict[str, Stocks]:
        """What these regions have stated of each item; of those in `since` what holds from then on."""
        return await self._stocks("item", stated_by(codes, since))

    async def stocks_by_region(self, codes: Sequence[str], items: Collection[str], since: Since) -> dict[str, Stocks]:
        """What each of these regions has stated of these items; of those in `since` what holds from then on."""
        return await self._stocks("region", {**stated_by(codes, since), "item": {"$in": list(items)}})

    async def _stocks(self, by: str, wanted: Document) -> dict[str, Stocks]:
        sums = {"received": {"$sum": "$received"}, "required": {"$sum": "$required"}}
        group = {"$group": {"_id": f"${by}", "stated": {"$sum": 1}, "complete": _COMPLETE, **sums}}
        found = aggregate(self._database[logistics.COLLECTION], [{"$match": wanted}, group])
        return {
            row["_id"]: Stocks(row["stated"], row["complete"], row["received"], row["required"]) async for row in found
        }

    async def verdicts(self, period: date, code: str) -> dict[str, list[str]]:
        """Of a region and everything below it the codes, by the verdict that holds."""
        found = aggregate(self._database[attendance.COLLECTION], attendance.judged(period, below(code)))
        return {row["_id"]: row["regions"] async for row in found}

    async def in_force(self, codes: Iterable[str]) -> dict[str, Document]:
        """The pointers to the reports in force, by region."""
        shown = {"own.recent_reports": True}
        found = await all_of(self._database[region_state.COLLECTION].find({"_id": {"$in": list(codes)}}, shown))
        return await reports_in_force(self._database[reports.COLLECTION], found)

    async def texts(self, periods: Iterable[str], codes: Iterable[str]) -> dict[str, dict[str, str]]:
        """By region and period, what the report in force for it says."""
        texts: dict[str, dict[str, str]] = {}
        async for row in aggregate(self._database[reports.COLLECTION], texts_of(periods, codes)):
            texts.setdefault(row["_id"]["region"], {})[row["_id"]["period"]] = row["latest"]["summary"]
        return texts


def stated_by(codes: Iterable[str], since: Since) -> Document:
    """The condition on the statements of regions: what one in `since` stated before was for an earlier voting."""
    first = {"region": {"$in": [code for code in codes if code not in since]}}
    if not since:
        return first
    return {"$or": [first, *({"region": code, "as_of": {"$gte": at}} for code, at in since.items())]}


def by_status(code: str, now: datetime) -> list[Document]:
    """The pipeline of `RollUpStore.incidents`. All of it stands in one index."""
    due = f"${hand_overs.DUE_AT}"
    is_overdue = {"$and": [{"$gt": [due, None]}, {"$lt": [due, now]}, {"$in": ["$status", list(hand_overs.WAITING)]}]}
    group = {
        "_id": "$status",
        "count": {"$sum": 1},
        "violations": {"$sum": {"$cond": ["$is_violation", 1, 0]}},
        "quiet": {"$sum": {"$cond": ["$is_quiet_period_violation", 1, 0]}},
        "overdue": {"$sum": {"$cond": [is_overdue, 1, 0]}},
    }
    return [{"$match": {"region": below(code)}}, {"$group": group}]


def texts_of(periods: Iterable[str], codes: Iterable[str]) -> list[Document]:
    """The pipeline of `RollUpStore.texts`."""
    wanted = {"period": {"$in": sorted(periods)}, "region": {"$in": sorted(codes)}, "is_withdrawn": False}
    # In the order in which reports are compared: MongoDB compares documents field by field.
    report = {field: f"${field}" for field in ("received_at", "agency", "id", "summary")}
    group = {"_id": {"region": "$region", "period": "$period"}, "latest": {"$max": report}}
    return [{"$match": wanted}, {"$group": group}]
