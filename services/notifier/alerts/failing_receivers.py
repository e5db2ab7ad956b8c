"""From deliveries that were given up to the alert about their receiver, and from its recovery to the alert's end."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from functools import partial

from services.notifier.alerts import alerts
from services.notifier.delivery.delivery_store import DeliveryStore
from services.notifier.delivery.receiver_store import ReceiverStore
from services.notifier.rules import receiver_failing
from services.notifier.store import Store
from services.notifier.verdicts.judging import DatabaseClock
from shared.clock import Clock
from shared.events.alert import AlertState
from shared.mongo import Document

_MOST = 1000  # alerts of one turn; there is one for each receiver at most


class FailingReceivers:
    """`names` are the receivers of the receivers file."""

    def __init__(
        self,
        store: Store,
        deliveries: DeliveryStore,
        receivers: ReceiverStore,
        names: Collection[str],
        clock: Clock,
        database_now: DatabaseClock,
    ) -> None:
        self._store, self._deliveries, self._receivers = store, deliveries, receivers
        self._names, self._clock, self._database_now = frozenset(names), clock, database_now

    async def step(self) -> bool:
        """Settle some deliveries that went dead, then look how the receivers that fail are doing; whether there was
        something to settle."""
        dead = await self._deliveries.given_up()
        for delivery in dead:
            alert_id = receiver_failing.alert_id(delivery["receiver"])
            fired = partial(receiver_failing.given_up, delivery=delivery, clock=self._clock.at)
            await self._store.update(alerts.COLLECTION, alert_id, fired)
            await self._deliveries.keep_settled(delivery)
        await self._look()
        return bool(dead)

    async def _look(self) -> None:
        failing = {"rule": receiver_failing.NAME, "state": {"$ne": AlertState.RESOLVED.value}}
        found = await self._store.alerts(failing, None, _MOST)
        if not found:
            return
        known, now = await self._receivers.all(), await self._database_now()
        for alert in found:
            await self._end(alert["_id"], known, now)

    async def _end(self, alert_id: str, known: dict[str, Document], now: datetime) -> None:
        name = alert_id.partition(":")[2]
        receiver = known.get(name, {}) if name in self._names else None
        await self._store.update(
            alerts.COLLECTION, alert_id, lambda a: receiver_failing.recovered(a, receiver, now, self._clock.at)
        )
