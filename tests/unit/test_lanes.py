"""A large batch in lanes: nothing is lost, and one partition's records stay together, in their order."""

from __future__ import annotations

from random import Random

import pytest

from shared.exactly_once.lanes import in_lanes
from shared.records import Position, Record
from shared.topics import INCIDENTS, REPORTS

MANY = 600


def record(offset: int, partition: int, topic: str = REPORTS.name) -> Record:
    return Record(Position(topic, partition, offset), None, b"")


@pytest.mark.parametrize("seed", range(20))
def test_each_partition_is_in_one_lane_in_its_order(seed: int) -> None:
    """Of two topics, too: what one key has in both stays together."""
    random = Random(seed)
    partitions = random.randint(1, 8)
    records = [
        record(offset, random.randrange(partitions), random.choice([REPORTS.name, INCIDENTS.name]))
        for offset in range(random.randint(MANY, 2 * MANY))
    ]
    numbers = {found.position.partition for found in records}
    lanes = in_lanes(records, 3)
    assert len(lanes) == min(3, len(numbers))
    assert sorted(found for lane in lanes for found in lane) == sorted(records)
    for number in numbers:
        (home,) = [lane for lane in lanes if any(found.position.partition == number for found in lane)]
        for topic in (REPORTS.name, INCIDENTS.name):
            kept = [r.position.offset for r in home if r.position[:2] == (topic, number)]
            assert kept == sorted(kept)


def test_lanes_are_about_as_long_as_each_other() -> None:
    records = [record(n, partition) for partition, length in ((0, 300), (1, 500), (2, 200)) for n in range(length)]
    assert sorted(map(len, in_lanes(records, 2))) == [500, 500]


def test_a_small_batch_is_one_lane_as_it_came() -> None:
    """It waits for nothing that it did not wait for without lanes."""
    records = [record(0, 1), record(0, 0), record(1, 1)]
    assert in_lanes(records, 2) == [records]


def test_one_partition_is_one_lane() -> None:
    records = [record(n, 5) for n in range(MANY)]
    assert in_lanes(records, 2) == [records]
