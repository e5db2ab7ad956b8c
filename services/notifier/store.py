"""The notifier's database: the queries and conditional updates its loops live on, and their indexes.

Raises DatabaseError where the database does not answer. Claims and leases use the database's clock (`$$NOW`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from pymongo import ASCENDING, ReturnDocument, UpdateOne
from pymongo.errors import BulkWriteError

from services.notifier import alerts, judgements, obligations
from shared import mongo
from shared.exactly_once.cursors import empty
from shared.exactly_once.documents import compare_and_set
from shared.mongo import Database, Document

DELIVERIES = "deliveries"
RECEIVERS = "receivers"
PENDING, DELIVERED, DEAD, SUPPRESSED = "pending", "delivered", "dead", "suppressed"

_INDEXES: dict[str, list[list[tuple[str, int]]]] = {
    obligations.COLLECTION: [[("period", ASCENDING)]],
    alerts.COLLECTION: [
        [("to_notice.revision", ASCENDING)],
        [("rule", ASCENDING), ("_id", ASCENDING)],
        [("region", ASCENDING)],
        [("period", ASCENDING)],
    ],
    judgements.COLLECTION: [[("state", ASCENDING), ("judge_at", ASCENDING)]],
    DELIVERIES: [
        [("receiver", ASCENDING), ("state", ASCENDING), ("next_attempt_at", ASCENDING)],
        [("state", ASCENDING), ("_id", ASCENDING)],
        [("alerts", ASCENDING)],
    ],
}

# Work that waits, by its mark: the index holds only what is waiting, however many documents there are.
_WAITING: dict[str, list[tuple[str, bool]]] = {
    obligations.COLLECTION: [("unsettled", True), ("unpublished", True)],
    alerts.COLLECTION: [("unpublished", True)],
    judgements.COLLECTION: [("is_noticed", False)],
}


class Store:
    def __init__(self, database: Database) -> None:
        self.database = database
        self.obligations = database[obligations.COLLECTION]
        self.alerts = database[alerts.COLLECTION]
        self.judgements = database[judgements.COLLECTION]
        self.deliveries = database[DELIVERIES]
        self.receivers = database[RECEIVERS]

    async def ensure_indexes(self) -> None:
        """Idempotent, also for upgrades."""
        for name, keys in _INDEXES.items():
            for key in keys:
                await self.database[name].create_index(key)
        for name, marks in _WAITING.items():
            for field, value in marks:
                await self.database[name].create_index(field, partialFilterExpression={field: value})

    async def update(self, collection: Any, document_id: str, change: Callable[[Document], Document]) -> Document:
        """Apply a pure change by compare-and-set, again until nobody wrote in between; the document as it stands."""
        while True:
            old = await collection.find_one({"_id": document_id}) or empty(document_id)
            changed = change(old)
            if changed is old:
                return old
            new = {**changed, "rev": old["rev"] + 1}
            if await compare_and_set(collection, old, new):
                return new

    # judgements
    async def plan_judgements(self, wanted: Iterable[Document]) -> None:
        """Insert the judgements that are not there; those that are stay as they are."""
        documents = list(wanted)
        try:
            if documents:
                await self.judgements.insert_many(documents, ordered=False)
        except BulkWriteError as error:
            if not mongo.is_duplicates_only(error):
                raise

    async def due_judgements(self, now: datetime) -> list[Document]:
        found = self.judgements.find({"state": judgements.OPEN, "judge_at": {"$lte": now}}).sort("judge_at", 1)
        return [d async for d in found]

    async def ended_waits(self) -> list[Document]:
        """Judgements that were called undetermined and are judged now: their alert about ourselves is to be ended."""
        return await self.some(self.judgements, {"is_called_undetermined": True, "state": judgements.JUDGED})

    async def open_judgements_of(self, period: str) -> int:
        return int(await self.judgements.count_documents({"period": period, "state": judgements.OPEN}))

    async def first_seen(self, judgement: str) -> Document:
        """The judgement, with the database's time of its first sighting as due (bounded waits use real time)."""
        found: Document = await self.judgements.find_one_and_update(
            {"_id": judgement},
            [{"$set": {"first_seen_at": {"$ifNull": ["$first_seen_at", "$$NOW"]}}}],
            return_document=ReturnDocument.AFTER,
        )
        return found

    async def keep_ends(self, judgement: str, ends: judgements.Ends) -> Document:
        """The end offsets to pass, taken once: the first replica's count."""
        as_lists = {str(p): [begin, end] for p, (begin, end) in ends.items()}
        found: Document = await self.judgements.find_one_and_update(
            {"_id": judgement},
            [{"$set": {"ends": {"$ifNull": ["$ends", {"$literal": as_lists}]}}}],
            return_document=ReturnDocument.AFTER,
        )
        return found

    async def close_judgement(
        self, judgement: str, missing: Mapping[str, list[str]], owed: Mapping[str, list[str]]
    ) -> None:
        """Judged: who is missing of those who owed, by province. Its digests are planned next."""
        await self.judgements.update_one(
            {"_id": judgement, "state": judgements.OPEN},
            {
                "$set": {
                    "state": judgements.JUDGED,
                    "missing": dict(missing),
                    "owed": dict(owed),
                    "is_noticed": not missing,
                }
            },
        )

    async def set_fields(self, collection: Any, document_id: str, fields: Document) -> None:
        """Set fields that no fold touches."""
        await collection.update_one({"_id": document_id}, {"$set": fields})

    async def waiting(self, collection: Any, mark: str, most: int = 200) -> list[Document]:
        """Some documents whose mark (`unsettled`, `unpublished`) names a revision that waits."""
        return await self.some(collection, {mark: {"$gte": 1}}, most)

    async def take_off(self, collection: Any, document: Document, mark: str) -> None:
        """Take a mark off, unless a later revision has set it anew. A mark is the revision and no mere flag: a fold
        writes changed fields only, and one that read the old mark must still set its own."""
        await collection.update_one({"_id": document["_id"], mark: document[mark]}, {"$set": {mark: 0}})

    async def some(self, collection: Any, wanted: Document, most: int = 200) -> list[Document]:
        return [d async for d in collection.find(wanted).limit(most)]

    # deliveries
    async def plan_deliveries(self, planned: Iterable[Document]) -> None:
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
            await self.deliveries.bulk_write(operations, ordered=False)

    async def claim(self, receiver: str, owner: str, lease_s: float) -> Document | None:
        """One due delivery of a receiver, leased to `owner` and its attempt logged, before anything is sent."""
        attempt = {"started_at": "$$NOW", "by": owner, "outcome": "started"}
        claimed: Document | None = await self.deliveries.find_one_and_update(
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

    async def record_attempt(
        self, delivery: Document, outcome: Document, state: str, retry_in_s: float | None
    ) -> None:
        """The attempt's end: what came back, the delivery's new state and, if it is to be tried again, when."""
        last = len(delivery["attempts"]) - 1
        attempts = {**delivery["attempts"][last], **outcome}
        await self.deliveries.update_one(
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
        await self.receivers.update_one({"_id": name}, {"$set": {"disabled_because": because}}, upsert=True)


def _fresh(delivery: Document) -> Document:
    literal = {k: {"$literal": v} for k, v in delivery.items()}
    return {**literal, "next_attempt_at": "$$NOW", "lease_until": "$$NOW", "planned_at": "$$NOW", "attempts": []}
