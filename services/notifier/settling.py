"""From verdicts to alerts: an obligation whose verdicts may concern an alert is settled, idempotently."""

from __future__ import annotations

from datetime import date

from services.notifier import alerts, obligations
from services.notifier.rules import missing_report
from services.notifier.store import Store
from shared.mongo import Document


class Settling:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def step(self) -> bool:
        """Bring alerts up to the verdicts of a few obligations; whether there was work."""
        waiting = await self._store.waiting(obligations.COLLECTION, "unsettled")
        for obligation in waiting:
            await self.settle(obligation)
        return bool(waiting)

    async def settle(self, obligation: Document) -> None:
        """The mark is taken off only if no verdict came in between; a repeat changes nothing."""
        alert_id = missing_report.alert_id(date.fromisoformat(obligation["period"]), obligation["region"])
        await self._store.update(
            alerts.COLLECTION, alert_id, lambda alert: missing_report.alert_after(alert, obligation)
        )
        await self._store.take_off(obligations.COLLECTION, obligation, "unsettled")
