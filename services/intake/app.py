"""Puts intake together: `create_app` makes the live objects, `build` connects whatever parts it is given."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.intake import store
from services.intake.accepting import Acceptor
from services.intake.api import routes
from services.intake.door import Door
from services.intake.skew import ClockSkew
from services.intake.store import Fingerprints
from shared import asyncapi, mongo
from shared.access import store as access_store
from shared.access.store import AccessStore
from shared.clock import make_clock
from shared.election.loaded import load_calendar
from shared.events.codec import SCHEMAS
from shared.http.service import Check, Lifespan, make_app
from shared.kafka.producer import Producer
from shared.metrics import Metrics
from shared.settings import Settings
from shared.topics import INCIDENTS, LOGISTICS, REPORTS

SERVICE = "intake"
# Intake asks MongoDB for single small documents only; whoever waits longer for those waits in vain.
MONGO_TIMEOUT_MS = 2_000


def build(door: Door, checks: Mapping[str, Check], lifespan: Lifespan, kafka: str) -> FastAPI:
    """The app over ready-made parts. `checks` are what `/readyz` asks; `kafka` is for the AsyncAPI document."""

    @functools.cache
    def documents() -> bytes:
        published = {topic: SCHEMAS[topic] for topic in (REPORTS, INCIDENTS, LOGISTICS)}
        return asyncapi.document(SERVICE, publishes=published, consumes={}, address=kafka)

    app = make_app("Desk Pilkada intake", lifespan, checks, door.metrics, documents)
    app.include_router(routes(door))
    return app


def create_app(settings: Settings) -> FastAPI:
    """Intake as the settings want it. Nothing is dialled before the app starts. Raises BadFile, ValueError."""
    calendar = load_calendar(settings.election, settings.roster, settings.obligations_from)
    clock = make_clock(settings.clock, settings.data_dir)
    client = mongo.connect(settings.mongo, settings.mongo_driver, min(settings.mongo_timeout_ms, MONGO_TIMEOUT_MS))
    producer = Producer(settings.kafka, settings.publish_deadline_s, "desk.intake")
    metrics = Metrics(SERVICE)
    keys = mongo.database(client, mongo.ACCESS_DB)[access_store.COLLECTION]
    known = Fingerprints(mongo.database(client, mongo.INTAKE_DB)[store.COLLECTION])
    door = Door(
        access=AccessStore(keys, settings.access_cache_s),
        calendar=calendar,
        clock=clock,
        acceptor=Acceptor(producer, known, metrics),
        fingerprints=known,
        metrics=metrics,
        body_limit_bytes=settings.body_limit_bytes,
    )
    skew = ClockSkew(functools.partial(mongo.server_time, client))

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        await producer.start()
        yield
        await producer.stop()
        await mongo.close(client)

    return build(door, {"kafka": producer.problem, "clock": skew.check}, lifespan, settings.kafka)
