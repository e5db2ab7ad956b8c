"""The notifier's database: how each receiver is doing. Shared by all replicas, in the database's time (`$$NOW`).

A document: `_id` the receiver's name, `failures` passing ones in a row, `open_until`, `last_success_at`,
`last_failure_at`, `last_problem`, `disabled_because`, `disabled_at`, `enabled_by`, `enabled_at`, `told_again_at`.
Raises DatabaseError where the database does not answer.
"""

from __future__ import annotations

from enum import StrEnum

from pymongo import ReturnDocument

from services.notifier.delivery.breaker import OPEN_AFTER, Breaker, breaker_of, wait_s
from shared import mongo
from shared.mongo import Collection, Database, Document

RECEIVERS = "receivers"


class Permit(StrEnum):
    """Whether something may be sent to a receiver now."""

    YES = "yes"
    PROBE = "probe"  # one delivery, to see whether it is back
    NOT_NOW = "not_now"
    DISABLED = "disabled"


class ReceiverStore:
    def __init__(self, database: Database) -> None:
        self.database = database
        self._receivers: Collection = database[RECEIVERS]

    async def permit(self, name: str, lease_s: float) -> Permit:
        """Whether to send now. A probe is given to one asker, and again after `lease_s` if nothing came of it."""
        known = await self._with_now(name)
        if known is None:
            return Permit.YES
        if known.get("disabled_because"):
            return Permit.DISABLED
        breaker = breaker_of(known, known["now"])
        if breaker is not Breaker.HALF_OPEN:
            return Permit.YES if breaker is Breaker.CLOSED else Permit.NOT_NOW
        taken = await self._receivers.update_one(
            {"_id": name, "failures": {"$gte": OPEN_AFTER}, "open_until": known["open_until"]},
            [{"$set": {"open_until": _in(lease_s)}}],
        )
        return Permit.PROBE if taken.modified_count else Permit.NOT_NOW

    async def is_well(self, name: str) -> bool:
        """Whether anything may be sent now, and none of it is a probe."""
        known = await self._with_now(name)
        is_disabled = known is not None and known.get("disabled_because")
        return known is None or (not is_disabled and breaker_of(known, known["now"]) is Breaker.CLOSED)

    async def give_back_probe(self, name: str) -> None:
        """There was nothing to probe with: whatever comes next is the probe, at once."""
        half_open = {"_id": name, "failures": {"$gte": OPEN_AFTER}}
        await self._receivers.update_one(half_open, [{"$set": {"open_until": "$$NOW"}}])

    async def _with_now(self, name: str) -> Document | None:
        pipeline: list[Document] = [{"$match": {"_id": name}}, {"$set": {"now": "$$NOW"}}]
        found = [d async for d in mongo.aggregate(self._receivers, pipeline)]
        return found[0] if found else None

    async def answered(self, name: str, *, is_success: bool) -> bool:
        """It is there; whether that is news, because its breaker was open."""
        seen: Document = {"failures": 0, **({"last_success_at": "$$NOW"} if is_success else {})}
        before = await self._receivers.find_one_and_update({"_id": name}, [{"$set": seen}], upsert=True)
        return before is not None and before.get("failures", 0) >= OPEN_AFTER

    async def failed(self, name: str, problem: str, patience_s: float | None, jitter: float) -> Breaker:
        """One more passing failure in a row, and what the breaker is now. `patience_s` is what the receiver asked for;
        `jitter` (0.7 to 1) keeps many receivers of one broken network apart."""
        seen = {
            "failures": {"$add": [{"$ifNull": ["$failures", 0]}, 1]},
            "last_failure_at": "$$NOW",
            "last_problem": {"$literal": problem},
        }
        after = await self._receivers.find_one_and_update(
            {"_id": name}, [{"$set": seen}], upsert=True, return_document=ReturnDocument.AFTER
        )
        if after["failures"] < OPEN_AFTER:
            return Breaker.CLOSED
        wait = max(wait_s(after["failures"]) * jitter, patience_s or 0.0)
        await self._receivers.update_one(
            {"_id": name, "failures": after["failures"]}, [{"$set": {"open_until": _in(wait)}}]
        )
        return Breaker.OPEN

    async def disable(self, name: str, because: str) -> None:
        """The receiver wants no more (410): its deliveries go dead until an operator enables it."""
        seen = {"disabled_because": {"$literal": because}, "disabled_at": "$$NOW"}
        await self._receivers.update_one({"_id": name}, [{"$set": seen}], upsert=True)

    async def disabled_because(self, name: str) -> str | None:
        """Why a receiver wants no more; None for one that is told."""
        known = await self._receivers.find_one({"_id": name})
        return known.get("disabled_because") if known else None

    async def enable(self, name: str, by: str) -> None:
        """Told again, from now on; its breaker is closed. Enabling what is enabled changes who said so."""
        seen = {"enabled_by": {"$literal": by}, "enabled_at": "$$NOW", "failures": 0}
        gone = ["disabled_because", "disabled_at"]
        await self._receivers.update_one({"_id": name}, [{"$set": seen}, {"$unset": gone}], upsert=True)

    async def all(self) -> dict[str, Document]:
        """What is known, by name, each with the database's time as `now`."""
        return {d["_id"]: d async for d in mongo.aggregate(self._receivers, [{"$set": {"now": "$$NOW"}}])}

    async def claim_telling_again(self, name: str, every_s: float) -> bool:
        """Whether it is the asker's turn to tell a receiver again what still fires: one replica in each `every_s`.
        Of one that was never told anything it is nobody's."""
        is_due = {"$lte": [{"$ifNull": ["$told_again_at", "$$NOW"]}, "$$NOW"]}
        taken = await self._receivers.update_one(
            {"_id": name, "$expr": is_due}, [{"$set": {"told_again_at": _in(every_s)}}]
        )
        return bool(taken.modified_count)


def _in(seconds: float) -> Document:
    return {"$add": ["$$NOW", int(seconds * 1000)]}
