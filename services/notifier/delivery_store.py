"""The notifier's database: deliveries and receivers, the queries and conditional updates that sending lives on.

Raises DatabaseError where the database does not answer. Claims and leases use the database's clock (`$$NOW`).
"""

from __future__ import annotations

from collections.abc import Iterable

from pymongo import ASCENDING, IndexModel, ReturnDocument, UpdateOne

from shared.mongo import Collection, Database, Document

DELIVERIES = "deliveries"
RECEIVERS = "receivers"
PENDING, DELIVERED, DEAD, SUPPRESSED = "pending", "delivered", "dead", "suppressed"

_LOOK_AGAIN_MS = 1000

INDEXES = [
    IndexModel([("receiver", ASCENDING), ("state", ASCENDING), ("next_attempt_at", ASCENDING)]),
    IndexModel([("state", ASCENDING), ("_id", ASCENDING)]),
    IndexModel([("alerts", ASCENDING)]),
]


class DeliveryStore:
    def __init__(self, database: Database) -> None:
        self.database = database
        self._deliveries: Collection = database[DELIVERIES]
        self._receivers: Collection = database[RECEIVERS]

    async def plan(self, planned: Iterable[Document]) -> None:
        """Written with the decision, before anything is sent; planning twice changes nothing."""
        operations = [
            UpdateOne(
                {"_id": d["_id"]},
                [{"$replaceWith": {"$cond": [{"$gt": ["$state", None]}, "$$ROOT", _fresh(d)]}}],
                upsert=True,
            )
            for d in planned
        ]
        if operations:
            await self._deliveries.bulk_write(operations, ordered=False)

    async def claim(self, receiver: str, owner: str, lease_s: float) -> Document | None:
        """One due delivery of a receiver, leased to `owner` and its attempt logged, before anything is sent."""
        attempt = {"started_at": "$$NOW", "by": owner, "outcome": "started"}
        claimed: Document | None = await self._deliveries.find_one_and_update(
            {
                "receiver": receiver,
                "state": PENDING,
                "$expr": {"$and": [{"$lte": ["$next_attempt_at", "$$NOW"]}, {"$lte": ["$lease_until", "$$NOW"]}]},
            },
            [
                {
                    "$set": {
                        "lease_until": {"$add": ["$$NOW", int(lease_s * 1000)]},
                        "lease_owner": owner,
                        "attempts": {"$concatArrays": ["$attempts", [attempt]]},
                    }
                }
            ],
            sort=[("next_attempt_at", ASCENDING)],
            return_document=ReturnDocument.AFTER,
        )
        return claimed

    async def waits_for_older(self, delivery: Document) -> bool:
        """Whether the receiver is still to be told something earlier about the same alert: then this one is put back
        behind it, so that nobody hears of an alarm's end before the alarm."""
        older = await self._deliveries.find_one(
            {
                "alerts": {"$in": delivery["alerts"]},
                "receiver": delivery["receiver"],
                "state": PENDING,
                "planned_at": {"$lt": delivery["planned_at"]},
            }
        )
        if older is None:
            return False
        wait = {"$max": [{"$literal": older["next_attempt_at"]}, {"$add": ["$$NOW", _LOOK_AGAIN_MS]}]}
        back = {"lease_until": "$$NOW", "next_attempt_at": wait, "attempts": {"$literal": delivery["attempts"][:-1]}}
        await self._deliveries.update_one(
            {"_id": delivery["_id"], "lease_owner": delivery["lease_owner"]}, [{"$set": back}]
        )
        return True

    async def record_attempt(
        self, delivery: Document, outcome: Document, state: str, retry_in_s: float | None
    ) -> None:
        """The attempt's end: what came back, the delivery's new state and, if it is to be tried again, when."""
        last = len(delivery["attempts"]) - 1
        attempts = {**delivery["attempts"][last], **outcome}
        await self._deliveries.update_one(
            {"_id": delivery["_id"], "lease_owner": delivery["lease_owner"], f"attempts.{last}": {"$exists": True}},
            [
                {
                    "$set": {
                        "state": state,
                        "lease_until": "$$NOW",
                        "next_attempt_at": {"$add": ["$$NOW", int((retry_in_s or 0) * 1000)]},
                        "attempts": {
                            "$concatArrays": [
                                {"$slice": ["$attempts", last]} if last else [],
                                [{**{k: {"$literal": v} for k, v in attempts.items()}, "ended_at": "$$NOW"}],
                            ]
                        },
                    }
                }
            ],
        )

    async def disable_receiver(self, name: str, because: str) -> None:
        """The receiver wants no more (410): its deliveries go dead until an operator removes the mark."""
        await self._receivers.update_one({"_id": name}, {"$set": {"disabled_because": because}}, upsert=True)

    async def disabled_because(self, name: str) -> str | None:
        """Why a receiver wants no more; None for one that is told."""
        known = await self._receivers.find_one({"_id": name})
        return known.get("disabled_because") if known else None

    async def of_alerts(self, alert_ids: list[str]) -> list[Document]:
        """The deliveries that tell of any of these alerts, in the order they were planned."""
        found = self._deliveries.find({"alerts": {"$in": alert_ids}}).sort("planned_at", ASCENDING)
        return [d async for d in found]

    async def listed(self, state: str | None, after: str | None, most: int) -> list[Document]:
        """Deliveries by id, of one state or of all."""
        wanted: Document = {"state": state} if state else {}
        if after is not None:
            wanted["_id"] = {"$gt": after}
        return [d async for d in self._deliveries.find(wanted).sort("_id", ASCENDING).limit(most)]


def _fresh(delivery: Document) -> Document:
    literal = {k: {"$literal": v} for k, v in delivery.items()}
    return {**literal, "next_attempt_at": "$$NOW", "lease_until": "$$NOW", "planned_at": "$$NOW", "attempts": []}
