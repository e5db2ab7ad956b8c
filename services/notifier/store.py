"""The notifier's database: obligations, alerts and judgements, the queries and conditional updates its loops live on,
and the indexes of all its collections. Deliveries: `delivery_store.py`.

Collections go by their names, as in `changes.py`. Raises DatabaseError where the database does not answer.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any

from pymongo import ASCENDING, IndexModel, ReturnDocument
from pymongo.errors import BulkWriteError

from services.notifier import (
    alerts,
    delivery_store,
    digest_store,
    judgements,
    moment_store,
    moments,
    obligations,
    stocks,
)
from shared.events.verdict import Verdict
from shared.exactly_once.cursors import empty
from shared.exactly_once.documents import compare_and_set
from shared.mongo import Collection, Database, Document, is_duplicates_only

_SOME = 200  # documents of one turn of a loop
_WAITS = {"$gte": 1}  # a mark names the revision that waits


def _waiting_by(mark: str) -> IndexModel:
    """Work that waits, by its mark: the index holds only what is waiting, however many documents there are."""
    return IndexModel([(mark, ASCENDING)], name=f"{mark}_waits", partialFilterExpression={mark: _WAITS})


INDEXES: Mapping[str, list[IndexModel]] = {
    obligations.COLLECTION: [
        IndexModel([("period", ASCENDING)]),
        _waiting_by("unsettled"),
        _waiting_by("unpublished"),
        _waiting_by("unjudged"),
        _waiting_by("unended"),
    ],
    alerts.COLLECTION: [
        IndexModel([("to_notice.revision", ASCENDING)]),
        IndexModel([("rule", ASCENDING), ("_id", ASCENDING)]),
        IndexModel([("region", ASCENDING)]),
        IndexModel([("period", ASCENDING)]),
        _waiting_by("unpublished"),
        *digest_store.ALERT_INDEXES,
    ],
    judgements.COLLECTION: [
        IndexModel([("state", ASCENDING), ("judge_at", ASCENDING)]),
        IndexModel([("is_noticed", ASCENDING)], partialFilterExpression={"is_noticed": False}),
    ],
    delivery_store.DELIVERIES: delivery_store.INDEXES,
    moments.COLLECTION: moment_store.INDEXES,
    stocks.COLLECTION: [IndexModel([("region", ASCENDING)]), _waiting_by("unsettled")],
}


class Store:
    def __init__(self, database: Database) -> None:
        self.database = database
        self._obligations: Collection = database[obligations.COLLECTION]
        self._alerts: Collection = database[alerts.COLLECTION]
        self._judgements: Collection = database[judgements.COLLECTION]

    async def ensure_indexes(self) -> None:
        """Idempotent, also for upgrades."""
        for name, models in INDEXES.items():
            await self.database[name].create_indexes(models)

    async def update(self, collection: str, document_id: str, change: Callable[[Document], Document]) -> Document:
        """Apply a pure change by compare-and-set, again until nobody wrote in between; the document as it stands."""
        documents = self.database[collection]
        while True:
            old = await documents.find_one({"_id": document_id}) or empty(document_id)
            changed = change(old)
            if changed is old:
                return old
            new = {**changed, "rev": old["rev"] + 1}
            if await compare_and_set(documents, old, new):
                return new

    async def insert_new(self, collection: str, documents: list[Document]) -> None:
        """Insert those that are not there; those that are stay as they are."""
        try:
            if documents:
                first = [{**document, "rev": 1} for document in documents]
                await self.database[collection].insert_many(first, ordered=False)
        except BulkWriteError as error:
            if not is_duplicates_only(error):
                raise

    # marks
    async def waiting(self, collection: str, mark: str) -> list[Document]:
        """Some documents whose mark (`unsettled`, `unpublished`) names a revision that waits."""
        return await self._some(self.database[collection], {mark: _WAITS})

    async def take_off(self, collection: str, document: Document, mark: str) -> None:
        """Take a mark off, unless a later revision has set it anew. A mark is the revision and no mere flag: a fold
        writes changed fields only, and one that read the old mark must still set its own."""
        seen = {"_id": document["_id"], mark: document[mark]}
        await self.database[collection].update_one(seen, {"$set": {mark: 0}})

    async def keep_published(self, collection: str, document: Document) -> None:
        """How far a document is on `desk.alerts`; a field that no fold touches."""
        published = {"published": document["unpublished"]}
        await self.database[collection].update_one({"_id": document["_id"]}, {"$set": published})

    async def _some(self, collection: Collection, wanted: Document) -> list[Document]:
        return [d async for d in collection.find(wanted).limit(_SOME)]

    # alerts
    async def alert(self, alert_id: str) -> Document | None:
        """An alert that was raised."""
        found: Document | None = await self._alerts.find_one({"_id": alert_id, "state": {"$exists": True}})
        return found

    async def alerts(self, wanted: Document, after: str | None, most: int) -> list[Document]:
        """Alerts by id, of those whose fields are as wanted."""
        query: Document = {"state": {"$exists": True}, **wanted}
        if after is not None:
            query["_id"] = {"$gt": after}
        return [a async for a in self._alerts.find(query).sort("_id", ASCENDING).limit(most)]

    async def alerts_to_notice(self) -> list[Document]:
        """Some alerts with changes whose notices are not planned yet."""
        return await self._some(self._alerts, {"to_notice.revision": _WAITS})

    # obligations
    async def obligations(self, ids: list[str]) -> dict[str, Document]:
        """Obligations that have a document, by id."""
        return {o["_id"]: o async for o in self._obligations.find({"_id": {"$in": ids}})}

    async def decided(self, period: str) -> list[Document]:
        """The obligations of a period that need no write of a judgement any more: `region`, `verdicts`."""
        undecided = [Verdict.PENDING.value, Verdict.UNDETERMINED.value]
        wanted = {"period": period, "verdict": {"$nin": undecided}}
        return [o async for o in self._obligations.find(wanted, {"region": True, "verdicts": True})]

    async def pending_again(self, now: datetime) -> list[Document]:
        """The obligations whose reports are all withdrawn, and whose moment of judgement has come."""
        wanted = {"unjudged": _WAITS, "judge_at": {"$lte": now}}
        return [o async for o in self._obligations.find(wanted)]

    # stocks
    async def stocks_of(self, region: str) -> dict[str, Document]:
        """What a region has stated of its items, by item."""
        return {d["item"]: d async for d in self.database[stocks.COLLECTION].find({"region": region})}

    # judgements
    async def plan_judgements(self, wanted: Iterable[Document]) -> None:
        """Insert the judgements that are not there; those that are stay as they are."""
        await self.insert_new(judgements.COLLECTION, list(wanted))

    async def due_judgements(self, now: datetime) -> list[Document]:
        due = {"state": judgements.OPEN, "judge_at": {"$lte": now}}
        return [d async for d in self._judgements.find(due).sort("judge_at", ASCENDING)]

    async def open_judgements_of(self, period: str) -> int:
        return int(await self._judgements.count_documents({"period": period, "state": judgements.OPEN}))

    async def is_closed(self, judgement: str) -> bool:
        return await self._judgements.find_one({"_id": judgement, "state": judgements.CLOSED}) is not None

    async def first_seen(self, judgement: str) -> Document:
        """The judgement, with the database's time of its first sighting as due (bounded waits use real time)."""
        return await self._keep_first(judgement, "first_seen_at", "$$NOW")

    async def keep_ends(self, judgement: str, ends: judgements.Ends) -> Document:
        """The judgement, with the end offsets to pass, taken once: the first replica's count."""
        as_lists = {str(p): [begin, end] for p, (begin, end) in ends.items()}
        return await self._keep_first(judgement, "ends", {"$literal": as_lists})

    async def _keep_first(self, judgement: str, field: str, value: Any) -> Document:
        found: Document = await self._judgements.find_one_and_update(
            {"_id": judgement},
            [{"$set": {field: {"$ifNull": [f"${field}", value]}}}],
            return_document=ReturnDocument.AFTER,
        )
        return found

    async def close_judgement(self, judgement: str, missing: Mapping[str, list[str]]) -> None:
        """Judged: who is missing, by province. Its digests are planned next."""
        found = {"missing": dict(missing), "is_noticed": not missing}
        await self._judgements.update_one(
            {"_id": judgement, "state": judgements.OPEN}, {"$set": {"state": judgements.CLOSED, **found}}
        )

    async def judgements_to_notice(self) -> list[Document]:
        """Some closed judgements whose digests are not planned yet."""
        return await self._some(self._judgements, {"is_noticed": False})

    async def keep_noticed(self, judgement: str) -> None:
        await self._judgements.update_one({"_id": judgement}, {"$set": {"is_noticed": True}})

    async def keep_called_undetermined(self, judgement: str, is_called: bool) -> None:
        await self._judgements.update_one({"_id": judgement}, {"$set": {"is_called_undetermined": is_called}})

    async def ended_waits(self) -> list[Document]:
        """Judgements that were called undetermined and are closed now: their alert about ourselves is to be ended."""
        return await self._some(self._judgements, {"is_called_undetermined": True, "state": judgements.CLOSED})
