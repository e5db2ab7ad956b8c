"""How old the oldest record is that waits: never less than is so, and close to it."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from shared.exactly_once.lag import Lag

NOW = 1_000.0
Step = Callable[[Lag[str]], object]


def taken(**firsts: float) -> Step:
    return lambda lag: lag.taken(dict(firsts))


def counted(**lasts: float) -> Step:
    return lambda lag: lag.counted(dict(lasts))


def looked(at: float, **waiting: int) -> Step:
    return lambda lag: lag.seconds(dict(waiting), at)


@pytest.mark.parametrize(
    ("steps", "waiting", "expected"),
    [
        ([], {}, 0),
        ([], {"a": 0}, 0),
        ([], {"a": 3}, None),  # since the start nothing was read: nobody knows
        ([taken(a=900)], {"a": 3}, 100),  # in hand, and more behind it
        ([taken(a=900)], {"a": 0}, 100),  # delivered is not counted
        ([taken(a=900), counted(a=950)], {"a": 3}, 50),  # came after what was read
        ([taken(a=900), counted(a=950)], {"a": 0}, 0),
        ([counted(a=100), looked(990, a=0)], {"a": 1}, 10),  # an old last record, but nothing waited then
        ([looked(990, a=0)], {"a": 1}, 10),
        ([counted(a=900, b=800)], {"a": 1, "b": 1}, 200),  # the oldest of all
        ([counted(a=900)], {"a": 1, "b": 1}, 100),  # of b nobody knows
        ([counted(b=100)], {"a": 0}, 0),  # a partition that was taken away
        ([counted(b=100), looked(500, a=0)], {"a": 0, "b": 5}, None),  # and given back: others have read it meanwhile
        ([taken(b=100)], {"a": 0}, 0),
        ([taken(a=900), taken(a=900)], {"a": 3}, 100),  # it failed and is tried again
        ([counted(a=1_001)], {"a": 1}, 0),  # a producer's clock that is ahead
    ],
)
def test_age_of_the_oldest_that_waits(steps: list[Step], waiting: dict[str, int], expected: float | None) -> None:
    """By what was read last, and when nothing waited last."""
    lag: Lag[str] = Lag()
    for step in steps:
        step(lag)
    assert lag.seconds(dict(waiting), NOW) == expected
