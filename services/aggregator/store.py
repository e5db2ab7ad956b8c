"""The aggregator's database, as its lists and regions ask it, by the indexes of `indexes.py`. Raises DatabaseError."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from pymongo import ASCENDING, DESCENDING

from services.aggregator.in_force import conditions_of, reports_in_force, reports_left
from services.aggregator.state import alerts, attendance, incidents, logistics, region_state, reports
from shared.election.config import Level
from shared.election.roster import level_of
from shared.events.envelope import identity_of
from shared.exactly_once import guard, journal
from shared.exactly_once.cursors import is_past
from shared.mongo import Collection, Database, Document, Raw, aggregate, all_of, below, raw_of
from shared.records import log_name
from shared.topics import Topic

# Of each topic the positions of its partitions.
ReadTo = Mapping[Topic, Hashable]


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
        self._reports: Collection = database[reports.COLLECTION]
        self._attendance: Collection = database[attendance.COLLECTION]
        self._positions: Collection = database[guard.COLLECTION]

    async def has_events(self, code: str) -> bool:
        """Whether an event of a region or of one below it was counted."""
        return await self._regions.find_one({"_id": below(code)}, {"_id": True}) is not None

    async def has_incidents(self, category: str) -> bool:
        return await self._database[incidents.COLLECTION].find_one({"category": category}, {"_id": True}) is not None

    async def has_stocks(self, item: str) -> bool:
        return await self._database[logistics.COLLECTION].find_one({"item": item}, {"_id": True}) is not None

    async def by_ids(self, collection: str, ids: Iterable[str]) -> list[Document]:
        """The documents of any of our collections that have these ids."""
        return await all_of(self._database[collection].find({"_id": {"$in": list(ids)}}))

    async def regions(self, codes: Sequence[str]) -> tuple[dict[str, Document], dict[str, region_state.Tally]]:
        """The documents of regions, without what is kept for folding alone, and each one's tally with everything below
        it, by code. A region that sent nothing has no document."""
        if not codes:
            return {}, {}
        wanted = {"own.withdrawn": False, "cursors": False}
        found = await all_of(self._regions.find({"$or": [_sums_into(code) for code in codes]}, wanted))
        by_code = {document["_id"]: document for document in found}
        own = {code: by_code[code] for code in codes if code in by_code}
        return own, region_state.roll_ups(codes, found)

    async def conditions(self, code: str) -> dict[str, dict[str, int]]:
        """How many regions, by level, stand in which condition: a region and everything below it, reports in force."""
        found = Counter[tuple[str, str]]()
        withdrawn: list[str] = []
        async for row in aggregate(self._regions, conditions_of(code)):
            if row["_id"]["condition"] is not None:
                found[row["_id"]["level"], row["_id"]["condition"]] += row["count"]
            withdrawn += row["withdrawn"]
        left = await reports_left(self._reports, withdrawn)
        found.update((level_of(region).value, report["condition"]) for region, report in left.items())
        counts: dict[str, dict[str, int]] = {}
        for (level, condition), count in sorted(found.items()):
            counts.setdefault(level, {})[condition] = count
        return counts

    async def latest_reports(self, regions: Iterable[Document]) -> dict[str, Document]:
        """The documents of the reports in force, by the regions' codes, for documents of regions."""
        pointers = await reports_in_force(self._reports, regions)
        identities = {code: identity_of(pointer["agency"], pointer["id"]) for code, pointer in pointers.items()}
        if not identities:
            return {}
        found = {d["_id"]: d for d in await all_of(self._reports.find({"_id": {"$in": list(identities.values())}}))}
        return {code: found[identity] for code, identity in identities.items() if identity in found}

    async def facts(self, period: date, codes: Iterable[str]) -> dict[str, Document]:
        """By region, the reports in force for a period: `filings`, `first` and `latest`. A region without one is not
        in it."""
        return await self._facts(facts_of(period, {"$in": sorted(codes)}))

    async def facts_after(self, period: date, after: str | None, most: int) -> dict[str, Document]:
        """The same, of the first `most` regions behind a code that have any."""
        first: list[Document] = [{"$sort": {"_id": 1}}, {"$limit": most}]
        return await self._facts([*facts_of(period, {"$gt": after or ""}), *first])

    async def _facts(self, pipeline: list[Document]) -> dict[str, Document]:
        found = aggregate(self._reports, pipeline)
        return {row["_id"]: {field: row[field] for field in ("filings", "first", "latest")} async for row in found}

    async def attendance_after(self, period: date, after: str | None, most: int) -> list[Document]:
        """Of the first `most` regions behind a code that have a verdict, by code."""
        wanted = {"period": period.isoformat(), "region": {"$gt": after or ""}, "verdict": {"$gt": ""}}
        found = self._attendance.find(wanted).sort([("region", ASCENDING)]).limit(most)
        return await all_of(found)

    async def judged(self, period: date, within: str | None = None) -> dict[str, list[str]]:
        """The codes of the regions, of one and everything below it or of all, by the verdict that holds."""
        region = below(within) if within else {"$gt": ""}
        found = aggregate(self._attendance, attendance.judged(period, region))
        return {row["_id"]: row["regions"] async for row in found}

    async def read_to(self, *topics: Topic) -> ReadTo:
        """How far topics are read, and into which model (`desk replay` exchanges it): nothing that follows from them
        alone changes while it stays the same."""
        logs = {log_name(topic.name, 0).partition(":")[0]: topic for topic in topics}
        ranges = [{"_id": {"$gte": f"{log}:", "$lt": f"{log};"}} for log in logs]
        found = await all_of(self._positions.find({"$or": ranges}))
        read: dict[Topic, list[Hashable]] = {topic: [] for topic in topics}
        for d in sorted(found, key=lambda d: str(d["_id"])):
            topic = logs[d["_id"].partition(":")[0]]
            read[topic].append((d["_id"], d["offset"], d["hash"], d.get("model", "")))
        return {topic: tuple(positions) for topic, positions in read.items()}

    async def report(self, identity: str) -> Document | None:
        found: Document | None = await self._reports.find_one({"_id": identity})
        return found

    async def reports(self, wanted: Document, after: After | None, most: int) -> list[Raw]:
        return await self._newest(reports.COLLECTION, "received_at", wanted, after, most)

    async def logistics(self, wanted: Document, after: tuple[str, str] | None, most: int) -> list[Raw]:
        """By region and item, after a region's item."""
        query: Document = dict(wanted)
        if after is not None:
            region, item = after
            query["$or"] = [{"region": {"$gt": region}}, {"region": region, "item": {"$gt": item}}]
        order = [("region", ASCENDING), ("item", ASCENDING)]
        return await raw_of(self._database[logistics.COLLECTION].find_raw_batches(query).sort(order).limit(most))

    async def incidents(self, wanted: Document, after: After | None, most: int) -> list[Raw]:
        return await self._newest(incidents.COLLECTION, "received_at", wanted, after, most)

    async def alerts(self, wanted: Document, after: After | None, most: int) -> list[Raw]:
        return await self._newest(alerts.COLLECTION, "raised_at", wanted, after, most)

    async def _newest(
        self, collection: str, instant: str, wanted: Document, after: After | None, most: int
    ) -> list[Raw]:
        query: Document = dict(wanted)
        if after is not None:
            same = {instant: after.instant, "_id": {"$lt": after.document_id}}
            query["$or"] = [{instant: {"$lt": after.instant}}, same]
        order = [(instant, DESCENDING), ("_id", DESCENDING)]
        return await raw_of(self._database[collection].find_raw_batches(query).sort(order).limit(most))

    async def event(self, identity: str) -> Seen | None:
        """What the journal knows of an event. Whether it is counted is not stored, but read off its region."""
        entry: Document | None = await self._database[journal.COLLECTION].find_one({"_id": identity})
        if entry is None:
            return None
        region: Document | None = await self._regions.find_one({"_id": entry["region"]}, {"cursors": True})
        return Seen(entry, region is not None and is_past(region, journal.position_of(entry)))


def facts_of(period: date, region: Document) -> list[Document]:
    """The pipeline of `Store.facts`, of the regions that a condition on their codes names."""
    wanted: Document = {"period": period.isoformat(), "region": region, "is_withdrawn": False}
    # In the order in which filings are compared: MongoDB compares documents field by field.
    filing = {field: f"${field}" for field in ("received_at", "agency", "id", "submitted_at", "condition")}
    group = {"_id": "$region", "filings": {"$sum": 1}, "first": {"$min": filing}, "latest": {"$max": filing}}
    return [{"$match": wanted}, {"$group": group}]


def _sums_into(code: str) -> dict[str, Any]:
    """The documents whose tallies make up a region's roll-up, its own among them."""
    match level_of(code):
        case Level.PROVINCE:
            return {"_id": below(code), "level": {"$in": [Level.PROVINCE.value, Level.REGENCY.value]}}
        case Level.DISTRICT:
            return {"_id": below(code)}
        case _:
            return {"_id": code}
