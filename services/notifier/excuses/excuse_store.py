"""The notifier's database: excuses. Raises DatabaseError where the database does not answer."""

from __future__ import annotations

from datetime import datetime

from pymongo import ASCENDING, IndexModel
from pymongo.errors import DuplicateKeyError

from services.notifier.excuses.excuses import COLLECTION, Excuses, is_same
from shared.mongo import Collection, Database, Document

INDEXES = [
    IndexModel([("until", ASCENDING), ("from", ASCENDING)]),
    IndexModel([("region", ASCENDING), ("_id", ASCENDING)]),
    IndexModel([("unapplied", ASCENDING)], name="unapplied_waits", partialFilterExpression={"unapplied": {"$gte": 1}}),
]


class ExcuseStore:
    def __init__(self, database: Database) -> None:
        self.database = database
        self._excuses: Collection = database[COLLECTION]

    async def give(self, excuse: Document) -> Document | None:
        """Keep a new excuse; as it is kept, also where it was given before. None if its id is another one's."""
        try:
            await self._excuses.insert_one(excuse)
        except DuplicateKeyError:
            known = await self.one(excuse["_id"])
            return known if known is not None and is_same(known, excuse) else None
        return excuse

    async def end(self, excuse_id: str, by: str, at: datetime) -> Document | None:
        """The excuse, ended; one that has ended stays as it is. None if there is none."""
        await self._excuses.update_one(
            {"_id": excuse_id, "ended_at": None}, {"$set": {"ended_at": at, "ended_by": by}}
        )
        return await self.one(excuse_id)

    async def one(self, excuse_id: str) -> Document | None:
        found: Document | None = await self._excuses.find_one({"_id": excuse_id})
        return found

    async def listed(self, wanted: Document, after: str | None, most: int) -> list[Document]:
        """Excuses by id, ended ones too, of those whose fields are as wanted."""
        query = {**wanted, **({"_id": {"$gt": after}} if after is not None else {})}
        return [e async for e in self._excuses.find(query).sort("_id", ASCENDING).limit(most)]

    async def of_period(self, period: str) -> Excuses:
        """The excuses whose days a period lies in, ended ones too."""
        found = self._excuses.find({"until": {"$gte": period}, "from": {"$lte": period}})
        return Excuses([e async for e in found])

    async def unapplied(self) -> list[Document]:
        """Excuses that may not have reached those who were found missing before."""
        return [e async for e in self._excuses.find({"unapplied": {"$gte": 1}}).sort("_id", ASCENDING)]

    async def keep_applied(self, excuse_id: str) -> None:
        await self._excuses.update_one({"_id": excuse_id}, {"$set": {"unapplied": 0}})
