"""The notifier's database: judgements. A part of `store.py`'s Store.

Raises DatabaseError where the database does not answer.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from pymongo import ASCENDING, IndexModel

from services.notifier.moments import proof_store
from services.notifier.verdicts import judgements
from shared import mongo
from shared.mongo import Collection, Database, Document

_SOME = 200

INDEXES = [
    IndexModel([("state", ASCENDING), ("judge_at", ASCENDING)]),
    IndexModel([("is_noticed", ASCENDING)], partialFilterExpression={"is_noticed": False}),
]


class JudgementStore:
    def __init__(self, database: Database) -> None:
        self._judgements: Collection = database[judgements.COLLECTION]

    async def plan_judgements(self, wanted: Iterable[Document]) -> None:
        """Insert the judgements that are not there; those that are stay as they are."""
        await mongo.insert_new(self._judgements, list(wanted))

    async def due_judgements(self, now: datetime) -> list[Document]:
        due = {"state": judgements.OPEN, "judge_at": {"$lte": now}}
        return [d async for d in self._judgements.find(due).sort("judge_at", ASCENDING)]

    async def is_judging(self, first: str, last: str, now: datetime) -> bool:
        """Whether a judgement of these periods is due and not closed yet."""
        due = {"state": judgements.OPEN, "judge_at": {"$lte": now}, "period": {"$gte": first, "$lte": last}}
        return await self._judgements.find_one(due) is not None

    async def open_judgements_of(self, period: str) -> int:
        return int(await self._judgements.count_documents({"period": period, "state": judgements.OPEN}))

    async def is_closed(self, judgement: str) -> bool:
        return await self._judgements.find_one({"_id": judgement, "state": judgements.CLOSED}) is not None

    async def first_seen(self, judgement: str) -> Document:
        return await proof_store.first_seen(self._judgements, judgement)

    async def keep_ends(self, judgement: str, ends: judgements.Ends) -> Document:
        return await proof_store.keep_ends(self._judgements, judgement, ends)

    async def close_judgement(self, judgement: str, is_any_missing: bool) -> None:
        """Judged. If anybody is missing, its digests are planned next."""
        await self._judgements.update_one(
            {"_id": judgement, "state": judgements.OPEN},
            {"$set": {"state": judgements.CLOSED, "is_noticed": not is_any_missing}},
        )

    async def judgements_to_notice(self) -> list[Document]:
        """Some closed judgements whose digests are not planned yet."""
        return [j async for j in self._judgements.find({"is_noticed": False}).limit(_SOME)]

    async def keep_noticed(self, judgement: str) -> None:
        await self._judgements.update_one({"_id": judgement}, {"$set": {"is_noticed": True}})

    async def keep_called_undetermined(self, judgement: str, is_called: bool) -> None:
        await self._judgements.update_one({"_id": judgement}, {"$set": {"is_called_undetermined": is_called}})

    async def ended_waits(self) -> list[Document]:
        """Judgements that were called undetermined and are closed now: their alert about ourselves is to be ended."""
        ended = {"is_called_undetermined": True, "state": judgements.CLOSED}
        return [j async for j in self._judgements.find(ended).limit(_SOME)]
