"""The notifier's database: deliveries, the queries and conditional updates that sending lives on.

Raises DatabaseError where the database does not answer. Claims and leases use the database's clock (`$$NOW`).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable

from pymongo import ASCENDING, IndexModel, ReturnDocument, UpdateOne
from pymongo.errors import DuplicateKeyError

from services.notifier.delivery.delivery_states import DEAD, DELIVERED, HELD, PENDING, SUPPRESSED
from shared import mongo
from shared.mongo import Collection, Database, Document

DELIVERIES = "deliveries"

_LOOK_AGAIN_MS = 1000
_SOME = 200  # documents of one turn of a loop
_OWED_SINCE = {"$ifNull": ["$retried_at", "$released_at", "$planned_at"]}

INDEXES = [
    IndexModel([("receiver", ASCENDING), ("state", ASCENDING), ("next_attempt_at", ASCENDING)]),
    IndexModel([("state", ASCENDING), ("_id", ASCENDING)]),
    IndexModel([("alerts", ASCENDING)]),
    IndexModel([("webhook_id", ASCENDING)]),
    IndexModel([("state", ASCENDING), ("held_by", ASCENDING)]),
    IndexModel([("state", ASCENDING), ("held_until", ASCENDING)]),
    IndexModel([("unsettled", ASCENDING)], name="unsettled_waits", partialFilterExpression={"unsettled": {"$gte": 1}}),
]


class DeliveryStore:
    def __init__(self, database: Database) -> None:
        self.database = database
        self._deliveries: Collection = database[DELIVERIES]

    async def plan(self, planned: Iterable[Document]) -> None:
        """Written with the decision, before anything is sent; planning twice changes nothing."""
        operations = [UpdateOne({"_id": d["_id"]}, _unless_there(_fresh(d)), upsert=True) for d in planned]
        if operations:
            await self._deliveries.bulk_write(operations, ordered=False)

    async def plan_claimed(self, planned: Document, owner: str, lease_s: float) -> Document | None:
        """Written as by `plan` and leased to `owner` as by `claim`, its attempt logged, in one write; None if it had
        been planned before. The lease is of this very call: what a call before it has left is somebody's who may be
        sending it."""
        lease_owner = f"{owner}#{secrets.token_hex(8)}"
        leased = {
            **_fresh({**planned, "lease_owner": lease_owner}),
            "lease_until": {"$add": ["$$NOW", int(lease_s * 1000)]},
            "attempts": [_attempt(owner)],
        }
        try:
            written: Document = await self._deliveries.find_one_and_update(
                {"_id": planned["_id"]}, _unless_there(leased), upsert=True, return_document=ReturnDocument.AFTER
            )
        except DuplicateKeyError:  # in the same moment
            return None
        return written if written.get("lease_owner") == lease_owner else None

    async def claim(self, receiver: str, owner: str, lease_s: float, *, is_probe: bool = False) -> Document | None:
        """One due delivery of a receiver, leased to `owner` and its attempt logged, before anything is sent. A probe
        is the one planned first, due or not."""
        due = [] if is_probe else [{"$lte": ["$next_attempt_at", "$$NOW"]}]
        claimed: Document | None = await self._deliveries.find_one_and_update(
            {
                "receiver": receiver,
                "state": PENDING,
                "$expr": {"$and": [*due, {"$lte": ["$lease_until", "$$NOW"]}]},
            },
            [
                {
                    "$set": {
                        "lease_until": {"$add": ["$$NOW", int(lease_s * 1000)]},
                        "lease_owner": owner,
                        "attempts": {"$concatArrays": ["$attempts", [_attempt(owner)]]},
                    }
                }
            ],
            sort=[("planned_at" if is_probe else "next_attempt_at", ASCENDING)],
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
        """The attempt's end: what came back, the delivery's new state and, if it is to be tried again, when. One that
        goes dead is marked (`unsettled`: how many attempts it had): an alert follows from it."""
        mark = {"unsettled": len(delivery["attempts"])} if state == DEAD else {}
        last = len(delivery["attempts"]) - 1
        attempts = {**delivery["attempts"][last], **outcome}
        await self._deliveries.update_one(
            {"_id": delivery["_id"], "lease_owner": delivery["lease_owner"], f"attempts.{last}": {"$exists": True}},
            [
                {
                    "$set": {
                        "state": state,
                        **mark,
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

    async def expire(self, receiver: str, retry_for_s: float, problem: str) -> int:
        """A receiver's pending deliveries that have waited for `retry_for_s` are dead; how many. Those under way are
        left to whoever has them."""
        over = {"$subtract": ["$$NOW", int(retry_for_s * 1000)]}
        ended = {"started_at": "$$NOW", "ended_at": "$$NOW", "outcome": "failed", "problem": {"$literal": problem}}
        tried = {"$concatArrays": ["$attempts", [ended]]}
        done = await self._deliveries.update_many(
            {
                "receiver": receiver,
                "state": PENDING,
                "$expr": {"$and": [{"$lte": ["$lease_until", "$$NOW"]}, {"$lt": [_OWED_SINCE, over]}]},
            },
            [{"$set": {"state": DEAD, "attempts": tried, "unsettled": {"$size": tried}}}],
        )
        return int(done.modified_count)

    async def given_up(self) -> list[Document]:
        """Some deliveries that went dead and whose alert does not know it yet."""
        found = self._deliveries.find({"unsettled": {"$gte": 1}}, {"payload": False}).limit(_SOME)
        return [d async for d in found]

    async def keep_settled(self, delivery: Document) -> None:
        """Its alert knows; unless it was sent again meanwhile and went dead anew."""
        seen = {"_id": delivery["_id"], "unsettled": delivery["unsettled"]}
        await self._deliveries.update_one(seen, {"$unset": {"unsettled": True}})

    async def release(self, receiver: str) -> None:
        """The receiver is back: what waits for another try is due now."""
        await self._deliveries.update_many(
            {"receiver": receiver, "state": PENDING, "$expr": {"$gt": ["$next_attempt_at", "$$NOW"]}},
            [{"$set": {"next_attempt_at": "$$NOW"}}],
        )

    async def retry(self, delivery_id: str, by: str) -> bool:
        """Owed once more, from now on, by an operator's word; whether there was something to be done: of what is
        delivered there is not, and what waits is due now."""
        due_now = {"next_attempt_at": "$$NOW"}
        done = await self._deliveries.update_one(
            {"_id": delivery_id, "state": {"$in": [HELD, PENDING, DEAD, SUPPRESSED]}},
            [{"$set": {"state": PENDING, **due_now, "retried_at": "$$NOW", "retried_by": {"$literal": by}}}],
        )
        return bool(done.matched_count)

    async def one(self, delivery_id: str) -> Document | None:
        """A delivery by its id or, as its receiver knows it, its `webhook_id`."""
        found: Document | None = await self._deliveries.find_one(
            {"$or": [{"_id": delivery_id}, {"webhook_id": delivery_id}]}
        )
        return found

    async def counts(self) -> dict[str, dict[str, int]]:
        """How many deliveries of each receiver wait and are dead: receiver -> state -> number."""
        found: dict[str, dict[str, int]] = {}
        async for row in mongo.aggregate(
            self._deliveries,
            [
                {"$match": {"state": {"$in": [PENDING, DEAD]}}},
                {"$group": {"_id": {"receiver": "$receiver", "state": "$state"}, "number": {"$sum": 1}}},
            ],
        ):
            found.setdefault(row["_id"]["receiver"], {})[row["_id"]["state"]] = row["number"]
        return found

    async def last_told(self, receiver: str, alert_ids: list[str]) -> dict[str, Document]:
        """What a receiver was told last of these alerts: alert -> payload."""
        wanted = {"alerts": {"$in": alert_ids}, "receiver": receiver, "state": DELIVERED}
        found = self._deliveries.find(wanted, {"alerts": True, "payload": True}).sort("planned_at", ASCENDING)
        return {alert_id: d["payload"] async for d in found for alert_id in d["alerts"] if alert_id in alert_ids}

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


def _unless_there(fresh: Document) -> list[Document]:
    return [{"$replaceWith": {"$cond": [{"$gt": ["$state", None]}, "$$ROOT", fresh]}}]


def _attempt(owner: str) -> Document:
    return {"started_at": "$$NOW", "by": owner, "outcome": "started"}


def _fresh(delivery: Document) -> Document:
    literal = {k: {"$literal": v} for k, v in delivery.items()}
    return {**literal, "next_attempt_at": "$$NOW", "lease_until": "$$NOW", "planned_at": "$$NOW", "attempts": []}
