"""The rush around a deadline: exact to the instant, in every zone that owes a report."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.door.rush import RushHours
from shared.election.config import Level
from shared.election.roster import Region
from tests.builders import REGIONS, a_calendar, utc

BEFORE = timedelta(hours=3)
US = timedelta(microseconds=1)
# Due on Mondays 24:00 WITA (16:00 UTC), judged two hours later; obligations from 11 November to 16 December.
DUE = utc("2024-11-18 16:00")


@pytest.mark.parametrize(
    ("at", "is_rush"),
    [
        (DUE - BEFORE - US, False),
        (DUE - BEFORE, True),
        (DUE, True),
        (DUE + timedelta(hours=2) - US, True),
        (DUE + timedelta(hours=2), False),
        (utc("2024-11-11 15:00"), True),
        (utc("2024-11-04 15:00"), False),
        (utc("2024-12-16 15:00"), True),
        (utc("2024-12-23 15:00"), False),
        (utc("2024-11-20 15:00"), False),
    ],
    ids=[
        "just before it begins",
        "its first instant",
        "when reports are due",
        "the last instant of the grace",
        "when the grace is over",
        "the first period that is judged",
        "a week before it",
        "the last period",
        "a week after it",
        "an ordinary day",
    ],
)
def test_from_hours_before_the_deadline_until_the_grace_is_over(at: datetime, is_rush: bool) -> None:
    """[due - before, due + grace), of the periods that are judged."""
    assert RushHours(a_calendar(), BEFORE).is_rush(at) is is_rush


def test_each_zone_has_its_own_deadline() -> None:
    """Where the roster knows a region in Papua and one in Jakarta, the rush begins with the first and ends with the
    last."""
    east = Region("91", None, Level.PROVINCE, "PAPUA", "Asia/Jayapura")
    west = Region("31", None, Level.PROVINCE, "JAKARTA", "Asia/Jakarta")
    more = (
        east,
        west,
        Region("91.71", "91", Level.REGENCY, "KOTA JAYAPURA"),
        Region("31.71", "31", Level.REGENCY, "KOTA JAKARTA PUSAT"),
    )
    rush = RushHours(a_calendar(*REGIONS, *more), BEFORE)
    hour = timedelta(hours=1)
    assert [rush.is_rush(DUE - BEFORE + n * hour) for n in (-2, -1, 0, 5, 6)] == [False, True, True, True, False]


@given(st.integers(0, 150 * 24 * 3600))
def test_it_is_what_the_deadlines_say(second: int) -> None:
    """The quick answer is that of looking at every deadline of every region."""
    calendar, at = a_calendar(), utc("2024-09-01") + timedelta(seconds=second)
    deadlines = [
        calendar.deadline(region, duty, period)
        for duty in calendar.duties
        for region in calendar.roster.at_level(duty.rule.level)
        for period in calendar.periods(duty)
    ]
    expected = any(d.due_at - BEFORE <= at < d.judge_at for d in deadlines)
    assert RushHours(calendar, BEFORE).is_rush(at) is expected


def test_without_a_deadline_there_is_none() -> None:
    """An election whose periods are over never has a rush."""
    rush = RushHours(a_calendar(obligations_from=date(2025, 6, 1)), BEFORE)
    assert not rush.is_rush(DUE)
