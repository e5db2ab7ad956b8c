"""The notifier's database: the moments at which it looks. Raises DatabaseError where the database does not answer."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from pymongo import ASCENDING, IndexModel

from services.notifier.moments import moments, proof_store
from services.notifier.moments.moments import Moment
from services.notifier.verdicts.judgements import Ends
from shared import mongo
from shared.mongo import Collection, Database, Document

INDEXES = [
    IndexModel([("state", ASCENDING), ("at", ASCENDING)]),
    IndexModel([("rule", ASCENDING), ("state", ASCENDING)]),
    IndexModel([("is_settled", ASCENDING)], partialFilterExpression={"is_settled": False}),
]


class MomentStore:
    def __init__(self, database: Database) -> None:
        self.database = database
        self._moments: Collection = database[moments.COLLECTION]

    async def plan(self, wanted: Iterable[Moment]) -> None:
        """Insert the moments that are not there; those that are stay as they are."""
        await mongo.insert_new(self._moments, [moments.to_document(moment) for moment in wanted])

    async def due(self, now: datetime) -> list[Document]:
        """Those that have come and are not closed, the earliest first."""
        wanted = {"state": moments.OPEN, "at": {"$lte": now}}
        return [d async for d in self._moments.find(wanted).sort("at", ASCENDING)]

    async def first_seen(self, moment: str) -> Document:
        return await proof_store.first_seen(self._moments, moment)

    async def keep_ends(self, moment: str, ends: Ends) -> Document:
        return await proof_store.keep_ends(self._moments, moment, ends)

    async def close(self, moment: str) -> None:
        """Looked at; what came meanwhile is settled next."""
        closed = {"state": moments.CLOSED, "is_settled": False}
        await self._moments.update_one({"_id": moment, "state": moments.OPEN}, {"$set": closed})

    async def closed(self, rule: str) -> set[str]:
        """The ids of a rule's moments that have been looked at."""
        wanted = {"rule": rule, "state": moments.CLOSED}
        return {d["_id"] async for d in self._moments.find(wanted, {"_id": True})}

    async def unsettled(self) -> list[Document]:
        return [d async for d in self._moments.find({"is_settled": False})]

    async def keep_settled(self, moment: str) -> None:
        await self._moments.update_one({"_id": moment}, {"$set": {"is_settled": True}})

    async def keep_given_up(self, moment: str) -> None:
        """The bounded wait is over, and it has been told."""
        await self._moments.update_one({"_id": moment}, {"$set": {"is_given_up": True}})
