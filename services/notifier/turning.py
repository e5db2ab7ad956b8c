"""All that turns in a notifier: the consumer, and the loops from the log to its receivers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from fastapi import FastAPI

from services.notifier import changes
from services.notifier.alerts.failing_receivers import FailingReceivers
from services.notifier.alerts.settling import Settling
from services.notifier.delivery.delivery_store import DeliveryStore
from services.notifier.delivery.receiver_store import ReceiverStore
from services.notifier.delivery.sending import build_sending
from services.notifier.excuses.excusing import Excusing
from services.notifier.figures.figures import EVERY_S, Figures
from services.notifier.figures.figures_store import FiguresStore
from services.notifier.moments.watching import build_watching
from services.notifier.outbox import Outbox
from services.notifier.rebuild.rebuilding import Rebuilding
from services.notifier.routing.receivers import Receivers
from services.notifier.store import Store
from services.notifier.telling.telling import build_telling
from services.notifier.waking import Waking
from shared import mongo
from shared.clock import Clock
from shared.election.calendar import Calendar
from shared.errors import said
from shared.exactly_once import journal
from shared.exactly_once.steps import AfterFold
from shared.exactly_once.wiring import Consuming, build_consuming
from shared.kafka.security import security_of
from shared.kafka.whole_topic import read_topic
from shared.logs import get_logger
from shared.loops import Loop, supervise
from shared.metrics import Metrics
from shared.settings import Settings
from shared.topics import ALERTS, INCIDENTS, LOGISTICS, NOTIFIER_GROUP, REPORTS

log = get_logger(__name__)

TOPICS = (REPORTS, INCIDENTS, LOGISTICS)
_FOLLOW_S = 0.25
_PING_S = 3.0
STOP_S = 18.0  # a batch in hand, and attempts under way, may end first


@dataclass(frozen=True)
class Parts:
    """The live objects a notifier runs on."""

    settings: Settings
    calendar: Calendar
    receivers: Receivers
    clock: Clock
    client: mongo.Client
    metrics: Metrics
    folding: mongo.Client | None = None  # for batches, which are repeated whole; without one they take `client`


class Notifier:
    """All that turns in a notifier. One straight line: log -> obligations -> alerts -> deliveries -> receivers."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        database = mongo.database(parts.client, mongo.NOTIFIER_DB)
        self.store, self.deliveries = Store(database), DeliveryStore(database)
        self.is_whole = asyncio.Event()
        self.consuming = _consuming(
            parts, lambda topics: self.waking.wake(topics), lambda: self.rebuilding.leave_if_lost()
        )
        self.rebuilding = Rebuilding(
            self.store,
            parts.calendar,
            self.consuming.progress,
            partial(read_topic, parts.settings.kafka, ALERTS.name, security_of(parts.settings)),
            self.consuming.comparison.is_database_behind,
        )
        self.watching = build_watching(
            self.store,
            parts.calendar,
            self.consuming.progress,
            parts.clock,
            self._database_now,
            parts.settings.undetermined_after_s,
            parts.metrics,
        )
        self.receivers = ReceiverStore(database)
        self.sending = build_sending(
            parts.receivers.receivers,
            parts.settings,
            parts.calendar,
            self.store,
            self.deliveries,
            self.receivers,
            parts.metrics,
        )
        following = self._following()
        self.waking = Waking(following, TOPICS)
        self.loops = [*following, *self.sending.send_loops, *self.sending.tell_loops]

    def _loop(self, name: str, step: Callable[[], Awaitable[bool]], idle_s: float = 1.0) -> Loop:
        return Loop(name, step, self.parts.metrics, idle_s)

    def _following(self) -> list[Loop]:
        """All loops but those that send."""
        parts, store = self.parts, self.store
        names = [receiver.name for receiver in parts.receivers.receivers]
        failing = FailingReceivers(store, self.deliveries, self.receivers, names, parts.clock, self._database_now)
        outbox = Outbox(store, self.consuming.producer, parts.metrics)
        figures = Figures(FiguresStore(store.database), parts.calendar, self.now, parts.metrics)
        return [
            self._loop("settle", Settling(store).step, _FOLLOW_S),
            *build_telling(
                store,
                parts.receivers,
                parts.calendar,
                self.now,
                self.sending.wake,
                parts.metrics,
                self.sending.by_receiver,
            ),
            self._loop("publish", outbox.step, _FOLLOW_S),
            self._loop("receivers", failing.step),
            self._loop("excuse", Excusing(store, self.now).step),
            self._loop("rebuild", self.rebuilding.step),
            self._loop("figures", figures.step, EVERY_S),
            *self.watching.loops,
        ]

    async def run(self) -> None:
        """Prepare the database, then turn; supervised, so a database that is away at start is no crash."""
        await self.store.ensure_indexes()
        entries = self.store.database[journal.COLLECTION]
        await journal.keep_for(entries, self.parts.settings.journal_retention)
        await self.watching.plan()
        await self.rebuilding.run()
        self.is_whole.set()
        async with asyncio.TaskGroup() as group:
            for loop in self.loops:
                group.create_task(loop.run(), name=loop.name)

    async def consume(self) -> None:
        """Read the log, into a database that is whole."""
        await self.is_whole.wait()
        await self.consuming.consumer.run()

    async def close(self) -> None:
        """Everything that was given or made, the clients too: last, since what is sent at once is marked by them."""
        closing = (self.sending.close(), self.consuming.reader.stop(), self.consuming.producer.stop())
        for failure in await asyncio.gather(*closing, return_exceptions=True):
            if failure is not None:
                log.warning("not_closed", error=said(failure))
        await mongo.close(self.parts.client)
        if self.parts.folding is not None:
            await mongo.close(self.parts.folding)

    async def _database_now(self) -> datetime:
        return await mongo.server_time(self.parts.client)

    async def now(self) -> datetime:
        """The election's time by the database's clock."""
        return self.parts.clock.at(await self._database_now())

    @contextlib.asynccontextmanager
    async def lifespan(self, _app: FastAPI) -> AsyncIterator[None]:
        """Turns in the background, so health answers at once."""
        metrics = self.parts.metrics
        await self.consuming.producer.start()
        tasks = [
            asyncio.create_task(supervise("consumer", self.consume, metrics)),
            asyncio.create_task(supervise("loops", self.run, metrics)),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=STOP_S)
            await self.close()

    # what `/readyz` asks
    async def check_mongo(self) -> str | None:
        try:
            await asyncio.wait_for(mongo.server_time(self.parts.client), _PING_S)
        except (mongo.DatabaseError, TimeoutError) as error:
            return f"MongoDB does not answer ({type(error).__name__})"
        return None

    async def check_consumer(self) -> str | None:
        return self.consuming.consumer.status

    async def check_loops(self) -> str | None:
        stuck = [loop.name for loop in self.loops if not loop.is_turning()]
        return f"loops do not turn: {', '.join(stuck)}" if stuck else None


def _consuming(
    parts: Parts,
    after_fold: AfterFold,
    before_reading_again: Callable[[], Awaitable[None]],
) -> Consuming:
    return build_consuming(
        parts.settings,
        parts.metrics,
        mongo.database(parts.folding or parts.client, mongo.NOTIFIER_DB),
        group=NOTIFIER_GROUP,
        topics=TOPICS,
        collections=changes.COLLECTIONS,
        changes=changes.changes_of(parts.calendar),
        after_fold=after_fold,
        before_reading_again=before_reading_again,
    )
