"""Puts intake together: `create_app` makes the live objects, `build` connects whatever parts it is given."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

from fastapi import FastAPI

from services.intake import store
from services.intake.accepting.accepting import Acceptor
from services.intake.accepting.places import Places
from services.intake.admin import api as admin
from services.intake.api import routes
from services.intake.batch import api as batch
from services.intake.batch.upload import NO_OTHER_LIMITS, UploadLimits
from services.intake.calls.plain_calls import plain_calls
from services.intake.calls.short_calls import short_calls
from services.intake.certificates import EVERY_S, Certificates, addresses_of
from services.intake.door.door import Door
from services.intake.door.queues import Queues
from services.intake.door.rate_limits import RateLimits
from services.intake.door.rush import RushHours
from services.intake.pages.key import COOKIE
from services.intake.pages.routes import add_pages
from services.intake.skew import ClockSkew
from services.intake.store import Fingerprints
from shared import asyncapi, mongo
from shared.access import store as access_store
from shared.access.registry import Registry
from shared.access.store import AccessStore
from shared.clock import make_clock
from shared.election.loaded import load_calendar
from shared.events.codec import SCHEMAS
from shared.http.serve import settle_threads
from shared.http.service import Check, Lifespan, make_app
from shared.kafka.producer import Producer
from shared.kafka.security import security_of
from shared.loops import Loop
from shared.metrics import Metrics
from shared.settings import Settings
from shared.topics import INCIDENTS, LOGISTICS, REPORTS

SERVICE = "intake"
# Intake asks MongoDB for single small documents only; whoever waits longer for those waits in vain.
MONGO_TIMEOUT_MS = 2_000
KEY_TIMEOUT_S = 1.0  # with the publish deadline every answer is there within 10 s, whatever hangs


def build(
    door: Door,
    registry: Registry,
    checks: Mapping[str, Check],
    lifespan: Lifespan,
    kafka: str,
    uploads: UploadLimits = NO_OTHER_LIMITS,
) -> FastAPI:
    """The app over ready-made parts. `checks` are what `/readyz` asks; `kafka` is for the AsyncAPI document."""

    @functools.cache
    def documents() -> bytes:
        published = {topic: SCHEMAS[topic] for topic in (REPORTS, INCIDENTS, LOGISTICS)}
        return asyncapi.document(SERVICE, publishes=published, consumes={}, address=kafka)

    app = make_app("Desk Pilkada intake", lifespan, checks, door.metrics, documents)
    app.add_middleware(Queues, access=door.access, turnstile=door.turnstile, cookie=COOKIE)
    app.include_router(routes(door))
    app.include_router(batch.routes(door, uploads))
    app.include_router(admin.routes(door, registry))
    add_pages(app, door)
    app.router.routes[:0] = plain_calls(door)
    app.state.short_ways = short_calls(door)
    return app


def create_app(settings: Settings) -> FastAPI:
    """Intake as the settings want it. Nothing is dialled before the app starts. Raises BadFile, ValueError."""
    calendar = load_calendar(settings.election, settings.roster, settings.obligations_from)
    clock = make_clock(settings.clock, settings.data_dir)
    client = mongo.connect(settings.mongo, settings.mongo_driver, min(settings.mongo_timeout_ms, MONGO_TIMEOUT_MS))
    metrics = Metrics(SERVICE)
    producer = Producer(settings.kafka, settings.publish_deadline_s, "desk.intake", metrics, security_of(settings))
    keys = mongo.database(client, mongo.ACCESS_DB)[access_store.COLLECTION]
    known = Fingerprints(mongo.database(client, mongo.INTAKE_DB)[store.COLLECTION])
    access = AccessStore(keys, settings.access_cache_s, timeout_s=KEY_TIMEOUT_S)
    door = Door(
        access=access,
        calendar=calendar,
        clock=clock,
        acceptor=Acceptor(producer, known, metrics, Places()),
        fingerprints=known,
        metrics=metrics,
        limits=RateLimits(
            settings.events_per_minute, settings.rush_factor, RushHours(calendar, settings.rush_before), metrics
        ),
        body_limit_bytes=settings.body_limit_bytes,
        body_timeout_s=settings.body_timeout_s,
    )
    watched = addresses_of(settings.certificates) if settings.certificates else []
    certificates = Loop("certificates", Certificates(watched, metrics).step, metrics, EVERY_S)
    skew = ClockSkew(functools.partial(mongo.server_time, client))

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        settle_threads()
        await producer.start()
        looking = asyncio.create_task(certificates.run()) if watched else None
        yield
        if looking is not None:
            looking.cancel()
        await producer.stop()
        await mongo.close(client)

    checks: dict[str, Check] = {"kafka": producer.problem, "keys": access.problem, "clock": skew.check}
    uploads = UploadLimits(settings.upload_max_lines, settings.upload_limit_bytes)
    return build(door, Registry(keys), checks, lifespan, settings.kafka, uploads)
