"""Which log may be gone on with: one that is new, never the one that was read and lost its end only."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka import TopicPartition

from desk.continuing_log import CannotContinue, _others, _read, _refuse_the_same_log
from shared import mongo
from shared.topics import REPORTS
from tests.service.exactly_once.test_steps import Bench, FakeLog, report

PARTITION = TopicPartition(REPORTS.name, 0)
WAS_READ = [report("a"), report("b"), report("c")]


@pytest.fixture
async def bench(mongo_url: str) -> AsyncIterator[Bench]:
    """A database that has read three records."""
    client = mongo.connect(mongo_url)
    made = Bench(mongo.database(client, f"test_{uuid.uuid4().hex}"))
    await made.steps().process([made.log.produce(value) for value in WAS_READ])
    yield made
    await client.drop_database(made.database.name)
    await mongo.close(client)


def log_of(values: list[bytes]) -> FakeLog:
    log = FakeLog()
    for value in values:
        log.produce(value)
    return log


async def decide(bench: Bench, values: list[bytes], there: set[TopicPartition]) -> list[int]:
    """The offsets that were read last of the partitions that are another log; raises CannotContinue."""
    log: Any = log_of(values)
    others = await _others(await _read(bench.database, there), log)
    await _refuse_the_same_log({one.where: 0 for one in others}, [bench.database], log)
    return [one.offset for one in others]


@pytest.mark.parametrize(
    ("values", "offsets"),
    [
        (WAS_READ, []),
        ([*WAS_READ, report("d")], []),
        ([], [2]),
        ([report("x")], [2]),
        ([report("c"), report("b"), report("a")], [2]),
        ([b"nothing of ours", report("b"), report("x")], [2]),
    ],
)
async def test_another_log_is_told_by_the_record_that_was_read_last(
    bench: Bench, values: list[bytes], offsets: list[int]
) -> None:
    """The same, the same with more, an empty one, a new one, the same records in another order, somebody else's."""
    assert await decide(bench, values, {PARTITION}) == offsets


@pytest.mark.parametrize("values", [WAS_READ[:2], WAS_READ[:1]])
async def test_a_log_that_lost_its_end_is_not_deleted(bench: Bench, values: list[bytes]) -> None:
    """What it holds is the only copy of the past."""
    with pytest.raises(CannotContinue, match="its end is missing"):
        await decide(bench, values, {PARTITION})


async def test_partitions_that_are_not_there_yet_come_first(bench: Bench) -> None:
    """As many as there were."""
    with pytest.raises(CannotContinue, match="`desk partitions 1` first"):
        await decide(bench, [], set())
