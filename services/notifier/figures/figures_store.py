"""The notifier's database: numbers, each out of an index. Raises DatabaseError where the database does not answer."""

from __future__ import annotations

from datetime import datetime

from pymongo import ASCENDING

from services.notifier.alerts import alerts
from services.notifier.delivery.delivery_store import DELIVERIES
from services.notifier.rules import RULES
from services.notifier.verdicts import judgements, obligations, verdicts
from services.notifier.verdicts.obligation_store import WAITS
from shared.events.alert import AlertState
from shared.mongo import Collection, Database, Document

IN_FORCE = tuple(state.value for state in AlertState if state is not AlertState.RESOLVED)


class FiguresStore:
    def __init__(self, database: Database) -> None:
        self._obligations = database[obligations.COLLECTION]
        self._judgements = database[judgements.COLLECTION]
        self._alerts, self._deliveries = database[alerts.COLLECTION], database[DELIVERIES]

    async def oldest_unjudged(self, now: datetime) -> datetime | None:
        """The earliest moment of judgement that has come, and at which not all who owe have a verdict."""
        due = {"judge_at": {"$lte": now}}
        judgement = await _first(self._judgements, {"state": judgements.OPEN, **due})
        withdrawn = await _first(self._obligations, {"unjudged": WAITS, **due})
        return min((d["judge_at"] for d in (judgement, withdrawn) if d is not None), default=None)

    async def filed(self, period: str) -> int:
        """How many regions have a report that counts."""
        reported = [verdict.value for verdict in verdicts.REPORTED]
        return int(await self._obligations.count_documents({"verdict": {"$in": reported}, "period": period}))

    async def deliveries(self, state: str) -> int:
        return int(await self._deliveries.count_documents({"state": state}))

    async def in_force(self) -> dict[tuple[str, str], int]:
        """How many alerts of each rule are in each state that is not the end: (rule, state) -> number."""
        return {
            (rule, state): int(await self._alerts.count_documents({"rule": rule, "state": state}))
            for rule in RULES
            for state in IN_FORCE
        }


async def _first(collection: Collection, wanted: Document) -> Document | None:
    found: Document | None = await collection.find_one(wanted, {"judge_at": True}, sort=[("judge_at", ASCENDING)])
    return found
