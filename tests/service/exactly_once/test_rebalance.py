"""Two replicas on a real broker and a real database: one joins, one goes, in the middle of it all."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import uuid
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

import pytest

from shared.events import codec
from shared.exactly_once.cursors import Change, Document
from shared.exactly_once.documents import Documents
from shared.exactly_once.sightings import Sighting
from shared.exactly_once.wiring import build_consuming
from shared.kafka.log_reader import LogReader
from shared.kafka.producer import Producer
from shared.kafka.topic_admin import create_topics
from shared.metrics import Metrics
from shared.settings import Settings
from shared.topics import REPORTS, Topic
from tests.builders import a_report, utc

REGENCIES = [f"64.{n:02}" for n in range(1, 21)]  # enough for keys in every partition


class Hold:
    """Keeps one batch between journal and fold until it is let go: the first that spans three of four partitions, so
    that whoever gets two of them after a rebalance has lost one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.is_wanted, self.has_one, self.let_go = False, asyncio.Event(), asyncio.Event()
        fold = Documents.fold

        async def held(documents: Documents, changes: Sequence[Change], *presumed_new: Any) -> int:
            if self.is_wanted and len({change.position.partition for change in changes}) > 2:
                self.is_wanted = False
                self.has_one.set()
                await self.let_go.wait()
            return await fold(documents, changes, *presumed_new)

        monkeypatch.setattr(Documents, "fold", held)


def counting(sighting: Sighting) -> Sequence[Change]:
    def count(document: Document) -> Document:
        return {**document, "ids": [*document.get("ids", []), sighting.event.id]}

    return [Change("regions", sighting.event.subject, sighting.position, count)]


class Replica:
    """One process's consumer, with what it counted of its own."""

    def __init__(self, address: str, database: Any, topic: Topic) -> None:
        self.metrics = Metrics("test")
        self.consuming = build_consuming(
            Settings(kafka=address),
            self.metrics,
            database,
            group=f"{topic.name}.group",
            topics=(topic,),
            collections=("regions",),
            changes=counting,
        )
        self._task = asyncio.create_task(self.consuming.consumer.run())

    def has_counted(self) -> bool:
        return 'outcome="first"' in self.metrics.render()[0].decode()

    def is_well(self) -> bool:
        """In its group still, without ever having left it."""
        return not self._task.done() and self.consuming.consumer.status is None

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])
        await self.consuming.reader.stop()


@contextlib.asynccontextmanager
async def replica(address: str, database: Any, topic: Topic) -> AsyncIterator[Replica]:
    made = Replica(address, database, topic)
    try:
        yield made
    finally:
        await made.stop()


@contextlib.asynccontextmanager
async def producing(address: str, topic: Topic, mark: str = "r") -> AsyncIterator[dict[str, list[str]]]:
    """Events of all regencies, again and again as long as the context lasts; yields the ids confirmed, by regency."""
    producer, is_over = Producer(address, 10, "test", Metrics("test")), asyncio.Event()
    confirmed: dict[str, list[str]] = {region: [] for region in REGENCIES}

    async def produce() -> None:
        await producer.start()
        await until(lambda: producer.is_ready)
        for n in itertools.count():
            await asyncio.gather(*(publish(f"{mark}{n}", region) for region in REGENCIES))
            if is_over.is_set():
                return

    async def publish(event_id: str, region: str) -> None:
        event = a_report(utc("2024-11-18 08:00"), region=region, event_id=f"{region}-{event_id}")
        await producer.publish(topic.name, region.encode(), codec.encode(event), [])
        confirmed[region].append(event.id)

    task = asyncio.create_task(produce())
    try:
        yield confirmed
    finally:
        is_over.set()
        await task
        await producer.stop()


async def until(is_so: Callable[[], bool], within_s: float = 45) -> None:
    async with asyncio.timeout(within_s):
        while not is_so():  # noqa: ASYNC110 - what others do, looked at from outside
            await asyncio.sleep(0.05)


async def until_read(reader: LogReader, topic: Topic) -> None:
    """Until the group's commits reach the ends of all partitions."""
    ends = {partition: end for partition, (_, end) in (await reader.ends(topic.name)).items()}
    assert len(ends) == topic.partitions
    assert all(ends.values())
    async with asyncio.timeout(45):
        while await reader.committed(topic.name, ends) != ends:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.1)


@pytest.fixture
async def topic(broker_address: str, monkeypatch: pytest.MonkeyPatch) -> Topic:
    """A topic of this test alone, with four partitions, whose records are read as reports are."""
    made = Topic(f"desk.rebalance-{uuid.uuid4().hex[:8]}", partitions=4)
    monkeypatch.setitem(codec._READERS, made.name, codec._READERS[REPORTS.name])
    await create_topics(broker_address, [made], replication=1, min_insync=1)
    return made


@pytest.mark.parametrize("database", ["motor"], indirect=True)
async def test_rebalances_in_the_middle_count_everything_once(
    broker_address: str,
    database: Any,
    topic: Topic,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A replica joins while another one is in the middle of a batch, which loses its partitions and then folds all the
    same; later that one goes. Every record is counted once, and the commits reach the ends."""
    caplog.set_level(logging.INFO, "shared.exactly_once.consumer")
    hold = Hold(monkeypatch)
    async with contextlib.AsyncExitStack() as stack:
        confirmed = await stack.enter_async_context(producing(broker_address, topic))
        first = await stack.enter_async_context(replica(broker_address, database, topic))
        await until(first.has_counted)
        hold.is_wanted = True
        await until(hold.has_one.is_set)
        async with replica(broker_address, database, topic) as second:
            await until(second.has_counted)
            hold.let_go.set()
            await until(lambda: "commit_dropped" in caplog.text)
            await until(lambda: first.is_well() and second.is_well())
            await first.stop()
            goal = len(confirmed["64.01"]) + 20
            await until(lambda: len(confirmed["64.01"]) > goal)
            await stack.aclose()
            await until_read(second.consuming.reader, topic)
    assert {d["_id"]: d["ids"] async for d in database["regions"].find()} == confirmed
