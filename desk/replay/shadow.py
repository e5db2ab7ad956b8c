"""The shadow: a database of its own into which the log is folded by the aggregator's own steps. It tells nobody of
anything: what was put aside when it was read first is only counted."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass

from desk.replay.reading import Log
from services.aggregator.changes import COLLECTIONS, changes_of
from shared import mongo
from shared.clock import real
from shared.election.calendar import Calendar
from shared.exactly_once import guard, journal
from shared.exactly_once.dead_letters import DeadLetters
from shared.exactly_once.documents import Documents
from shared.exactly_once.guard import Guard, LogReader
from shared.exactly_once.journal import Journal
from shared.exactly_once.steps import Parts, Steps
from shared.metrics import Metrics
from shared.mongo import Database
from shared.records import Places, Position, log_name
from shared.topics import AGGREGATOR_GROUP

# All that is exchanged, in this order: positions last, they say that the rest is there.
MODEL = (*COLLECTIONS, journal.COLLECTION, guard.COLLECTION)
# No shadow may have these names.
RESERVED = frozenset(
    (mongo.ACCESS_DB, mongo.INTAKE_DB, mongo.AGGREGATOR_DB, mongo.NOTIFIER_DB, "admin", "local", "config")
)
_MARK = "replay"  # the collection that says that a database is a shadow of ours, and where its log began
_BATCH_TIMEOUT_S = 120.0
_NEVER = 2**63  # bad records in a row that stop a replay: whoever read them first has decided

Counted = Callable[[int], None]


class NoShadow(Exception):
    """This database is none that may be written or dropped as a shadow."""


class _Nobody:
    """A publisher that keeps everything to itself."""

    def __init__(self) -> None:
        self.kept = 0

    async def publish(
        self, topic: str, _key: bytes | None, _value: bytes, _headers: list[tuple[str, bytes]]
    ) -> Position:
        self.kept += 1
        return Position(topic, 0, 0)


@dataclass
class Shadow:
    """How far it is read its database knows; so a replay that died goes on. Raises DatabaseError, KafkaError,
    TimeoutError, TopicUnread, OtherLog."""

    database: Database
    log: Log
    guard: Guard
    steps: Steps
    nobody: _Nobody

    @property
    def unusable(self) -> int:
        """How many records of those read now are no events, or cannot be folded."""
        return self.nobody.kept

    async def begin(self, begins: Places, goes_on: bool) -> Places:
        """Empty it, or go on with what it has read; where its log began. Raises NoShadow."""
        names = await self.database.list_collection_names()
        mark = await self.database[_MARK].find_one({"_id": _MARK})
        if names and mark is None:
            raise NoShadow(f"the database {self.database.name} holds other things: name another one, or drop it")
        if mark is not None and goes_on:
            known: dict[str, int] = mark["begins"]
            return {**begins, **known}
        await self.database.client.drop_database(self.database.name)
        await self.database[_MARK].insert_one({"_id": _MARK, "begins": dict(begins), "begun_at": real()})
        return begins

    async def drop(self) -> None:
        """Unless it is somebody else's database."""
        if await self.database[_MARK].find_one({"_id": _MARK}) is not None:
            await self.database.client.drop_database(self.database.name)

    async def read_to(self) -> Places:
        """By partition, the next offset to read; its first one where nothing is read yet."""
        return await read_to(self.guard, await self.log.partitions())

    async def advance(self, until: Places, counted: Counted = lambda _: None) -> None:
        """Read on to these offsets; where it stands there or beyond, it stays."""
        begins, ends = await self.log.bounds()
        read = await self.read_to()
        after = {name: max(read[name], begins[name]) for name in read}
        wanted = {name: min(until.get(name, 0), ends[name]) for name in read}
        async with aclosing(self.log.read(after, wanted)) as batches:
            async for records in batches:
                async with asyncio.timeout(_BATCH_TIMEOUT_S):
                    await self.steps.process(records)
                counted(len(records))


async def read_to(keeper: Guard, partitions: list[tuple[str, int]]) -> Places:
    """By partition, the next offset that a database would read."""
    found: dict[str, int] = {}
    for topic in dict.fromkeys(topic for topic, _ in partitions):
        numbers = [number for name, number in partitions if name == topic]
        found |= {log_name(topic, n): offset for n, offset in (await keeper.read_to(topic, numbers)).items()}
    return found


def make_shadow(database: Database, log: Log, looks: LogReader, calendar: Calendar) -> Shadow:
    entries, nobody = Journal(database[journal.COLLECTION]), _Nobody()
    keeper = Guard(database[guard.COLLECTION], looks, entries)
    parts = Parts(
        journal=entries,
        documents=Documents(database, COLLECTIONS),
        dead_letters=DeadLetters(nobody, AGGREGATOR_GROUP),
        guard=keeper,
        changes=changes_of(calendar),
        metrics=Metrics("replay"),
        dead_letter_run=_NEVER,
    )
    return Shadow(database, log, keeper, Steps(parts), nobody)
