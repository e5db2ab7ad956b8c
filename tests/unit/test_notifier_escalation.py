"""What an alert presses for while nobody acknowledges it, and when."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.telling import escalation
from services.notifier.telling.escalation import Press, due, next_at
from tests.builders import utc

SINCE = utc("2024-11-25T02:00:00Z")
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
STEPS = [(30 * MINUTE, ("head",)), (2 * HOUR, ("governor",))]
REPEATS = {"watch": HOUR, "group": HOUR, "slow": 6 * HOUR}


def pressed(upto: timedelta, now: timedelta) -> list[tuple[str, timedelta, tuple[str, ...]]]:
    return [(p.change, p.after, p.receivers) for p in due(SINCE, SINCE + upto, SINCE + now, STEPS, REPEATS)]


@pytest.mark.parametrize(
    ("upto", "now", "expected"),
    [
        (0 * HOUR, 29 * MINUTE, []),
        (0 * HOUR, 30 * MINUTE, [("escalated", 30 * MINUTE, ("head",))]),
        (30 * MINUTE, 59 * MINUTE, []),
        (30 * MINUTE, HOUR, [("repeated", HOUR, ("group", "watch"))]),
        (
            HOUR,
            2 * HOUR,
            [("escalated", 2 * HOUR, ("governor",)), ("repeated", 2 * HOUR, ("group", "watch"))],
        ),
        # Nobody looked for hours: every step, and the last one of the repeats.
        (
            0 * HOUR,
            7 * HOUR + MINUTE,
            [
                ("escalated", 30 * MINUTE, ("head",)),
                ("escalated", 2 * HOUR, ("governor",)),
                ("repeated", 7 * HOUR, ("group", "watch")),
                ("repeated", 6 * HOUR, ("slow",)),
            ],
        ),
    ],
)
def test_what_is_due(upto: timedelta, now: timedelta, expected: list[Any]) -> None:
    """Each step once, at its moment; repeats at multiples, what was missed as one."""
    assert pressed(upto, now) == expected


@pytest.mark.parametrize(
    ("now", "expected"),
    [(0 * HOUR, 30 * MINUTE), (30 * MINUTE, HOUR), (HOUR, 2 * HOUR), (3 * HOUR, 4 * HOUR), (-HOUR, 30 * MINUTE)],
)
def test_when_to_look_again(now: timedelta, expected: timedelta) -> None:
    """At the next moment, never at this one."""
    assert next_at(SINCE, SINCE + now, STEPS, REPEATS) == SINCE + expected


def test_nothing_more_is_due() -> None:
    """After the last step without repeats there is nothing to look for."""
    assert next_at(SINCE, SINCE + 2 * HOUR, STEPS, {}) is None
    assert next_at(SINCE, SINCE, [], {}) is None


@given(st.lists(st.integers(1, 400), min_size=1, max_size=30))
def test_however_often_one_looks_each_step_comes_once(looks: list[int]) -> None:
    """Whatever the moments at which somebody looks: each step exactly once, at its own moment, and no repeat twice."""
    made: list[Press] = []
    upto = SINCE
    for minute in [*sorted(looks), 401]:
        now = SINCE + minute * MINUTE
        made += due(SINCE, upto, now, STEPS, REPEATS)
        upto = now
    steps = [(p.after, p.receivers) for p in made if p.change == "escalated"]
    assert steps == STEPS
    assert len(set(made)) == len(made)
    assert all(p.at == SINCE + p.after for p in made)


def a_delivery(state: str, minute: int = 0, change: str = "raised", **more: Any) -> dict[str, Any]:
    at = SINCE + minute * MINUTE
    return {"state": state, "due_at": at, "payload": {"timestamp": at, "data": {"change": change}}, **more}


def test_since_when_it_is_known() -> None:
    """From the first alarm that is told, or was released; of an earlier firing, of ends and of presses nothing."""
    old, end, press = (
        a_delivery("delivered", -9),
        a_delivery("delivered", 3, "resolved"),
        a_delivery("dead", 4, "repeated"),
    )
    held = a_delivery("held", 1)
    alarms = escalation.alarms_of(SINCE, [old, held, end, press])
    assert alarms == [held]
    assert escalation.first_told(alarms) is None
    assert escalation.may_yet_be_told(alarms)
    released = a_delivery("pending", 9)
    assert escalation.first_told([released]) == SINCE + 9 * MINUTE
    assert escalation.first_told([released, a_delivery("dead", 5)]) == SINCE + 5 * MINUTE
    assert escalation.may_yet_be_told([])
    assert not escalation.may_yet_be_told([a_delivery("suppressed")])
