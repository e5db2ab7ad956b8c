"""The notifier's database: digests, one document a series, and what they are made of.

A series is open from the first change that waits in it until `due_at`, in the database's time. Then what is told is
frozen under a number, planned, taken off the alerts, and the series is closed. Raises DatabaseError where the database
does not answer.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pymongo import ASCENDING, IndexModel, ReturnDocument, UpdateOne

from services.notifier.alerts import alerts
from services.notifier.telling import digests
from services.notifier.verdicts import obligations
from shared.events.alert import AlertState
from shared.mongo import Collection, Database, Document, below

_WAITS = {"digest": {"$gt": ""}}

ALERT_INDEXES = [
    IndexModel([("digest", ASCENDING)], name="digest_waits", partialFilterExpression=_WAITS),
    IndexModel([("rule", ASCENDING), ("period", ASCENDING), ("region", ASCENDING)]),
]


class DigestStore:
    def __init__(self, database: Database) -> None:
        self.database = database
        self._digests: Collection = database[digests.COLLECTION]
        self._alerts: Collection = database[alerts.COLLECTION]

    async def due(self, wait_s: float) -> list[Document]:
        """The series in which changes have waited for so long; those of a first change are opened."""
        waiting = await self._alerts.distinct("digest", _WAITS)
        if not waiting:
            return []
        known = {d["_id"] async for d in self._digests.find({"_id": {"$in": waiting}, "due_at": {"$ne": None}})}
        opened = {
            "due_at": {"$ifNull": ["$due_at", {"$add": ["$$NOW", int(wait_s * 1000)]}]},
            "number": {"$ifNull": ["$number", 0]},
            "frozen": {"$ifNull": ["$frozen", None]},
        }
        unopened = [UpdateOne({"_id": s}, [{"$set": opened}], upsert=True) for s in waiting if s not in known]
        if unopened:
            await self._digests.bulk_write(unopened, ordered=False)
        is_due = {"_id": {"$in": waiting}, "$expr": {"$lte": ["$due_at", "$$NOW"]}}
        return [d async for d in self._digests.find(is_due)]

    async def number_from(self, numbers: Mapping[str, int]) -> None:
        """The next message of each series has a number beyond this one."""
        unopened = {"due_at": None, "frozen": None}
        wanted = [
            UpdateOne({"_id": series}, {"$max": {"number": number}, "$setOnInsert": unopened}, upsert=True)
            for series, number in numbers.items()
        ]
        if wanted:
            await self._digests.bulk_write(wanted, ordered=False)

    async def changed(self, series: str) -> list[Document]:
        """Alerts with changes that wait in a series, at most as many as one message tells of."""
        found = self._alerts.find({"digest": series}).sort("_id", ASCENDING).limit(digests.MOST_ALERTS)
        return [alert async for alert in found]

    async def freeze(self, digest: Document, told: list[Document]) -> Document | None:
        """The digest, with what its next message tells; None if another replica has frozen it."""
        found: Document | None = await self._digests.find_one_and_update(
            {"_id": digest["_id"], "number": digest["number"], "frozen": None},
            {"$set": {"number": digest["number"] + 1, "frozen": told}},
            return_document=ReturnDocument.AFTER,
        )
        return found

    async def close(self, digest: Document, *, is_more: bool) -> None:
        """Nothing is frozen any more; if there is more, it is due at once."""
        closed = {"frozen": None} if is_more else {"frozen": None, "due_at": None}
        await self._digests.update_one({"_id": digest["_id"], "number": digest["number"]}, {"$set": closed})

    async def alerts(self, ids: Iterable[str]) -> dict[str, Document]:
        return {alert["_id"]: alert async for alert in self._alerts.find({"_id": {"$in": list(ids)}})}

    async def standing(self, rule: str, period: str | None, province: str) -> list[Document]:
        """The alerts of a rule that stand in a province."""
        states = [AlertState.FIRING.value, AlertState.ACKNOWLEDGED.value]
        wanted = {"rule": rule, "period": period, "region": below(province), "state": {"$in": states}}
        return [alert async for alert in self._alerts.find(wanted)]

    async def verdicts(self, period: str, province: str) -> dict[str, str]:
        """The verdicts that hold in a province, by region."""
        found = self.database[obligations.COLLECTION].find(
            {"_id": below(f"{period}:{province}")}, {"region": True, "verdict": True}
        )
        return {o["region"]: o["verdict"] async for o in found if "verdict" in o}
