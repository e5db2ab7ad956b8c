"""A submission from its bytes to the answer 202: intake's own app on a real broker and a real mongod, called without
sockets (what HTTP's framing costs is uvicorn's), beside publishing the same number of records that are ready made."""

from __future__ import annotations

import asyncio
import itertools
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path as FilePath
from typing import Any

import orjson

from benchmarks.events import report_records
from benchmarks.measure import Path, compare, table
from desk.stack import mongod
from desk.stack.brokers import choose_broker
from desk.stack.ports import free_ports
from services.intake.app import create_app
from shared import mongo
from shared.access import store as access_store
from shared.access.keys import MOST_EVENTS_PER_MINUTE, Grant, Kind
from shared.access.registry import Registry
from shared.http.serve import settle_garbage
from shared.kafka.producer import Producer
from shared.kafka.topic_admin import create_topics
from shared.metrics import Metrics
from shared.settings import Settings
from shared.topics import REPORTS

CALLERS = 50
LINES = 500  # of a batch
AGENCIES = 8  # a batch of each at a time; one agency may have a quarter of what is under way
EVENTS = AGENCIES * LINES
REGIONS = ("64.01", "64.02", "64.03", "64.07", "64.08", "64.09", "64.11", "64.71", "64.72", "64.74")
_ROUNDS = 5
_JSON, _NDJSON = b"application/json", b"application/x-ndjson"

App = Callable[[Any, Any, Any], Awaitable[None]]


async def main() -> str:
    """The table of this path."""
    settle_garbage()
    with ExitStack() as stack:
        data = FilePath(stack.enter_context(tempfile.TemporaryDirectory()))
        port, controller_port, mongo_port = free_ports(3)
        broker = choose_broker(lambda _: None)
        broker.start(data / "broker", port, controller_port, lambda process: stack.callback(process.stop))
        mongod.start(data / "mongod", mongo_port, lambda process: stack.callback(process.stop))
        kafka = f"127.0.0.1:{port}"
        await create_topics(kafka, [REPORTS], 1, 1)
        settings = Settings(kafka=kafka, mongo=mongod.url(mongo_port), log_level="ERROR")
        keys = await _keys(settings.mongo)
        async with _intake(settings) as app, _publisher(kafka) as publisher:
            return await _compare(app, publisher, keys, broker.name)


async def _compare(app: App, publisher: Producer, keys: Sequence[str], broker: str) -> str:
    fresh = itertools.count()
    ready = report_records(EVENTS, len(REGIONS))

    async def publish(records: Iterator[Any]) -> None:
        for record in records:
            await publisher.publish(REPORTS.name, record.key, record.value, [("content-type", _JSON)])

    async def single(calls: Iterator[int]) -> None:
        for n in calls:
            await _post(app, "/v1/reports", keys[n % AGENCIES], _report(next(fresh)), _JSON, 202)

    async def batches(calls: Iterator[int]) -> None:
        for n in calls:
            lines = b"\n".join(_report(next(fresh), kind="report") for _ in range(LINES))
            await _post(app, "/v1/batch", keys[n % AGENCIES], lines, _NDJSON, 200)

    def shared_by(callers: int, call: Callable[[Iterator[Any]], Awaitable[None]], work: Sequence[Any]) -> Any:
        """Each caller does its part, one after the other, as a connection does."""
        return lambda: _gather(call(iter(work[n::callers])) for n in range(callers))

    files = range(EVENTS // LINES)
    paths = [
        Path(f"limit: Producer.publish of ready records, {CALLERS} callers", shared_by(CALLERS, publish, ready)),
        Path(f"POST /v1/reports, {CALLERS} callers", shared_by(CALLERS, single, range(EVENTS))),
        Path(f"POST /v1/batch, {LINES} lines, {AGENCIES} callers", shared_by(AGENCIES, batches, files)),
    ]
    return table(f"Bytes to 202 ({broker})", await compare(paths, EVENTS, _ROUNDS))


async def _gather(parts: Iterator[Awaitable[None]]) -> None:
    await asyncio.gather(*parts)


def _report(n: int, **more: str) -> bytes:
    report = {"id": f"bench-{n}", "region": REGIONS[n % len(REGIONS)], "period": "2024-11-18", "condition": "normal"}
    return orjson.dumps({**report, "summary": "Situasi aman dan terkendali; logistik lengkap.", **more})


async def _post(app: App, path: str, key: str, body: bytes, media_type: bytes, wanted: int) -> None:
    """Fails for another status, and for a batch with a line that is not accepted."""
    headers = [(b"authorization", f"Bearer {key}".encode()), (b"content-type", media_type)]
    scope: dict[str, Any] = {"type": "http", "http_version": "1.1", "method": "POST", "scheme": "http"}
    scope |= {"path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "", "headers": headers}
    scope |= {"client": ("127.0.0.1", 1), "server": ("intake", 80), "state": {}}
    statuses: list[int] = []
    answer = bytearray()

    async def receive() -> Mapping[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Mapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])
        answer.extend(message.get("body", b""))

    await app(scope, receive, send)
    assert statuses == [wanted], bytes(answer)
    assert answer.count(b'"duplicate":false') == body.count(b'"id":'), bytes(answer[:500])


async def _keys(url: str) -> list[str]:
    client = mongo.connect(url)
    try:
        registry = Registry(mongo.database(client, mongo.ACCESS_DB)[access_store.COLLECTION])
        await registry.ensure_indexes()
        kinds = frozenset({Kind.REPORTS.value})
        grants = [
            Grant(f"bench-{n}", f"bench-{n}", kinds, ("*",), events_per_minute=MOST_EVENTS_PER_MINUTE)
            for n in range(AGENCIES)
        ]
        return [(await registry.add(grant, "bench")).key for grant in grants]
    finally:
        await mongo.close(client)


@asynccontextmanager
async def _intake(settings: Settings) -> AsyncIterator[App]:
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        yield app


@asynccontextmanager
async def _publisher(kafka: str) -> AsyncIterator[Producer]:
    producer = Producer(kafka, 8.0, "bench", Metrics("bench"))
    await producer.start()
    try:
        async with asyncio.timeout(10):
            while not producer.is_ready:  # noqa: ASYNC110 - it connects in the background
                await asyncio.sleep(0.01)
        yield producer
    finally:
        await producer.stop()
