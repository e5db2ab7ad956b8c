"""The notifier's database: obligations. A part of `store.py`'s Store.

Whatever is asked of a period with a million reporters is answered out of an index, region by region in their order.
Raises DatabaseError where the database does not answer.
"""

from __future__ import annotations

from datetime import datetime

from pymongo import ASCENDING, IndexModel

from services.notifier.verdicts import obligations
from shared.events.verdict import Verdict
from shared.mongo import Collection, Database, Document, all_of, below

_SOME = 200  # documents of one turn of a loop
WAITS = {"$gte": 1}  # a mark names the revision that waits


def waiting_by(mark: str) -> IndexModel:
    """Work that waits, by its mark: the index holds only what is waiting, however many documents there are."""
    return IndexModel([(mark, ASCENDING)], name=f"{mark}_waits", partialFilterExpression={mark: WAITS})


INDEXES = [
    IndexModel([("period", ASCENDING), ("region", ASCENDING), ("verdict", ASCENDING)]),
    IndexModel([("verdict", ASCENDING), ("period", ASCENDING), ("region", ASCENDING)]),
    IndexModel(
        [("period", ASCENDING), ("judge_at", ASCENDING), ("region", ASCENDING)],
        name="in_digest",
        partialFilterExpression={"is_in_digest": True},
    ),
    *map(waiting_by, ("unsettled", "unpublished", "unjudged", "unread", "unended")),
]


class ObligationStore:
    def __init__(self, database: Database) -> None:
        self.database = database
        self._obligations: Collection = database[obligations.COLLECTION]

    async def obligations(self, ids: list[str]) -> dict[str, Document]:
        """Obligations that have a document, by id."""
        return {o["_id"]: o async for o in self._obligations.find({"_id": {"$in": ids}})}

    async def verdicts_between(self, period: str, first: str, last: str) -> dict[str, str]:
        """The verdict that holds, by region, of the regions from one code to another; out of the index alone."""
        wanted = {"period": period, "region": {"$gte": first, "$lte": last}}
        found = self._obligations.find(wanted, {"_id": False, "region": True, "verdict": True})
        return {o["region"]: o["verdict"] for o in await all_of(found)}

    async def verdicts_below(self, period: str, region: str) -> dict[str, str]:
        """As `verdicts_between`, of a region and all below it."""
        return await self.verdicts_between(period, region, f"{region}.~")  # `~` is behind every digit

    async def is_any_undetermined(self, period: str, judge_at: datetime) -> bool:
        wanted = {"verdict": Verdict.UNDETERMINED.value, "period": period, "judge_at": judge_at}
        return await self._obligations.find_one(wanted) is not None

    async def is_any_in_digest(self, period: str, judge_at: datetime) -> bool:
        wanted = {"period": period, "judge_at": judge_at, "is_in_digest": True}
        return await self._obligations.find_one(wanted) is not None

    async def in_digest(self, period: str, judge_at: datetime, region: str) -> dict[str, datetime]:
        """Who was missing when it was judged, and when that was found, whatever came since: of a region and all below
        it, by code in order."""
        wanted = {"period": period, "judge_at": judge_at, "region": below(region), "is_in_digest": True}
        shown = {"_id": False, "region": True, "verdicts": {"$elemMatch": {"is_in_digest": True}}}
        found = self._obligations.find(wanted, shown).sort("region", ASCENDING)
        return {o["region"]: o["verdicts"][0]["judged_at"] async for o in found}

    async def pending_again(self, now: datetime) -> list[Document]:
        """The obligations whose reports are all withdrawn, and whose moment of judgement has come."""
        wanted = {"unjudged": WAITS, "judge_at": {"$lte": now}}
        return [o async for o in self._obligations.find(wanted)]

    async def found_missing(self, excuse: Document) -> list[Document]:
        """Some obligations that are missing and that an excuse covers."""
        days = {"$gte": excuse["from"], "$lte": excuse["until"]}
        wanted = {"verdict": Verdict.MISSING.value, "period": days, "region": below(excuse["region"])}
        if excuse["ended_at"] is not None:
            wanted["judge_at"] = {"$lte": excuse["ended_at"]}
        return [o async for o in self._obligations.find(wanted).limit(_SOME)]
