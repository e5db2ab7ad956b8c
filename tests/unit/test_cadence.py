"""How often a report is owed: weekly, daily, and both at once."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.election.cadence import DAY
from shared.election.calendar import Calendar
from shared.election.config import Level, Weekday
from shared.election.roster import Region
from tests.builders import REGIONS, a_calendar, utc

CODE = "64.72"
MICROSECOND = timedelta(microseconds=1)
instants = st.datetimes(datetime(2024, 9, 1), datetime(2025, 2, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds


def a_rule(every: str = "week", first: str = "2024-09-30", last: str = "2024-12-16", **changes: Any) -> dict[str, Any]:
    dates = {"from": date.fromisoformat(first), "until": date.fromisoformat(last)}
    return {"level": "regency", "every": every, **dates, **changes}


DAILY_WHILE_VOTING = a_rule("day", "2024-11-24", "2024-11-27")
WEEKLY_THEN_DAILY = (a_rule(last="2024-11-20"), a_rule("day", "2024-11-21"))


def periods(calendar: Calendar, first: str, last: str) -> list[str]:
    """The judged ones between two days."""
    return [text for text in map(str, calendar.all_periods()) if first <= text <= last]


def test_a_daily_report_is_for_its_local_day() -> None:
    """From local midnight to local midnight; due 24 hours after the day began, judged two hours later."""
    calendar = a_calendar(zones={CODE: "Asia/Jayapura"}, reports=[a_rule("day")])
    begin = utc("2024-11-19 15:00")
    for instant, day in ((begin - MICROSECOND, 19), (begin, 20), (begin + DAY - MICROSECOND, 20), (begin + DAY, 21)):
        assert calendar.period_of(CODE, Level.REGENCY, instant) == date(2024, 11, day)
    deadline = calendar.owing(date(2024, 11, 20))[CODE]
    assert (deadline.due_at, deadline.judge_at) == (begin + DAY, begin + DAY + timedelta(hours=2))


def test_every_day_is_judged() -> None:
    """The first and the last day of the rule included, and nothing before `obligations_from`."""
    days = a_calendar(reports=[a_rule("day")]).all_periods()
    assert days == [date(2024, 11, 11) + n * DAY for n in range(36)]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        # Daily beside weekly: the days of both, the Monday once.
        ([a_rule(), DAILY_WHILE_VOTING], ["11-18", "11-24", "11-25", "11-26", "11-27", "12-02"]),
        ([DAILY_WHILE_VOTING, a_rule()], ["11-18", "11-24", "11-25", "11-26", "11-27", "12-02"]),
        # One after the other.
        (WEEKLY_THEN_DAILY, ["11-18", *(f"11-{day}" for day in range(21, 31)), "12-01", "12-02"]),
    ],
)
def test_weekly_and_daily(rules: list[dict[str, Any]], expected: list[str]) -> None:
    """Whatever is judged can be reported for, and each of these days is a period of its own."""
    calendar = a_calendar(reports=rules)
    assert periods(calendar, "2024-11-18", "2024-12-02") == [f"2024-{day}" for day in expected]
    for period in calendar.all_periods():
        assert calendar.period_days(CODE, Level.REGENCY).holds(period)
        assert calendar.period_of(CODE, Level.REGENCY, calendar.local_midnight(CODE, period)) == period


@pytest.mark.parametrize(
    ("now", "current", "following"),
    [
        ("2024-11-23 15:59:59.999999", "2024-11-18", "2024-11-24"),
        ("2024-11-23 16:00", "2024-11-24", "2024-11-25"),
        ("2024-11-27 15:59", "2024-11-27", "2024-12-02"),
        ("2024-11-29 04:00", "2024-11-27", "2024-12-02"),  # nobody owes for it: it belongs to the last one
        ("2024-12-02 04:00", "2024-12-02", "2024-12-09"),
    ],
)
def test_the_current_period_and_the_next(now: str, current: str, following: str) -> None:
    """A report for a day beyond the next one is refused."""
    calendar = a_calendar(reports=[a_rule(), DAILY_WHILE_VOTING])
    assert str(calendar.period_of(CODE, Level.REGENCY, utc(now))) == current
    assert str(calendar.next_period(CODE, Level.REGENCY, utc(now))) == following


def test_outside_of_all_rules_the_first_one_says_which_days_there_are() -> None:
    """Mondays here; the Fridays of the second rule are none before it begins."""
    calendar = a_calendar(reports=[a_rule(last="2024-11-20"), a_rule(first="2024-12-05", weekday="friday")])
    found = {
        day: calendar.period_days(CODE, Level.REGENCY).holds(date.fromisoformat(day))
        for day in ("2024-11-25", "2024-11-29")
    }
    assert found == {"2024-11-25": True, "2024-11-29": False}
    assert calendar.period_days(CODE, Level.REGENCY).holds(date(2024, 12, 6))
    assert not calendar.owing(date(2024, 11, 25))


rules = st.lists(
    st.builds(
        lambda every, weekday, first, length, level: {
            "level": level,
            "from": date(2024, 9, 30) + first * DAY,
            "until": date(2024, 9, 30) + (first + length) * DAY,
            **({"every": "day"} if every else {"weekday": weekday.value}),
        },
        st.booleans(),
        st.sampled_from(list(Weekday)),
        st.integers(0, 60),
        st.integers(0, 40),
        st.sampled_from(["regency", "district"]),
    ),
    min_size=1,
    max_size=4,
)


@given(rules=rules, instant=instants)
def test_each_instant_belongs_to_exactly_one_period_whatever_the_rules(rules: list[Any], instant: datetime) -> None:
    """It begins at the local midnight of a period day, and the next period day is where it ends."""
    calendar = a_calendar(reports=rules, obligations_from=date(2024, 9, 1))
    period = calendar.period_of(CODE, Level.REGENCY, instant)
    following = calendar.next_period(CODE, Level.REGENCY, instant)
    assert calendar.local_midnight(CODE, period) <= instant < calendar.local_midnight(CODE, following)
    assert calendar.period_days(CODE, Level.REGENCY).holds(period)
    between = [period + n * DAY for n in range(1, (following - period).days)]
    assert not any(calendar.period_days(CODE, Level.REGENCY).holds(day) for day in between)
    days = calendar.period_days(CODE, Level.REGENCY)
    assert (days.before(following), days.after(period)) == (period, following)


@given(rules=rules)
def test_what_is_owed_can_be_reported(rules: list[Any]) -> None:
    """Whoever owes a report for a day is not refused one for it, and the deadlines of a region are in order."""
    calendar = a_calendar(reports=rules, obligations_from=date(2024, 9, 1))
    region, due = calendar.roster[CODE], []
    for period in calendar.all_periods():
        deadline = calendar.owed(region, period)
        if deadline is not None:
            assert calendar.period_days(CODE, Level.REGENCY).holds(period)
            assert deadline == calendar.owing(period)[CODE]
            due.append(deadline.due_at)
    assert due == sorted(set(due))


@pytest.mark.parametrize(
    "changes", [{"weekday": "monday"}, {"remind_before": "2d"}, {"every": "hour"}, {"every": "days"}]
)
def test_what_makes_no_sense_of_a_daily_report_is_refused(changes: dict[str, Any]) -> None:
    """A weekday, a reminder of the day before the day before, another cadence."""
    with pytest.raises(ValidationError):
        a_calendar(reports=[{**a_rule("day"), **changes}])


scopes = st.one_of(st.none(), st.sets(st.sampled_from(["64", "64.02", "64.72", "64.72.01"]), min_size=1))


@given(rules=rules, named=st.lists(scopes, min_size=4, max_size=4), others=st.permutations(REGIONS))
def test_days_do_not_depend_on_who_asked_before(rules: list[Any], named: list[Any], others: list[Region]) -> None:
    """Whatever is kept for a level or a region, where rules name regions and where they do not."""
    scoped = [{**r, **({"regions": sorted(of)} if of else {})} for r, of in zip(rules, named, strict=False)]
    asked = a_calendar(reports=scoped, obligations_from=date(2024, 9, 1))
    found = {r.code: asked.period_days(r.code, r.level) for r in others}
    for region in REGIONS:
        alone = a_calendar(reports=scoped, obligations_from=date(2024, 9, 1)).period_days(region.code, region.level)
        days = [date(2024, 9, 23) + n * DAY for n in range(110)]
        assert [found[region.code].holds(d) for d in days] == [alone.holds(d) for d in days], region.code
