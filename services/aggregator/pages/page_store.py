"""What the pages ask of the database beside the API's queries: a bounded number for any number of regions. Raises
DatabaseError."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date, datetime

from pymongo import DESCENDING

from services.aggregator.state import attendance, incidents, reports
from services.aggregator.state.incidents import OPEN
from shared.election.config import Level
from shared.election.roster import ancestors_and_self
from shared.mongo import Collection, Database, Document, Raw, aggregate, all_of, below, raw_of

# How long the codes of a level are.
_LENGTHS = {Level.PROVINCE: 2, Level.REGENCY: 5, Level.DISTRICT: 8, Level.VILLAGE: 13}


class PageStore:
    def __init__(self, database: Database) -> None:
        names = (attendance.COLLECTION, incidents.COLLECTION, reports.COLLECTION)
        self._attendance, self._incidents, self._reports = (database[name] for name in names)

    async def attendance(self, period: date, codes: Sequence[str]) -> list[Raw]:
        """The verdicts of these regions."""
        wanted = {"period": period.isoformat(), "region": {"$in": sorted(codes)}}
        return await raw_of(self._attendance.find_raw_batches(wanted))

    async def open_violations(self, within: str | None, most: int) -> list[Raw]:
        """Those that nobody has dismissed or resolved: of the quiet period first, then the latest received."""
        order = [("is_quiet_period_violation", DESCENDING), ("received_at", DESCENDING), ("_id", DESCENDING)]
        found = self._incidents.find_raw_batches(_open(within)).sort(order).limit(most)
        return await raw_of(found)

    async def open_by_region(self, within: str | None, deepest: Level) -> dict[str, tuple[int, int]]:
        """Of each region down to a level, with everything below it: how many are open, and how many of these are of
        the quiet period. Regions without any are left out."""
        wanted = (
            _open(within) if within else {**_open(None), "region": {"$gt": ""}}
        )  # out of the index by region alone
        quiet = {"$sum": {"$cond": ["$is_quiet_period_violation", 1, 0]}}
        group = {"_id": {"$substrBytes": ["$region", 0, _LENGTHS[deepest]]}, "count": {"$sum": 1}, "quiet": quiet}
        found = aggregate(self._incidents, [{"$match": wanted}, {"$group": group}])
        counts: dict[str, tuple[int, int]] = {}
        async for row in found:
            for code in ancestors_and_self(row["_id"]):
                count, quiet_count = counts.get(code, (0, 0))
                counts[code] = count + row["count"], quiet_count + row["quiet"]
        return counts

    async def newest_at(self) -> datetime | None:
        """When the newest report or incident was received; None if none was."""
        found = await asyncio.gather(*map(_newest_of, (self._reports, self._incidents)))
        return max((d["received_at"] for documents in found for d in documents), default=None)

    async def attended(self, code: str, before: date | None, most: int) -> list[Raw]:
        """The verdicts on one region, the latest period first, before a period."""
        wanted: Document = {"region": code, "verdict": {"$type": "string"}}
        if before is not None:
            wanted["period"] = {"$lt": before.isoformat()}
        found = self._attendance.find_raw_batches(wanted).sort([("period", DESCENDING)])
        return await raw_of(found.limit(most))

    async def corrections(self, code: str, report_ids: Sequence[str]) -> list[Document]:
        """The reports in force of a region that correct one of these: `agency`, `id` and which one (`replaces`). A
        correction that was withdrawn corrects nothing."""
        replaces = {"$in": list(report_ids), "$type": "string"}
        wanted = {"region": code, "replaces": replaces, "is_withdrawn": False}
        shown = {"agency": True, "id": True, "replaces": True}
        return await all_of(self._reports.find(wanted, shown).sort("received_at"))


async def _newest_of(collection: Collection) -> list[Document]:
    found = collection.find({"received_at": {"$type": "date"}}, {"received_at": True})
    return await all_of(found.sort([("received_at", DESCENDING)]).limit(1))


def _open(within: str | None) -> Document:
    query: Document = {"is_violation": True, "status": {"$in": list(OPEN)}}
    return {**query, "region": below(within)} if within else query
