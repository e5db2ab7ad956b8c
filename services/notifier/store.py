"""The notifier's database: what is done to any of its documents, the alerts' queries, and the indexes of all its
collections. Obligations and judgements: `verdicts/`; deliveries: `delivery/delivery_store.py`.

Collections go by their names, as in `changes.py`. Raises DatabaseError where the database does not answer.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Mapping
from datetime import UTC, datetime

from pymongo import ASCENDING, IndexModel, UpdateOne

from services.notifier.alerts import alerts
from services.notifier.delivery import delivery_store
from services.notifier.excuses import excuse_store, excuses
from services.notifier.holding import silence_store, silences
from services.notifier.moments import moment_store, moments, stocks
from services.notifier.notices import notice_store
from services.notifier.telling import digest_store
from services.notifier.verdicts import judgement_store, judgements, obligation_store, obligations
from services.notifier.verdicts.judgement_store import JudgementStore
from services.notifier.verdicts.obligation_store import WAITS, ObligationStore, waiting_by
from shared import mongo
from shared.exactly_once.cursors import empty
from shared.exactly_once.documents import compare_and_set, compare_and_set_all
from shared.mongo import Collection, Database, Document, all_of

_EVER = datetime(1970, 1, 1, tzinfo=UTC)
_SOME = 200  # documents of one turn of a loop
_MANY = 1000  # of one that writes them all at once

INDEXES: Mapping[str, list[IndexModel]] = {
    obligations.COLLECTION: obligation_store.INDEXES,
    alerts.COLLECTION: [
        IndexModel([("to_notice.revision", ASCENDING)]),
        IndexModel([("rule", ASCENDING), ("_id", ASCENDING)]),
        IndexModel([("rule", ASCENDING), ("state", ASCENDING)]),
        IndexModel([("region", ASCENDING)]),
        IndexModel([("period", ASCENDING)]),
        IndexModel([("look_at", ASCENDING)], partialFilterExpression={"look_at": {"$gt": _EVER}}),
        waiting_by("unpublished"),
        *digest_store.ALERT_INDEXES,
    ],
    judgements.COLLECTION: judgement_store.INDEXES,
    delivery_store.DELIVERIES: [*delivery_store.INDEXES, *notice_store.INDEXES],
    silences.COLLECTION: silence_store.INDEXES,
    excuses.COLLECTION: excuse_store.INDEXES,
    moments.COLLECTION: moment_store.INDEXES,
    stocks.COLLECTION: [IndexModel([("region", ASCENDING)]), waiting_by("unsettled")],
}


class Store(ObligationStore, JudgementStore):
    def __init__(self, database: Database) -> None:
        ObligationStore.__init__(self, database)
        JudgementStore.__init__(self, database)
        self._alerts: Collection = database[alerts.COLLECTION]

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

    async def update_all(
        self,
        collection: str,
        changes: Mapping[str, Callable[[Document], Document]],
        absent: Container[str] = frozenset(),
    ) -> dict[str, Document]:
        """As `update`, for many documents at once, by id. A change must be one that changes nothing the second time:
        where somebody wrote one of them in between, all are looked at again. Of those that were `absent` a moment ago
        none is looked for first."""
        documents = self.database[collection]
        while True:
            stored = {document_id: empty(document_id) for document_id in changes}
            known = [document_id for document_id in changes if document_id not in absent]
            absent = frozenset()
            if known:
                stored.update({d["_id"]: d for d in await all_of(documents.find({"_id": {"$in": known}}))})
            changed = {document_id: change(stored[document_id]) for document_id, change in changes.items()}
            pairs = [
                (stored[i], {**new, "rev": stored[i]["rev"] + 1}) for i, new in changed.items() if new is not stored[i]
            ]
            if not pairs or await compare_and_set_all(documents, pairs) == len(pairs):
                return stored | {new["_id"]: new for _, new in pairs}

    async def insert_new(self, collection: str, documents: list[Document]) -> None:
        """Insert those that are not there; those that are stay as they are."""
        await mongo.insert_new(self.database[collection], [{**document, "rev": 1} for document in documents])

    # marks
    async def waiting(self, collection: str, mark: str) -> list[Document]:
        """Many documents whose mark (`unsettled`, `unpublished`) names a revision that waits."""
        return await all_of(self.database[collection].find({mark: WAITS}).limit(_MANY))

    async def take_off(self, collection: str, document: Document, mark: str) -> None:
        """Take a mark off, unless a later revision has set it anew. A mark is the revision and no mere flag: a fold
        writes changed fields only, and one that read the old mark must still set its own."""
        await self.take_off_all(collection, [document], mark)

    async def take_off_all(self, collection: str, documents: Iterable[Document], mark: str) -> None:
        wanted = [UpdateOne({"_id": d["_id"], mark: d[mark]}, {"$set": {mark: 0}}) for d in documents]
        if wanted:
            await self.database[collection].bulk_write(wanted, ordered=False)

    async def keep_published(self, collection: str, documents: Iterable[Document]) -> None:
        """How far documents are on `desk.alerts`, a field that no fold touches; and their mark is taken off, as by
        `take_off_all`, in the same write."""
        wanted = [UpdateOne({"_id": d["_id"]}, [{"$set": _published(d["unpublished"])}]) for d in documents]
        if wanted:
            await self.database[collection].bulk_write(wanted, ordered=False)

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

    async def alerts_by_id(self, ids: list[str]) -> dict[str, Document]:
        """Alerts that were raised, by id."""
        wanted = {"_id": {"$in": ids}, "state": {"$exists": True}}
        return {a["_id"]: a async for a in self._alerts.find(wanted)}

    async def alerts_to_notice(self) -> list[Document]:
        """Some alerts with changes whose notices are not planned yet."""
        return await all_of(self._alerts.find({"to_notice.revision": WAITS}).limit(_SOME))

    async def alerts_to_look_at(self, now: datetime, wanted: Document | None = None) -> list[Document]:
        """Alerts whose moment to look again has come, the earliest first: some of them, or all that are `wanted`."""
        due = self._alerts.find({**(wanted or {}), "look_at": {"$gt": _EVER, "$lte": now}}).sort("look_at", ASCENDING)
        return [a async for a in (due if wanted else due.limit(_SOME))]

    # stocks
    async def stocks_of(self, region: str) -> dict[str, Document]:
        """What a region has stated of its items, by item."""
        return {d["item"]: d async for d in self.database[stocks.COLLECTION].find({"region": region})}


def _published(revision: int) -> Document:
    is_latest = {"$eq": ["$unpublished", revision]}
    return {"published": revision, "unpublished": {"$cond": [is_latest, 0, "$unpublished"]}}
