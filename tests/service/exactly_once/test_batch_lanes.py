"""A batch in two lanes at once: each is to the other what another replica would be."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from shared.exactly_once.cursors import Document
from shared.exactly_once.documents import Documents
from shared.exactly_once.steps import Poisoned
from shared.records import Record
from tests.service.exactly_once.test_steps import COLLECTIONS, Bench, Crash, OvertakenDocuments, report


@pytest.fixture(autouse=True)
def _lanes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two records are worth two lanes."""
    monkeypatch.setattr("shared.exactly_once.lanes._WORTH_IT", 2)


@pytest.fixture
def bench(database: Any) -> Bench:
    return Bench(database)


def produce(bench: Bench, partition: int, *event_ids: str, region: str = "64.72") -> list[Record]:
    return [bench.log.produce(report(event_id, region=region), partition) for event_id in event_ids]


class DyingAt(Documents):
    """Dies before a region's document is written."""

    def __init__(self, database: Any, region: str) -> None:
        super().__init__(database, COLLECTIONS)
        self._region = region

    async def _write(self, name: str, pairs: list[tuple[Document, Document]]) -> int:
        if any(new["_id"] == self._region for _, new in pairs):
            raise Crash
        return await super()._write(name, pairs)


async def test_both_lanes_write_the_same_document(bench: Bench) -> None:
    """Both write `sums`: whoever comes second loads it again, and every event is in it once."""
    batch = [*produce(bench, 0, "a", "b"), *produce(bench, 1, "c", "d", region="64.71")]
    await bench.steps().process(batch)
    assert await bench.counted() == ["a", "b", "c", "d"]
    everything = await bench.database["sums"].find_one({"_id": "all"})
    assert everything["cursors"] == {"reports:0": 1, "reports:1": 1}
    assert bench.count("desk_records_total", outcome="first") == 4
    positions = {d["_id"]: d["offset"] async for d in bench.database["positions"].find()}
    assert positions == {"reports:0": 1, "reports:1": 1}


async def test_the_same_event_in_both_lanes_counts_once(bench: Bench) -> None:
    """Whichever lane is first; the other sighting is noted, and a replay changes nothing."""
    batch = [*produce(bench, 0, *"abcde"), *produce(bench, 1, *"edcba", region="64.71")]
    await bench.steps().process(batch)
    assert await bench.counted() == ["a", "b", "c", "d", "e"]
    assert bench.count("desk_records_total", outcome="first") == 5
    await bench.steps().process(batch)
    assert await bench.counted() == ["a", "b", "c", "d", "e"]
    assert len((await bench.entry("a"))["others"]) == 1


async def test_a_lane_that_fails_fails_the_batch_and_loses_nothing(bench: Bench) -> None:
    """The other one has gone to its end; of the retry each event counts once."""
    batch = [*produce(bench, 0, "a", "b"), *produce(bench, 1, "c", region="64.71")]
    with pytest.raises(Crash):
        await bench.steps(DyingAt(bench.database, "64.71")).process(batch)
    assert await bench.counted() == ["a", "b"]
    assert [d async for d in bench.database["positions"].find()] == []
    await bench.steps().process(batch)
    assert await bench.counted() == ["a", "b", "c"]


async def test_two_processes_with_the_same_batch_in_lanes(bench: Bench) -> None:
    """One of them is a zombie; nobody knows which."""
    batch = [*produce(bench, 0, *"abc"), *produce(bench, 1, *"def", region="64.71")]
    await asyncio.gather(*(bench.steps().process(batch) for _ in range(3)))
    assert await bench.counted() == ["a", "b", "c", "d", "e", "f"]


async def test_a_zombie_finishes_its_lanes_late(bench: Bench) -> None:
    old = [*produce(bench, 0, "a"), *produce(bench, 1, "b", region="64.71")]
    new = [*produce(bench, 0, "c"), *produce(bench, 1, "d", region="64.71")]
    zombie = bench.steps(OvertakenDocuments(bench.database, [lambda: bench.steps().process(old + new)]))
    await zombie.process(old)
    assert await bench.counted() == ["a", "b", "c", "d"]


@pytest.mark.expect_errors("dead_letter")
async def test_a_run_of_bad_records_goes_over_lanes(bench: Bench) -> None:
    """Three in the one and three in the other are six in a row; a batch that is tried again begins to count anew."""
    batch = [bench.log.produce(b"bad", partition) for partition in (0, 0, 0, 1, 1, 1)]
    steps = bench.steps(dead_letter_run=6)
    for _ in range(2):
        bench.publisher.published.clear()
        with pytest.raises(Poisoned):
            await steps.process(batch)
        assert len(bench.publisher.published) == 3
    await bench.steps(dead_letter_run=7).process(batch)
