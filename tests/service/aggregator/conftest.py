"""The aggregator's API in process over a real MongoDB, fed by its own steps; Kafka alone is a fake."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from fastapi import FastAPI

from services.aggregator import indexes
from services.aggregator.app import Parts, build
from services.aggregator.changes import COLLECTIONS, changes_of
from services.aggregator.stream.hub import Hub
from shared import mongo
from shared.access import store as access_store
from shared.access.keys import Grant, Role, new_key
from shared.access.store import AccessStore
from shared.clock import Clock, RealClock
from shared.election.calendar import Calendar
from shared.election.loaded import load_calendar
from shared.events.codec import encode
from shared.events.envelope import Envelope
from shared.exactly_once import journal
from shared.exactly_once import steps as steps_module
from shared.exactly_once.dead_letters import DeadLetters
from shared.exactly_once.documents import Documents
from shared.exactly_once.guard import Guard
from shared.exactly_once.journal import Journal
from shared.exactly_once.steps import Steps
from shared.exactly_once.wiring import build_consuming
from shared.metrics import Metrics
from shared.records import Look, Position, Record
from shared.settings import Settings
from shared.topics import AGGREGATOR_GROUP, ALERTS, INCIDENTS, LOGISTICS, REPORTS
from tests.builders import a_holder_document

_TOPICS = {
    "desk.report.v1": REPORTS,
    "desk.report-withdrawal.v1": REPORTS,
    "desk.incident.v1": INCIDENTS,
    "desk.incident-status.v1": INCIDENTS,
    "desk.logistics.v1": LOGISTICS,
}


class FakeLog:
    """A log whose records are all expired: nothing to compare with."""

    async def look(self, positions: Sequence[Position]) -> list[Look]:
        return [Look(10**9, None) for _ in positions]


class FakePublisher:
    async def publish(self, topic: str, key: bytes | None, value: bytes, headers: Any) -> Position:
        return Position(topic, 0, 0)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def text(self) -> str:
        return self.raw.decode()

    def json(self) -> Any:
        return json.loads(self.raw)


async def http_get(app: FastAPI, path: str, key: str = "", **params: Any) -> Answer:
    """One call of an app in this process."""
    answered: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        answered.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": quote(path).encode(),
        "query_string": urlencode(params).encode(),
        "headers": [(b"authorization", f"Bearer {key}".encode())] if key else [],
        "scheme": "http",
        "server": ("aggregator", 80),
        "client": ("127.0.0.1", 1),
        "root_path": "",
        "http_version": "1.1",
    }
    await app(scope, receive, send)
    start, *bodies = answered
    headers = {name.decode(): value.decode() for name, value in start["headers"]}
    return Answer(start["status"], headers, b"".join(body.get("body", b"") for body in bodies))


class Bench:
    """One aggregator: `feed` folds events as its consumer would, `get` asks its API."""

    def __init__(self, database: Any, calendar: Calendar, app: FastAPI, access: AccessStore) -> None:
        self.database, self.calendar, self.app, self.access = database, calendar, app, access
        self._ends: dict[str, int] = {}
        self.viewer = ""
        self.consumer: Any = None
        self.parts: Parts

    @property
    def hub(self) -> Hub:
        found: Hub = self.app.state.hub
        return found

    @asynccontextmanager
    async def streaming(self) -> AsyncIterator[None]:
        """The stream's loop runs, as the app's lifespan would have it."""
        running = asyncio.create_task(self.hub.run())
        try:
            yield
        finally:
            running.cancel()
            await asyncio.wait([running])

    def steps(self, changes: Any = None) -> Steps:
        return Steps(
            steps_module.Parts(
                journal=Journal(self.database[journal.COLLECTION]),
                documents=Documents(self.database, COLLECTIONS),
                dead_letters=DeadLetters(FakePublisher(), AGGREGATOR_GROUP),
                guard=Guard(self.database["positions"], FakeLog()),
                changes=changes or changes_of(self.calendar),
                metrics=Metrics("test"),
                dead_letter_run=100,
            )
        )

    def records(self, events: Sequence[Envelope]) -> list[Record]:
        """The events at the ends of their topics."""
        found = []
        for event in events:
            topic = _TOPICS.get(getattr(event, "type", ""), ALERTS).name
            offset = self._ends[topic] = self._ends.get(topic, -1) + 1
            found.append(Record(Position(topic, 0, offset), None, encode(event)))
        return found

    async def feed(self, *events: Envelope, changes: Any = None) -> None:
        await self.steps(changes).process(self.records(events))

    async def key(self, **rights: Any) -> str:
        key = new_key("test")
        await self.database[access_store.COLLECTION].insert_one(a_holder_document(key, Grant(name="test", **rights)))
        return key

    async def get(self, path: str, key: str | None = None, **params: Any) -> Answer:
        return await http_get(self.app, path, self.viewer if key is None else key, **params)

    async def json(self, path: str, **params: Any) -> Any:
        """The answer of a call that must succeed."""
        answer = await self.get(path, **params)
        assert answer.status == 200, answer.text
        return answer.json()

    async def items(self, path: str, **params: Any) -> list[Any]:
        """All items of a list, page by page."""
        found: list[Any] = []
        cursor: dict[str, str] = {}
        while True:
            page = await self.json(path, **params, **cursor)
            found += page["items"]
            if page["next"] is None:
                return found
            cursor = {"cursor": page["next"]}


@pytest.fixture(scope="session")
def calendar() -> Calendar:
    return load_calendar(Settings().election, None, None)


@pytest.fixture
def settings(mongo_url: str) -> Settings:
    return Settings(mongo=mongo_url, kafka="127.0.0.1:1")


@asynccontextmanager
async def a_bench(settings: Settings, calendar: Calendar, clock: Clock | None = None) -> AsyncIterator[Bench]:
    """Over a database of its own, which is dropped at the end."""
    client = mongo.connect(settings.mongo)
    name = f"test_{uuid.uuid4().hex}"
    database = mongo.database(client, name)
    await indexes.ensure_indexes(database)
    access = AccessStore(database[access_store.COLLECTION], 30)
    metrics = Metrics("test")
    consuming = build_consuming(
        settings,
        metrics,
        database,
        group=AGGREGATOR_GROUP,
        topics=(REPORTS, INCIDENTS, LOGISTICS, ALERTS),
        collections=COLLECTIONS,
        changes=changes_of(calendar),
    )
    parts = Parts(settings, metrics, calendar, client, database, access, consuming, clock or RealClock())
    made = Bench(database, calendar, build(parts), access)
    made.parts = parts
    made.consumer = consuming.consumer
    made.viewer = await made.key(role=Role.VIEWER)
    yield made
    await client.drop_database(name)
    await mongo.close(client)


@pytest.fixture
async def bench(settings: Settings, calendar: Calendar) -> AsyncIterator[Bench]:
    async with a_bench(settings, calendar) as made:
        yield made


@pytest.fixture(scope="session")
def call() -> Callable[..., Any]:
    """GET of any app."""
    return http_get


@pytest.fixture(scope="session")
def envelope() -> Callable[..., dict[str, Any]]:
    """The fields every event has, with what a test does not care about filled in."""

    def make(event_id: str, region: str, at: Any, agency: str | None = "kpu", content: str = "a") -> dict[str, Any]:
        return {
            "id": event_id,
            "source": f"/agencies/{agency}" if agency else "/notifier",
            "subject": region,
            "time": at,
            "receivedat": at,
            "contenthash": content.encode().hex().rjust(64, "0"),
        }

    return make
