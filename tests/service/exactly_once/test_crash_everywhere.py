"""A death at every call: before it, halfway through it, after it, and once more during the repair. Whatever was done
by then, the batch processed again leaves the documents that an undisturbed run leaves. In one lane, and in two."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any

import pytest
from pymongo.errors import BulkWriteError

from shared.exactly_once import journal
from shared.exactly_once.cursors import Change
from shared.exactly_once.dead_letters import DeadLetters
from shared.exactly_once.documents import Documents
from shared.exactly_once.guard import Guard
from shared.exactly_once.journal import Journal
from shared.exactly_once.sightings import Sighting
from shared.exactly_once.steps import Parts, Steps
from shared.metrics import Metrics
from shared.records import Position, Record
from tests.service.exactly_once.test_steps import COLLECTIONS, GROUP, FakeLog, FakePublisher, counting, report

MANY = 10  # more records than a batch has here

pytestmark = [
    pytest.mark.expect_errors("dead_letter", "cannot_fold"),
    pytest.mark.parametrize("database", ["motor"], indirect=True),  # what is tried is the way, not the driver
    pytest.mark.parametrize("worth_lanes", [MANY + 1, 2], ids=["one lane", "two lanes"]),
]


@pytest.fixture(autouse=True)
def _lanes(worth_lanes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.exactly_once.lanes._WORTH_IT", worth_lanes)


class Moment(Enum):
    """When, at a call, the process dies. HALFWAY: half of a bulk is done, as where an unordered one is cut off."""

    BEFORE = auto()
    HALFWAY = auto()
    AFTER = auto()


class Died(BaseException):
    """The process has ended here: no handler of ours may see it."""


@dataclass
class Life:
    """Counts a process's calls on database, broker and log, and ends it at one of them: what is under way in another
    lane may still be done, nothing is begun any more."""

    dies_at: int | None = None
    moment: Moment = Moment.BEFORE
    calls: int = 0

    async def call(self, whole: Callable[[], Any], half: Callable[[], Any] | None = None) -> Any:
        self.calls += 1
        if self.dies_at is not None and self.calls > self.dies_at:
            raise Died
        if self.calls != self.dies_at:
            return await whole()
        done = {Moment.HALFWAY: half, Moment.AFTER: whole}.get(self.moment)
        if done is not None:
            with suppress(BulkWriteError):  # duplicates: nobody lives to hear of them
                await done()
        raise Died


# Which event of a batch was new, and not a retry, is as a death leaves it.
_HOW_AND_WHEN = ("rev", "written_at", "event", "journaled_at")


class MortalCollection:
    """A collection whose calls a life counts."""

    def __init__(self, life: Life, collection: Any) -> None:
        self._life, self._collection = life, collection

    async def insert_many(self, documents: Sequence[Any], ordered: bool) -> Any:
        half = documents[: len(documents) // 2]
        return await self._life.call(
            lambda: self._collection.insert_many(documents, ordered=ordered),
            (lambda: self._collection.insert_many(half, ordered=ordered)) if half else None,
        )

    async def bulk_write(self, operations: Sequence[Any], ordered: bool = True) -> Any:
        half = operations[: len(operations) // 2]
        return await self._life.call(
            lambda: self._collection.bulk_write(operations, ordered=ordered),
            (lambda: self._collection.bulk_write(half, ordered=ordered)) if half else None,
        )

    def find(self, query: Any) -> MortalFound:
        return MortalFound(self._life, self._collection.find(query))

    async def find_one(self, *query: Any) -> Any:
        return await self._life.call(lambda: self._collection.find_one(*query))

    async def update_one(self, *change: Any) -> Any:
        return await self._life.call(lambda: self._collection.update_one(*change))


class MortalFound:
    """What is found, document by document or all at once: one call."""

    def __init__(self, life: Life, found: Any) -> None:
        self._life, self._found = life, found

    def batch_size(self, _documents: int) -> MortalFound:
        return self

    async def to_list(self, _most: int | None) -> list[Any]:
        async def everything() -> list[Any]:
            return [document async for document in self._found]

        documents: list[Any] = await self._life.call(everything)
        return documents

    async def __aiter__(self) -> AsyncIterator[Any]:
        for document in await self.to_list(None):
            yield document


class MortalDatabase:
    def __init__(self, life: Life, database: Any) -> None:
        self._life, self._database = life, database

    def __getitem__(self, name: str) -> MortalCollection:
        return MortalCollection(self._life, self._database[name])


class MortalPublisher:
    def __init__(self, life: Life, publisher: FakePublisher) -> None:
        self._life, self._publisher = life, publisher

    async def publish(self, topic: str, key: bytes | None, value: bytes, headers: list[tuple[str, bytes]]) -> Position:
        published: Position = await self._life.call(lambda: self._publisher.publish(topic, key, value, headers))
        return published


def changes(sighting: Sighting) -> Sequence[Change]:
    if sighting.event.id == "unfoldable":
        raise ValueError("there is no place for it")
    return counting(sighting)


class World:
    """What outlives processes: database, log, dead letters."""

    def __init__(self, database: Any) -> None:
        self.database, self.log, self.publisher = database, FakeLog(), FakePublisher()
        # In three batches: new ones, duplicates within and across, a bad one, one that cannot be folded; two
        # regions in two partitions.
        self.batches = [
            self._produce(report("a"), report("b", region="64.71"), report("a")),
            self._produce(report("c"), b"{", report("unfoldable"), report("b", region="64.71")),
            self._produce(report("d", region="64.71"), report("a", content="b")),
        ]

    def _produce(self, *values: bytes) -> list[Record]:
        return [self.log.produce(value, partition=int(b"64.71" in value)) for value in values]

    async def process(self, life: Life) -> None:
        """One process reads the log from its beginning: nothing is committed anywhere."""
        database = MortalDatabase(life, self.database)
        steps = Steps(
            Parts(
                journal=Journal(database[journal.COLLECTION]),
                documents=Documents(database, COLLECTIONS),
                dead_letters=DeadLetters(MortalPublisher(life, self.publisher), GROUP),
                guard=Guard(database["positions"], self.log),
                changes=changes,
                metrics=Metrics("test"),
                dead_letter_run=5,
            )
        )
        for batch in self.batches:
            await steps.process(batch)

    async def outcome(self) -> dict[str, Any]:
        """All that counts: documents but for how often and when they were written, the journal, the letters by id."""
        found: dict[str, Any] = {"letters": {headers["dead-letter-id"] for *_, headers in self.publisher.published}}
        for name in (*COLLECTIONS, journal.COLLECTION, "positions"):
            documents = [d async for d in self.database[name].find().sort("_id", 1)]
            found[name] = [{k: v for k, v in d.items() if k not in _HOW_AND_WHEN} for d in documents]
            for document in found[name]:
                document.update(ids=sorted(document.get("ids", [])))  # which lane came first is nobody's promise
        return found

    async def forget(self) -> None:
        for name in (*COLLECTIONS, journal.COLLECTION, "positions"):
            await self.database[name].delete_many({})
        self.publisher.published.clear()


async def undisturbed(world: World) -> tuple[dict[str, Any], int]:
    """The outcome without a death, and how many calls it takes."""
    life = Life()
    await world.process(life)
    outcome = await world.outcome()
    assert [len(d["ids"]) for d in outcome["sums"]] == [4]
    await world.forget()
    return outcome, life.calls


def deaths(calls: int) -> Iterator[tuple[int, Moment]]:
    for number in range(1, calls + 1):
        for moment in Moment:
            yield number, moment


async def test_a_death_at_any_call_changes_nothing(database: Any, worth_lanes: int) -> None:
    """Before, halfway and after each call to database and broker."""
    world = World(database)
    expected, calls = await undisturbed(world)
    assert calls > 20
    for number, moment in deaths(calls):
        life = Life(number, moment)
        # How often a lane meets the other's writes, and so how many calls there are, is another one each time.
        with pytest.raises(Died) if worth_lanes > MANY else suppress(Died):
            await world.process(life)
        await world.process(Life())
        assert await world.outcome() == expected, f"died {moment.name} call {number}"
        await world.forget()


async def test_a_second_death_while_repairing_changes_nothing(database: Any, worth_lanes: int) -> None:
    """The process that repairs dies as well, at a call near that of the first death."""
    world = World(database)
    expected, calls = await undisturbed(world)
    for first in range(1, calls + 1, 2):
        for second in (first, first + 2):
            for life in (Life(first, Moment.AFTER), Life(max(second, 1), Moment.HALFWAY)):
                try:
                    await world.process(life)
                except Died:
                    continue
            await world.process(Life())
            assert await world.outcome() == expected, f"died after call {first}, then halfway at {second}"
            await world.forget()
