"""The notifier's database: whether it is whole, and what rebuilding asks of it.

Raises DatabaseError where the database does not answer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from datetime import datetime

from pymongo import ASCENDING

from services.notifier.alerts import alerts
from services.notifier.rebuild.rebuilt import COLLECTION
from services.notifier.rules import BY_NAME
from services.notifier.verdicts import judgements, obligations
from shared.events.alert import AlertState
from shared.events.verdict import Verdict
from shared.mongo import Collection, Database, Document
from shared.topics import ALERTS

_ID = ALERTS.name
RAISED_ONLY = {"state": {"$exists": True}}


class RebuildingStore:
    """The mark: `_id` the topic, `to_read` the ends of the reports' partitions that are to be read again first, null
    once they are."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._marks: Collection = database[COLLECTION]

    async def state(self) -> Document | None:
        """None where the database is not whole."""
        found: Document | None = await self._marks.find_one({"_id": _ID})
        return found

    async def keep_whole(self, to_read: Mapping[int, tuple[int, int]]) -> None:
        ends = {str(p): [begin, end] for p, (begin, end) in to_read.items()}
        await self._marks.update_one({"_id": _ID}, {"$set": {"to_read": ends}}, upsert=True)

    async def keep_read(self) -> None:
        await self._marks.update_one({"_id": _ID}, {"$set": {"to_read": None}})

    async def unsettled_portions(self, most: int) -> AsyncIterator[list[Document]]:
        """The rebuilt obligations that were missing some time, in portions."""
        portion: list[Document] = []
        wanted = {"unread": {"$gte": 1}, "verdicts.verdict": Verdict.MISSING.value}
        async for obligation in self.database[obligations.COLLECTION].find(wanted).sort("_id", ASCENDING):
            portion.append(obligation)
            if len(portion) == most:
                yield portion
                portion = []
        if portion:
            yield portion

    async def told_by_digest(self) -> AsyncIterator[Document]:
        """Rebuilt alerts of the rules that are told by digest: what their series is made of, and their revision."""
        names = [rule.name for rule in BY_NAME.values() if rule.is_digested]
        shown = {"rule": True, "period": True, "region": True, "revision": True}
        async for alert in self.database[alerts.COLLECTION].find({"rule": {"$in": names}, **RAISED_ONLY}, shown):
            yield alert

    async def firing(self, rule: str) -> AsyncIterator[Document]:
        wanted = {"rule": rule, "state": {"$in": [AlertState.FIRING.value, AlertState.ACKNOWLEDGED.value]}}
        async for alert in self.database[alerts.COLLECTION].find(wanted):
            yield alert

    async def keep_waited_for(self, period: str, since: datetime) -> None:
        wanted = {"period": period, "judge_at": {"$lte": since}}
        await self.database[judgements.COLLECTION].update_many(wanted, {"$set": {"is_called_undetermined": True}})
