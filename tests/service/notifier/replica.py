"""One replica of the notifier's loops, as a process that a test kills: all but Kafka.

It raises its share of the alerts, which another replica raises too, then plans, releases, escalates and sends.
"""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from typing import Any

from services.notifier.alerts import alerts
from services.notifier.channels import alertmanager, email, webhook
from services.notifier.delivery.delivery_store import DeliveryStore
from services.notifier.delivery.receiver_store import ReceiverStore
from services.notifier.delivery.sending import build_sending
from services.notifier.routing.receivers import Receivers
from services.notifier.rules import quiet_period_violation
from services.notifier.store import Store
from services.notifier.telling.telling import build_telling
from shared import clock, mongo
from shared.clock import RealClock
from shared.election import quiet_period
from shared.loops import Loop
from shared.metrics import Metrics
from shared.settings import Settings
from tests.builders import a_calendar, an_incident

LEASE_S = 8.0
SHARES = 4  # each is raised by two of eight replicas


@dataclass(frozen=True)
class Task:
    """What a replica is told. `clock_off_s` is by how much its machine's clock is wrong."""

    mongo_url: str
    database: str
    receivers: dict[str, Any]
    number: int  # of alerts
    share: int
    raised_at: datetime
    clock_off_s: int = 0


def run(task: Task) -> None:
    """Turns until it is killed."""
    if task.clock_off_s:
        set_clock_off(timedelta(seconds=task.clock_off_s))
    asyncio.run(_turn(task))


def set_clock_off(off: timedelta) -> None:
    """Whatever asks this machine for the time gets a wrong one."""

    class WrongClock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + off

    right = time.time
    time.time = lambda: right() + off.total_seconds()
    for module in (clock, webhook, email, alertmanager):
        module.datetime = WrongClock  # type: ignore[attr-defined]


async def _turn(task: Task) -> None:
    client = mongo.connect(task.mongo_url, timeout_ms=20_000)
    database, calendar = mongo.database(client, task.database), a_calendar()
    store, deliveries = Store(database), DeliveryStore(database)
    receivers, metrics = Receivers.model_validate(task.receivers), Metrics("replica")
    settings = Settings(webhook_timeout_s=6.0, send_timeout_s=6.0, delivery_lease_s=LEASE_S)
    sending = build_sending(
        receivers.receivers, settings, calendar, store, deliveries, ReceiverStore(database), metrics
    )

    async def now() -> datetime:
        return RealClock().at(await mongo.server_time(client))

    raising = Loop("raise", Raising(store, task).step, metrics, 0.25)
    telling = build_telling(store, receivers, calendar, now, sending.wake, metrics, sending.by_receiver)
    async with asyncio.TaskGroup() as group:
        for loop in [raising, *telling, *sending.send_loops]:
            group.create_task(loop.run())


class Raising:
    """What the consumer does with violations, in an order of its own."""

    def __init__(self, store: Store, task: Task) -> None:
        self._store, self._task, self._calendar = store, task, a_calendar()
        self._left = [n for n in range(task.number) if n % SHARES == task.share]
        random.shuffle(self._left)

    async def step(self) -> bool:
        if not self._left:
            return False
        event_id = f"i{self._left.pop()}"
        at = self._task.raised_at
        incident = an_incident(at, at, event_id=event_id)
        flags = quiet_period.flags(self._calendar, incident)
        alert_id = quiet_period_violation.alert_id("bawaslu", event_id)
        await self._store.update(
            alerts.COLLECTION, alert_id, lambda alert: quiet_period_violation.raised(alert, incident, flags)
        )
        return True
