"""The notifier's database: deliveries that are held. Raises DatabaseError where the database does not answer.

A hold ends by a conditional update on what held it, so that of several replicas one decides, and none overrules an
operator who had it sent meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from pymongo import ASCENDING

from services.notifier.delivery.delivery_states import HELD, PENDING, SUPPRESSED
from services.notifier.delivery.delivery_store import DELIVERIES
from services.notifier.holding.holding import Because, Hold
from shared.mongo import Collection, Database, Document

_SOME = 200
_IN_ORDER = [("planned_at", ASCENDING), ("payload.timestamp", ASCENDING)]


class HeldStore:
    def __init__(self, database: Database) -> None:
        self.database = database
        self._deliveries: Collection = database[DELIVERIES]

    async def holders(self) -> list[str]:
        """All that hold something now: few, whatever they hold."""
        return list(await self._deliveries.distinct("held_by", {"state": HELD}))

    async def to_look_at(self, now: datetime, ended: list[str]) -> list[Document]:
        """Some of what is held until now at most, or by what has ended, in the order it was planned."""
        over = [{"held_until": {"$lte": now}}, {"held_by": {"$in": ended}}]
        return [d async for d in self._deliveries.find({"state": HELD, "$or": over}).sort(_IN_ORDER).limit(_SOME)]

    async def told_of(self, receiver: str, alert_ids: Iterable[str]) -> list[Document]:
        """All deliveries to a receiver that tell of any of these alerts, in the order they were planned."""
        wanted = {"alerts": {"$in": list(alert_ids)}, "receiver": receiver}
        return [d async for d in self._deliveries.find(wanted).sort(_IN_ORDER)]

    async def receivers_told_of(self, alert_ids: Iterable[str]) -> set[str]:
        """Whoever anything about these alerts was ever planned for."""
        return set(await self._deliveries.distinct("receiver", {"alerts": {"$in": list(alert_ids)}}))

    async def about(self, alert_id: str) -> list[Document]:
        """All deliveries that tell of an alert, to whomever, in the order they were planned."""
        return [d async for d in self._deliveries.find({"alerts": alert_id}).sort(_IN_ORDER)]

    async def release(self, delivery: Document, now: datetime) -> bool:
        """To be sent now, by the election's time; whether it was still held."""
        due = {"state": PENDING, "due_at": now, "released_at": "$$NOW", "next_attempt_at": "$$NOW"}
        return await self._change(delivery, due)

    async def suppress(self, delivery: Document, because: Because) -> bool:
        """Never to be sent, unless an operator wants it; whether it was still held."""
        return await self._change(delivery, {"state": SUPPRESSED, "suppressed_because": because.value})

    async def hold_on(self, delivery: Document, hold: Hold) -> bool:
        """Held by something else, or for longer; whether it was still held."""
        return await self._change(delivery, {"held_by": {"$literal": hold.by}, "held_until": hold.until})

    async def _change(self, delivery: Document, fields: Document) -> bool:
        seen = {"_id": delivery["_id"], "state": HELD, "held_by": delivery["held_by"]}
        done = await self._deliveries.update_one(seen, [{"$set": fields}])
        return bool(done.matched_count)
