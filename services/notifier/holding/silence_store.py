"""The notifier's database: silences. Raises DatabaseError where the database does not answer."""

from __future__ import annotations

from datetime import datetime

from pymongo import ASCENDING, IndexModel

from services.notifier.holding.silences import COLLECTION
from shared.mongo import Collection, Database, Document

INDEXES = [IndexModel([("over_at", ASCENDING)])]


class SilenceStore:
    def __init__(self, database: Database) -> None:
        self.database = database
        self._silences: Collection = database[COLLECTION]

    async def add(self, silence: Document) -> None:
        await self._silences.insert_one(silence)

    async def end(self, silence_id: str, by: str, at: datetime) -> Document | None:
        """The silence, ended; one that was over already stays as it was; None if there is none."""
        ended = {"ended_by": by, "ended_at": at, "over_at": at}
        await self._silences.update_one({"_id": silence_id, "over_at": {"$gt": at}}, {"$set": ended})
        found: Document | None = await self._silences.find_one({"_id": silence_id})
        return found

    async def not_over(self, now: datetime) -> list[Document]:
        """Those that are in force now or will be, the earliest made first."""
        return [s async for s in self._silences.find({"over_at": {"$gt": now}}).sort("_id", ASCENDING)]

    async def listed(self, wanted: Document, after: str | None, most: int) -> list[Document]:
        """By id, that is by when they were made."""
        query = {**wanted, **({"_id": {"$gt": after}} if after is not None else {})}
        return [s async for s in self._silences.find(query).sort("_id", ASCENDING).limit(most)]
