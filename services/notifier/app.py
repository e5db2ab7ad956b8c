"""Puts the notifier together: the only module that knows both the rules and the adapters."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from fastapi import FastAPI

from services.notifier import api, changes
from services.notifier.delivering import Sender, make_channel
from services.notifier.judging import Judge
from services.notifier.outbox import Outbox
from services.notifier.planning import Planning
from services.notifier.receivers import Receivers, read_receivers
from services.notifier.settling import Settling
from services.notifier.store import Store
from shared import asyncapi, mongo
from shared.access import store as access_store
from shared.access.store import AccessStore
from shared.clock import Clock, make_clock
from shared.election.calendar import Calendar
from shared.election.loaded import load_calendar
from shared.events.alert import AlertEvent
from shared.events.incident import IncidentEvent
from shared.events.report import ReportEvent
from shared.events.verdict import VerdictEvent
from shared.exactly_once.wiring import Consuming, build_consuming
from shared.http.service import make_app
from shared.loops import Loop, supervise
from shared.metrics import Metrics
from shared.settings import Settings
from shared.topics import ALERTS, INCIDENTS, NOTIFIER_GROUP, REPORTS

SERVICE = "notifier"
_FOLLOW_S = 0.25


@dataclass(frozen=True)
class Parts:
    """The live objects a notifier runs on."""

    settings: Settings
    calendar: Calendar
    receivers: Receivers
    clock: Clock
    client: mongo.Client
    metrics: Metrics


def create_app(settings: Settings) -> FastAPI:
    """Read the files, make the live objects, build. Raises BadFile, ValueError: one clear line."""
    calendar = load_calendar(settings.election, settings.roster, settings.obligations_from)
    receivers = read_receivers(settings.receivers)
    clock = make_clock(settings.clock, settings.data_dir)
    client = mongo.connect(settings.mongo, settings.mongo_driver, settings.mongo_timeout_ms)
    return build(Parts(settings, calendar, receivers, clock, client, Metrics(SERVICE)))


class Notifier:
    """All that turns in a notifier. One straight line: log -> obligations -> alerts -> deliveries -> receivers."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        database = mongo.database(parts.client, mongo.NOTIFIER_DB)
        self.store = Store(database)
        owner = f"{socket.gethostname()}:{os.getpid()}"
        self.senders = [
            Sender(
                receiver,
                make_channel(receiver, parts.settings),
                self.store,
                owner,
                parts.settings.delivery_lease_s,
                parts.metrics,
            )
            for receiver in parts.receivers.receivers
        ]
        loop = partial(Loop, metrics=parts.metrics)
        self.sending = [loop(f"send:{s.receiver.name}", s.step) for s in self.senders]
        planning = Planning(self.store, parts.calendar, parts.receivers, self._now, self._wake_senders)
        self.planning = loop("plan", planning.step, idle_s=_FOLLOW_S)
        self.settling = loop("settle", Settling(self.store).step, idle_s=_FOLLOW_S)
        self.consuming: Consuming = build_consuming(
            parts.settings,
            parts.metrics,
            database,
            group=NOTIFIER_GROUP,
            topics=(REPORTS, INCIDENTS),
            collections=changes.COLLECTIONS,
            changes=changes.changes_of(parts.calendar),
            after_commit=self._wake,
        )
        election = parts.calendar.election.election
        outbox = Outbox(self.store, self.consuming.producer, election, parts.metrics)
        self.publishing = loop("publish", outbox.step, idle_s=_FOLLOW_S)
        self.judge = Judge(
            self.store,
            parts.calendar,
            self.consuming.reader,
            parts.clock,
            partial(mongo.server_time, parts.client),
            parts.settings.undetermined_after_s,
        )
        self.judging = loop("judge", self.judge.step)
        self.loops = [self.settling, self.planning, self.publishing, self.judging, *self.sending]

    async def run(self) -> None:
        """Prepare the database, then turn; supervised, so a database that is away at start is no crash."""
        await self.store.ensure_indexes()
        await self.judge.plan()
        async with asyncio.TaskGroup() as group:
            for loop in self.loops:
                group.create_task(loop.run(), name=loop.name)

    async def close(self) -> None:
        for sender in self.senders:
            await sender.close()
        await self.consuming.reader.stop()
        await self.consuming.producer.stop()

    async def _now(self) -> datetime:
        return self.parts.clock.at(await mongo.server_time(self.parts.client))

    def _wake(self) -> None:
        for loop in (self.settling, self.planning, self.publishing, self.judging):
            loop.wake()

    def _wake_senders(self) -> None:
        for loop in self.sending:
            loop.wake()

    # what `/readyz` asks
    async def check_mongo(self) -> str | None:
        try:
            await asyncio.wait_for(mongo.server_time(self.parts.client), 3)
        except (mongo.DatabaseError, TimeoutError) as error:
            return f"MongoDB does not answer ({type(error).__name__})"
        return None

    async def check_consumer(self) -> str | None:
        return self.consuming.consumer.status

    async def check_loops(self) -> str | None:
        stuck = [loop.name for loop in self.loops if not loop.is_turning()]
        return f"loops do not turn: {', '.join(stuck)}" if stuck else None


def build(parts: Parts) -> FastAPI:
    """The notifier's app over ready-made parts."""
    notifier = Notifier(parts)
    access = AccessStore(
        mongo.database(parts.client, mongo.ACCESS_DB)[access_store.COLLECTION], parts.settings.access_cache_s
    )
    checks: dict[str, Callable[[], Awaitable[str | None]]] = {
        "mongo": notifier.check_mongo,
        "consumer": notifier.check_consumer,
        "loops": notifier.check_loops,
    }

    @contextlib.asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await notifier.consuming.producer.start()
        tasks = [
            asyncio.create_task(supervise("consumer", notifier.consuming.consumer.run, parts.metrics)),
            asyncio.create_task(supervise("loops", notifier.run, parts.metrics)),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=18)
            await notifier.close()
            await mongo.close(parts.client)

    app = make_app("Desk Pilkada: notifier", lifespan, checks, parts.metrics, lambda: _asyncapi(parts.settings))
    app.include_router(api.routes(notifier.store, access, parts.calendar))
    return app


def _asyncapi(settings: Settings) -> bytes:
    return asyncapi.document(
        SERVICE,
        publishes={ALERTS: AlertEvent | VerdictEvent},
        consumes={REPORTS: ReportEvent, INCIDENTS: IncidentEvent},
        address=settings.kafka,
    )
