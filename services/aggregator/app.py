"""The aggregator's composition: the one module that knows both the pure ones and the adapters."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from fastapi import FastAPI

from services.aggregator import indexes
from services.aggregator.api import routes
from services.aggregator.changes import COLLECTIONS, changes_of
from services.aggregator.pages.loading import Desk
from services.aggregator.pages.page_store import PageStore
from services.aggregator.pages.routes import add_pages
from services.aggregator.periods.turnout import Turnout
from services.aggregator.rollups.region_rollups import RegionRollUps
from services.aggregator.rollups.rollup_store import RollUpStore
from services.aggregator.store import Store
from services.aggregator.stream.api import stream_routes
from services.aggregator.stream.feed import Feed
from services.aggregator.stream.hub import Hub
from services.aggregator.stream.showing import Showing
from shared import asyncapi, mongo
from shared.access import store as access_store
from shared.access.store import AccessStore
from shared.clock import Clock, RealClock, make_clock
from shared.election.calendar import Calendar
from shared.election.loaded import load_calendar
from shared.errors import said
from shared.events.codec import SCHEMAS
from shared.exactly_once import journal
from shared.exactly_once.wiring import Consuming, build_consuming
from shared.http.etags import Etags
from shared.http.serve import settle_threads
from shared.http.service import make_app
from shared.logs import get_logger
from shared.loops import supervise
from shared.metrics import Metrics
from shared.mongo import ACCESS_DB, AGGREGATOR_DB, Client, Database, DatabaseError
from shared.settings import Settings
from shared.topics import AGGREGATOR_GROUP, ALERTS, DEAD_LETTERS, INCIDENTS, LOGISTICS, REPORTS

log = get_logger(__name__)

SERVICE = "aggregator"
TOPICS = (REPORTS, INCIDENTS, LOGISTICS, ALERTS)
PING_S = 3.0
CONSUMER_STOP_S = 17.0  # a batch in hand may end first
INDEX_RETRY_S = 5.0


@dataclass(frozen=True)
class Parts:
    """The live objects of the service."""

    settings: Settings
    metrics: Metrics
    calendar: Calendar
    client: Client
    database: Database
    access: AccessStore
    consuming: Consuming
    clock: Clock = field(default_factory=RealClock)


def create_app(settings: Settings) -> FastAPI:
    """The service by its settings. Dials nobody. Raises BadFile."""
    calendar = load_calendar(settings.election, settings.roster, settings.obligations_from)
    journal.warn_if_too_short(calendar.election, settings.journal_retention)
    metrics = Metrics(SERVICE)
    # All that this service writes is batches, which it repeats itself.
    client = mongo.connect(settings.mongo, settings.mongo_driver, settings.mongo_timeout_ms, repeats_writes=False)
    database = mongo.database(client, AGGREGATOR_DB)
    keys = mongo.database(client, ACCESS_DB)[access_store.COLLECTION]
    consuming = build_consuming(
        settings,
        metrics,
        database,
        group=AGGREGATOR_GROUP,
        topics=TOPICS,
        collections=COLLECTIONS,
        changes=changes_of(calendar),
    )
    access = AccessStore(keys, settings.access_cache_s)
    clock = make_clock(settings.clock, settings.data_dir)
    return build(Parts(settings, metrics, calendar, client, database, access, consuming, clock))


def build(parts: Parts) -> FastAPI:
    """The app out of ready-made parts. Its lifespan consumes in the background, so health answers at once."""
    store = Store(parts.database)
    rollups = RegionRollUps(parts.calendar, RollUpStore(parts.database))
    turnout = Turnout(parts.calendar, store)
    hub = Hub(Feed(parts.database, Showing(parts.calendar, store, parts.clock)), parts.metrics)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        settle_threads()
        consuming = parts.consuming
        await consuming.producer.start()
        tasks = [
            asyncio.create_task(hub.run()),
            asyncio.create_task(supervise("consumer", consuming.consumer.run, parts.metrics)),
            asyncio.create_task(_make_indexes(parts.database, parts.settings)),
        ]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=CONSUMER_STOP_S)
            await asyncio.gather(consuming.producer.stop(), consuming.reader.stop())
            await mongo.close(parts.client)

    app = make_app(
        "Desk Pilkada: aggregator",
        lifespan,
        {
            "mongo": lambda: _mongo_problem(parts.client),
            "consumer": lambda: _consumer_problem(parts.consuming),
            "stream": lambda: _stream_problem(hub),
        },
        parts.metrics,
        lambda: asyncapi_document(parts.settings.kafka),
    )
    app.state.hub = hub
    app.add_middleware(Etags, below="/v1/")
    router, plain = routes(parts.calendar, store, rollups, turnout, parts.access, parts.clock)
    app.include_router(router)
    app.router.routes[:0] = plain
    app.include_router(stream_routes(hub, parts.access))
    pages = PageStore(parts.database)
    desk = Desk(parts.calendar, store, pages, rollups, turnout, parts.clock, parts.consuming.consumer)
    add_pages(app, desk, parts.access)
    return app


def asyncapi_document(address: str) -> bytes:
    consumes = {topic: SCHEMAS[topic] for topic in TOPICS}
    return asyncapi.document(SERVICE, publishes={DEAD_LETTERS: bytes}, consumes=consumes, address=address)


async def _make_indexes(database: Database, settings: Settings) -> None:
    """Once the database answers; until then the queries are slow, not wrong."""
    while True:
        try:
            await indexes.ensure_indexes(database)
            await journal.keep_for(database[journal.COLLECTION], settings.journal_retention)
        except DatabaseError as error:
            log.warning("indexes_not_made", error=said(error))
            await asyncio.sleep(INDEX_RETRY_S)
        else:
            return


async def _mongo_problem(client: Client) -> str | None:
    try:
        await asyncio.wait_for(client.admin.command("ping"), PING_S)
    except (DatabaseError, TimeoutError) as error:
        return f"MongoDB does not answer: {type(error).__name__}"
    return None


async def _consumer_problem(consuming: Consuming) -> str | None:
    return consuming.consumer.status


async def _stream_problem(hub: Hub) -> str | None:
    return None if hub.loop.is_turning() else "the stream's loop stands still"
