"""Puts the notifier together: its settings and files, what turns in it (`turning.py`), and what it answers."""

from __future__ import annotations

from fastapi import APIRouter, FastAPI

from services.notifier import api
from services.notifier.alerts import life_api
from services.notifier.delivery import sending_api
from services.notifier.excuses import excuses_api
from services.notifier.excuses.excuse_store import ExcuseStore
from services.notifier.holding import silences_api
from services.notifier.holding.silence_store import SilenceStore
from services.notifier.notices import notices_api
from services.notifier.notices.notice_store import NoticeStore
from services.notifier.routing.receivers import check_stages, read_receivers
from services.notifier.turning import TOPICS, Notifier, Parts
from shared import asyncapi, mongo
from shared.access import store as access_store
from shared.access.store import AccessStore
from shared.clock import make_clock
from shared.election.loaded import load_calendar
from shared.events.codec import SCHEMAS
from shared.exactly_once import journal
from shared.http.service import make_app
from shared.logs import hide
from shared.metrics import Metrics
from shared.settings import Settings
from shared.topics import ALERTS, DEAD_LETTERS

SERVICE = "notifier"


def create_app(settings: Settings) -> FastAPI:
    """Read the files, make the live objects, build. Raises BadFile, ValueError: one clear line."""
    calendar = load_calendar(settings.election, settings.roster, settings.obligations_from)
    journal.warn_if_too_short(calendar.election, settings.journal_retention)
    receivers = read_receivers(settings.receivers)
    hide(secret for address in receivers.receivers for secret in address.secrets())
    check_stages(settings.receivers, receivers, calendar)
    clock = make_clock(settings.clock, settings.data_dir)
    client, folding = (
        mongo.connect(settings.mongo, settings.mongo_driver, settings.mongo_timeout_ms, repeats_writes=repeats)
        for repeats in (True, False)
    )
    return build(Parts(settings, calendar, receivers, clock, client, Metrics(SERVICE), folding))


def build(parts: Parts) -> FastAPI:
    """The notifier's app over ready-made parts."""
    notifier = Notifier(parts)
    keys = mongo.database(parts.client, mongo.ACCESS_DB)[access_store.COLLECTION]
    access = AccessStore(keys, parts.settings.access_cache_s)
    app = make_app(
        "Desk Pilkada: notifier",
        notifier.lifespan,
        {"mongo": notifier.check_mongo, "consumer": notifier.check_consumer, "loops": notifier.check_loops},
        parts.metrics,
        lambda: asyncapi_document(parts.settings.kafka),
    )
    for routes in _routes(parts, notifier, access):
        app.include_router(routes)
    return app


def _routes(parts: Parts, notifier: Notifier, access: AccessStore) -> list[APIRouter]:
    calendar, database = parts.calendar, notifier.store.database
    return [
        api.routes(calendar, notifier.store, notifier.deliveries, access),
        life_api.routes(notifier.store, access, notifier.now),
        silences_api.routes(calendar.roster, SilenceStore(database), access, notifier.now),
        excuses_api.routes(calendar, ExcuseStore(database), access, notifier.now),
        notices_api.routes(calendar, NoticeStore(database), access),
        sending_api.routes(parts.receivers.receivers, notifier.deliveries, notifier.receivers, access),
    ]


def asyncapi_document(address: str) -> bytes:
    consumes = {topic: SCHEMAS[topic] for topic in TOPICS}
    own = {ALERTS: SCHEMAS[ALERTS]}
    publishes = {**own, DEAD_LETTERS: bytes}
    return asyncapi.document(SERVICE, publishes=publishes, consumes=consumes, address=address, recovers_from=own)
