"""The notifier's database: deliveries as proof of notice, in the order of what happened.

Raises DatabaseError where the database does not answer.
"""

from __future__ import annotations

from datetime import datetime

from pymongo import ASCENDING, IndexModel

from services.notifier.delivery.delivery_store import DELIVERIES
from shared.mongo import Collection, Database, Document

_ORDER = [("payload.timestamp", ASCENDING), ("_id", ASCENDING)]

INDEXES = [
    IndexModel(_ORDER),
    IndexModel([("receiver", ASCENDING), *_ORDER]),
    IndexModel([("payload.data.rule", ASCENDING), *_ORDER]),
    IndexModel([("payload.data.alerts.region", ASCENDING), *_ORDER]),
]


class NoticeStore:
    def __init__(self, database: Database) -> None:
        self._deliveries: Collection = database[DELIVERIES]

    async def listed(self, wanted: Document, after: tuple[datetime, str] | None, most: int) -> list[Document]:
        """Deliveries whose fields are as wanted, after a moment and an id."""
        conditions = [wanted]
        if after is not None:
            at, last = after
            conditions.append({"payload.timestamp": {"$gte": at}})
            conditions.append({"$or": [{"payload.timestamp": {"$gt": at}}, {"_id": {"$gt": last}}]})
        found = self._deliveries.find({"$and": conditions}).sort(_ORDER).limit(most)
        return [delivery async for delivery in found]
