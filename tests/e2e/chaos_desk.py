"""A broker, a database and any number of aggregators as processes that may be killed, stopped and set going again; and
the question whether what they have written is what the log amounts to."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from signal import SIGCONT, Signals
from typing import Any

from aiokafka.errors import KafkaError

from desk.service_processes import environment, service_child, why_not_ready
from desk.stack import mongod
from desk.stack.brokers import choose_broker
from desk.stack.ports import HOST, free_ports
from desk.supervisor import Child, stop_together
from services.aggregator.changes import COLLECTIONS, changes_of
from shared import mongo
from shared.election.calendar import Calendar
from shared.election.loaded import load_calendar
from shared.exactly_once import guard, journal
from shared.exactly_once.guard import Guard
from shared.kafka.log_reader import LogReader
from shared.kafka.topic_admin import create_topics
from shared.kafka.whole_topic import read_topic
from shared.records import Position, Record
from shared.settings import Settings
from shared.topics import AGGREGATOR_GROUP, ALERTS, DEAD_LETTERS, INCIDENTS, LOGISTICS, REPORTS, Topic
from tests.e2e.chaos_reference import Reference, content, differences, reference_of
from tests.e2e.scenario_files import KALTIM

TOPICS = (REPORTS, INCIDENTS, LOGISTICS, ALERTS)
SETTLE_S = 240.0
POLL_S = 0.05

Say = Callable[[str], None]


@dataclass
class ChaosDesk:
    """Call its methods in the main thread: the kernel ends a child with the thread that started it."""

    kafka: str
    mongo_url: str
    keeps_data: bool
    calendar: Calendar
    database: Child
    log_dir: Path
    say: Say = lambda _: None
    replicas: dict[str, Child] = field(default_factory=dict)
    ports: dict[str, int] = field(default_factory=dict)
    deaths: list[str] = field(default_factory=list)  # what was started again, in words
    has_database: bool = True  # if not, a database that died stays away

    def add(self, name: str, **settings: object) -> None:
        """Start one more aggregator."""
        env = environment(os.environ, kafka=self.kafka, mongo=self.mongo_url, election=KALTIM, **settings)
        (port,) = free_ports(1)
        child = service_child("aggregator", port, env, self.log_dir / f"{name}.log")
        child.name = child.label = name
        self.replicas[name], self.ports[name] = child, port
        child.start()

    def remove(self, *names: str) -> None:
        """End aggregators in order; all if none is named. They leave their group."""
        gone = [self.replicas.pop(name) for name in names or list(self.replicas)]
        for child in gone:
            self._signal(child, SIGCONT)
        stop_together(gone, lambda: False)

    def hit(self, name: str, number: Signals) -> None:
        """To an aggregator, or to `mongod`; nothing happens if it is dead already and waits for its restart."""
        self._signal(self.database if name == "mongod" else self.replicas[name], number)

    @asynccontextmanager
    async def looked_after(self) -> AsyncIterator[None]:
        """What dies meanwhile is started again, as a supervisor does."""
        task = asyncio.create_task(self._look_after())
        try:
            yield
        finally:
            task.cancel()
            for child in (self.database, *self.replicas.values()):
                self._signal(child, SIGCONT)

    async def until_ready(self, *names: str) -> None:
        for name in names:
            await until(partial(self._is_ready, name))

    async def until_read(self, group: str = AGGREGATOR_GROUP, topics: Sequence[Topic] = TOPICS) -> None:
        """Until the group has committed all that the topics hold now."""
        reader = LogReader(self.kafka, group, "chaos")
        try:
            for topic in topics:
                ends = {p: end for p, (_, end) in (await reader.ends(topic.name)).items()}
                await until(partial(_is_read, reader, topic.name, ends))
        finally:
            await reader.stop()

    async def until_database_has_read(self) -> None:
        """Until the database has read all that the topics hold now, whatever the group has committed."""
        reader = LogReader(self.kafka, AGGREGATOR_GROUP, "chaos")

        async def is_so() -> bool:
            async with self.opened() as database:
                keeper = Guard(database[guard.COLLECTION], reader)
                ends = {topic.name: await reader.ends(topic.name) for topic in TOPICS}
                read = {name: await keeper.read_to(name, found) for name, found in ends.items()}
            holding = [
                (name, p, end) for name, found in ends.items() for p, (begin, end) in found.items() if end > begin
            ]
            return all(read[name][p] >= end for name, p, end in holding)

        try:
            await until(is_so)
        finally:
            await reader.stop()

    async def until_read_beyond(self, partitions: int) -> None:
        """Until something is committed of each topic in a partition beyond the first so many."""
        reader = LogReader(self.kafka, AGGREGATOR_GROUP, "chaos")

        async def is_so() -> bool:
            found = {topic.name: await reader.partitions(topic.name) for topic in TOPICS}
            committed = [await reader.committed(name, new[partitions:]) for name, new in found.items()]
            return all(any(offsets.values()) for offsets in committed)

        try:
            await until(is_so)
        finally:
            await reader.stop()

    async def log(self) -> list[Record]:
        """All records of all topics."""
        return [
            Record(Position(r.topic, r.partition, r.offset), r.key, r.value or b"")
            for topic in TOPICS
            async for r in read_topic(self.kafka, topic.name)
        ]

    async def reference(self) -> Reference:
        return reference_of(await self.log(), changes_of(self.calendar))

    @asynccontextmanager
    async def opened(self, name: str = mongo.AGGREGATOR_DB) -> AsyncIterator[Any]:
        """A database of the server."""
        client = mongo.connect(self.mongo_url)
        try:
            yield mongo.database(client, name)
        finally:
            await mongo.close(client)

    async def complaints(self, expected: Reference, name: str = mongo.AGGREGATOR_DB) -> list[str]:
        """How what is written differs from what the log amounts to."""
        async with self.opened(name) as database:
            found = {
                (collection, document["_id"]): content(document)
                for collection in COLLECTIONS
                async for document in database[collection].find()
            }
            counted = {entry["_id"]: True async for entry in database[journal.COLLECTION].find({}, {"_id": True})}
        wrong = differences(expected.documents, found)
        return wrong + differences(dict.fromkeys(expected.identities, True), counted)

    async def letters(self) -> set[tuple[str, int, int]]:
        """The positions of the records that were put aside."""
        found = [dict(r.headers) async for r in read_topic(self.kafka, DEAD_LETTERS.name)]
        return {(h["topic"].decode(), int(h["partition"]), int(h["offset"])) for h in found}

    async def assert_right(self) -> None:
        """When all is read: documents, journal and dead letters are what the log amounts to."""
        began = time.monotonic()
        await self.until_read()
        self.say(f"all is read after {time.monotonic() - began:.1f} s more")
        expected = await self.reference()
        wrong = await self.complaints(expected)
        assert not wrong, "\n".join(wrong)
        assert await self.letters() == expected.bad
        self.say(f"{len(expected.identities)} events in {len(expected.documents)} documents, each once")

    async def _is_ready(self, name: str) -> bool:
        return await asyncio.to_thread(why_not_ready, self.ports[name]) is None

    async def _look_after(self) -> None:
        while True:
            for child in (*([self.database] if self.has_database else []), *self.replicas.values()):
                if (message := child.poll()) is not None:
                    self.deaths.append(message)
                    self.say(message)
            await asyncio.sleep(POLL_S)

    def _signal(self, child: Child, number: Signals) -> None:
        if child.process is not None and child.process.alive:
            with suppress(ProcessLookupError):
                os.kill(child.process.pid, number)


@contextmanager
def running_servers(data_dir: Path, partitions: int) -> Iterator[ChaosDesk]:
    """Broker and database, with topics of so many partitions, and no aggregator yet."""
    with ExitStack() as stack:
        kafka_port, controller_port, mongo_port = free_ports(3)
        broker = choose_broker(lambda _: None)
        broker.start(data_dir / "kafka", kafka_port, controller_port, lambda p: stack.callback(p.stop))
        start_mongod = partial(mongod.start, data_dir / "mongod", mongo_port)
        database = Child("mongod", "MongoDB", start_mongod, 10.0)
        stack.callback(stop_together, [database], lambda: True)
        database.start()
        calendar = load_calendar(KALTIM, None, None)
        address = f"{HOST}:{kafka_port}"
        desk = ChaosDesk(address, mongod.url(mongo_port), broker.keeps_data, calendar, database, data_dir / "logs")
        stack.callback(desk.remove)
        asyncio.run(create_topics(address, [*(Topic(t.name, partitions) for t in TOPICS), DEAD_LETTERS], 1, 1))
        yield desk


async def until(is_so: Callable[[], Awaitable[bool]], within_s: float = SETTLE_S) -> None:
    async with asyncio.timeout(within_s):
        while not await is_so():  # noqa: ASYNC110 - what other processes do, looked at from outside
            await asyncio.sleep(0.1)


async def _is_read(reader: LogReader, topic: str, ends: dict[int, int]) -> bool:
    with suppress(KafkaError, TimeoutError):
        return await reader.committed(topic, ends) == ends
    return False


def settings_of(desk: ChaosDesk, **more: Any) -> Settings:
    """For a service in this process."""
    return Settings(kafka=desk.kafka, mongo=desk.mongo_url, election=KALTIM, **more)
