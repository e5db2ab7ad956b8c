"""An intake in this process: the real app over fakes of Kafka and MongoDB, and a client that sends raw bytes."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from pymongo.errors import AutoReconnect, BulkWriteError

from services.intake.accepting.accepting import Acceptor
from services.intake.accepting.places import Places
from services.intake.app import build
from services.intake.batch.upload import NO_OTHER_LIMITS, UploadLimits
from services.intake.door.door import Door
from services.intake.door.rate_limits import RateLimits
from services.intake.door.rush import RushHours
from services.intake.store import Fingerprints
from shared.access.documents import HASHES
from shared.access.keys import Grant, Kind, key_hash
from shared.access.registry import Registry
from shared.access.store import AccessStore
from shared.election.calendar import Calendar
from shared.election.loaded import load_calendar
from shared.events.codec import decode
from shared.events.envelope import Envelope
from shared.metrics import Metrics
from tests.builders import a_holder_document

KALTIM = Path(__file__).resolve().parents[3] / "deploy" / "elections" / "kaltim-2024.yaml"
BODY_LIMIT = 8_192
MOST_IN_FLIGHT = 20
EVENTS_PER_MINUTE = 100_000  # tests of limits give their keys less


class FakeKafka:
    def __init__(self) -> None:
        self.records: list[tuple[str, bytes | None, bytes, dict[str, bytes]]] = []
        self.waited_s: list[float] = []
        self.fails_with: Exception | None = None
        self.gate: asyncio.Event | None = None  # nothing is confirmed before it is set
        self._posting: set[asyncio.Task[None]] = set()

    def post(
        self,
        topic: str,
        key: bytes | None,
        value: bytes,
        headers: list[tuple[str, bytes]],
        settled: Callable[[int | Exception], object],
        waited_s: float,
    ) -> None:
        self._posting.add(task := asyncio.create_task(self._post(topic, key, value, headers, settled, waited_s)))
        task.add_done_callback(self._posting.discard)

    async def _post(
        self,
        topic: str,
        key: bytes | None,
        value: bytes,
        headers: list[tuple[str, bytes]],
        settled: Callable[[int | Exception], object],
        waited_s: float,
    ) -> None:
        try:
            await self.publish(topic, key, value, headers, waited_s)
        except Exception as error:  # noqa: BLE001 - whatever a test wants it to be
            settled(error)
        else:
            settled(len(self.records))

    async def publish(
        self, topic: str, key: bytes | None, value: bytes, headers: list[tuple[str, bytes]], waited_s: float
    ) -> None:
        self.waited_s.append(waited_s)
        if self.gate is not None:
            await self.gate.wait()
        if self.fails_with is not None:
            raise self.fails_with
        self.records.append((topic, key, value, dict(headers)))

    def events(self) -> list[Envelope]:
        """What any consumer would read."""
        return [decode(topic, value) for topic, _, value, _ in self.records]


class FakeCollection:
    """The few calls that intake makes of a collection."""

    def __init__(self) -> None:
        self.documents: dict[str, dict[str, Any]] = {}
        self.is_away = False
        self.takes_s = 0.0
        self.calls = 0

    def _answer(self) -> None:
        self.calls += 1
        if self.is_away:
            raise AutoReconnect("gone")

    async def find(self, query: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        self._answer()
        await asyncio.sleep(self.takes_s)
        for key in query["_id"]["$in"]:
            if key in self.documents:
                yield self.documents[key]

    async def insert_many(self, documents: Sequence[dict[str, Any]], ordered: bool) -> None:
        self._answer()
        await asyncio.sleep(self.takes_s)
        assert not ordered
        known = [i for i, d in enumerate(documents) if self.documents.setdefault(d["_id"], d) is not d]
        if known:
            failed = [{"code": 11000, "index": i} for i in known]
            raise BulkWriteError({"writeErrors": failed, "writeConcernErrors": []})


class FakeHolders(FakeCollection):
    """Keys with their rights, as lookups ask for them. (Administration is tried on a real MongoDB.)"""

    def give(self, key: str, grant: Grant) -> None:
        self.documents[key_hash(key)] = a_holder_document(key, grant)

    async def find(self, query: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        self._answer()
        for hashed in query[HASHES]["$in"]:
            if hashed in self.documents:
                yield self.documents[hashed]


class SettableClock:
    def __init__(self) -> None:
        self.set("2024-11-18T10:00:00+08:00")

    def set(self, text: str) -> None:
        self._now = datetime.fromisoformat(text)

    def at(self, instant: datetime) -> datetime:
        return self._now

    def now(self) -> datetime:
        return self._now


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    raw: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    @property
    def wrong(self) -> dict[str, str]:
        """Field -> code of a 422."""
        return {e["field"]: e["code"] for e in self.body["errors"]}


@dataclass
class Intake:
    """The service and everything around it."""

    calendar: Calendar
    kafka: FakeKafka = field(default_factory=FakeKafka)
    keys: FakeHolders = field(default_factory=FakeHolders)
    known: FakeCollection = field(default_factory=FakeCollection)
    clock: SettableClock = field(default_factory=SettableClock)
    metrics: Metrics = field(default_factory=lambda: Metrics("intake"))
    checks: dict[str, Any] = field(default_factory=dict)
    places: Places = field(default_factory=lambda: Places(MOST_IN_FLIGHT))
    uploads: UploadLimits = NO_OTHER_LIMITS
    goes_short: bool = True  # as a connection lets calls go
    went_short: int = 0

    def __post_init__(self) -> None:
        self.access = AccessStore(self.keys, cache_s=15)
        fingerprints = Fingerprints(self.known, timeout_s=0.2, rest_s=60)
        acceptor = Acceptor(self.kafka, fingerprints, self.metrics, self.places)
        limits = RateLimits(EVENTS_PER_MINUTE, 5.0, RushHours(self.calendar, timedelta(hours=3)), self.metrics)
        self.door = Door(
            self.access, self.calendar, self.clock, acceptor, fingerprints, self.metrics, limits, BODY_LIMIT
        )
        self.app = build(
            self.door, Registry(self.keys), self.checks, _nothing_to_start, "127.0.0.1:9092", self.uploads
        )

    async def call(
        self,
        method: str,
        path: str,
        chunks: Sequence[bytes] = (b"",),
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """One call, with exactly these bytes and headers. Without a chunk the client leaves instead."""
        path, _, query = path.partition("?")
        messages: list[dict[str, Any]] = [
            {"type": "http.request", "body": c, "more_body": n < len(chunks)} for n, c in enumerate(chunks, 1)
        ]
        incoming = iter([*messages, {"type": "http.disconnect"}])
        answered: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return next(incoming)

        async def send(message: Any) -> None:
            answered.append(message)

        scope: dict[str, Any] = {
            "type": "http",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(k.lower().encode(), v.encode("latin-1")) for k, v in (headers or {}).items()],
            "scheme": "http",
            "server": ("intake", 80),
            "client": ("127.0.0.1", 1),
            "root_path": "",
            "http_version": "1.1",
        }
        if not (self.goes_short and await self._short(scope, chunks, answered)):
            await self.app(scope, receive, send)
        start, *bodies = answered
        found = {k.decode(): v.decode() for k, v in start["headers"]}
        return Answer(start["status"], found, b"".join(b.get("body", b"") for b in bodies))

    async def _short(self, scope: dict[str, Any], chunks: Sequence[bytes], answered: list[dict[str, Any]]) -> bool:
        """Whether the short way took it, as a connection asks that for what comes whole."""
        is_over = asyncio.Event()

        def answer(status: int, headers: Sequence[tuple[bytes, bytes]], body: bytes) -> None:
            length = (b"content-length", b"%d" % len(body))
            answered.extend([{"status": status, "headers": [length, *headers]}, {"body": body}])
            is_over.set()

        target = scope["raw_path"] + (b"?" + scope["query_string"] if scope["query_string"] else b"")
        way = self.app.state.short_ways.get((scope["method"].encode(), target))
        if way is None or len(chunks) != 1 or not way(scope["headers"], chunks[0], answer):
            return False
        await is_over.wait()
        self.went_short += 1
        return True

    async def post(
        self, path: str, body: Any, key: str | None = "everything", headers: dict[str, str] | None = None
    ) -> Answer:
        """Post a body (raw bytes as they are, anything else as JSON) with a key's name as the key."""
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {"content-type": "application/json", "content-length": str(len(raw)), **(headers or {})}
        if key is not None:
            sent["authorization"] = f"Bearer {key}"
        return await self.call("POST", path, [raw], sent)


@asynccontextmanager
async def _nothing_to_start(_app: FastAPI) -> AsyncIterator[None]:
    yield


@pytest.fixture(scope="session")
def calendar() -> Calendar:
    return load_calendar(KALTIM, None, None)


@pytest.fixture
async def intake(calendar: Calendar) -> Intake:
    """An intake that knows four keys, named after what they may."""
    return _an_intake(calendar)


@pytest.fixture(scope="module")
async def lasting_intake(calendar: Calendar) -> Intake:
    """One for all tests of a module, where they are many."""
    return _an_intake(calendar)


def _an_intake(calendar: Calendar) -> Intake:
    made = Intake(calendar)
    both = frozenset({Kind.REPORTS.value, Kind.INCIDENTS.value})
    for key, grant in {
        "everything": Grant("everything", "kaltim-desk", frozenset(kind.value for kind in Kind), ("*",)),
        "samarinda": Grant("samarinda", "samarinda-desk", both, ("64.72",)),
        "incidents-only": Grant("incidents-only", "bawaslu", frozenset({Kind.INCIDENTS.value}), ("64",)),
        "revoked": Grant("revoked", "old-desk", both, ("*",), is_revoked=True),
    }.items():
        made.keys.give(key, grant)
    return made
