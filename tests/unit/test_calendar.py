"""The calendar: every boundary, in every zone of Indonesia and in one with daylight saving."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from shared.election.cadence import WEEK
from shared.election.calendar import Calendar
from shared.election.config import Level, Weekday, with_obligations_from
from shared.election.roster import Region
from tests.builders import MONDAY, REGIONS, a_calendar, utc

MICROSECOND = timedelta(microseconds=1)
# Zone, and its offset from UTC in hours: Indonesia has no daylight saving.
ZONES = [("Asia/Jakarta", 7), ("Asia/Pontianak", 7), ("Asia/Makassar", 8), ("Asia/Jayapura", 9)]

instants = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds
zones = st.sampled_from([*(name for name, _ in ZONES), "America/New_York", "Australia/Lord_Howe"])
weekdays = st.sampled_from(list(Weekday))


def a_rule(**changes: Any) -> dict[str, Any]:
    return {"level": "regency", "from": date(2024, 9, 30), "until": date(2024, 12, 16), **changes}


def regency(calendar: Calendar, code: str = "64.72") -> Region:
    region = calendar.roster.get(code)
    assert region is not None
    return region


@given(instant=instants, zone=zones, weekday=weekdays)
def test_each_instant_belongs_to_exactly_one_period(instant: datetime, zone: str, weekday: Weekday) -> None:
    """A period begins at its day's local midnight and ends where the next one begins; every instant is in one."""
    calendar = a_calendar(zone=zone, reports=[a_rule(weekday=weekday.value)])
    period = calendar.period_of("64.72", Level.REGENCY, instant)
    begin, end = (calendar.local_midnight("64.72", day) for day in (period, period + WEEK))
    assert period.weekday() == weekday.number
    assert begin <= instant < end
    assert calendar.period_days("64.72", Level.REGENCY).holds(period)


@given(monday=st.dates(date(2020, 1, 1), date(2029, 12, 1)), hours=st.integers(0, 166), zone=zones)
def test_period_is_constant_between_local_midnights_of_mondays(monday: date, hours: int, zone: str) -> None:
    """From a Monday's local midnight to the last microsecond before the next one, the period is that Monday."""
    monday -= timedelta(days=monday.weekday())
    calendar = a_calendar(zone=zone)
    begin, end = (calendar.local_midnight("64.72", day) for day in (monday, monday + WEEK))
    for instant in (begin, begin + timedelta(hours=hours), end - MICROSECOND):
        assert calendar.period_of("64.72", Level.REGENCY, instant) == monday
    assert calendar.period_of("64.72", Level.REGENCY, begin - MICROSECOND) == monday - WEEK
    assert calendar.period_of("64.72", Level.REGENCY, end) == monday + WEEK


@given(monday=st.dates(date(2020, 1, 1), date(2029, 12, 1)))
def test_weeks_with_a_change_of_clock_have_167_or_169_hours(monday: date) -> None:
    """In a zone with daylight saving a period is as long as its local week: 167, 168 or 169 hours."""
    monday -= timedelta(days=monday.weekday())
    calendar = a_calendar(zone="America/New_York")
    length = calendar.local_midnight("64.72", monday + WEEK) - calendar.local_midnight("64.72", monday)
    noon = [datetime(d.year, d.month, d.day, 12, tzinfo=ZoneInfo("America/New_York")) for d in (monday, monday + WEEK)]
    shift = (noon[0].utcoffset() or timedelta()) - (noon[1].utcoffset() or timedelta())
    assert length == WEEK + shift
    assert length // timedelta(hours=1) in (167, 168, 169)


@pytest.mark.parametrize(("monday", "hours"), [("2024-03-04", 167), ("2024-10-28", 169), ("2024-11-04", 168)])
def test_known_weeks_in_new_york(monday: str, hours: int) -> None:
    """The weeks of the two changes of 2024, and the one after."""
    calendar, day = a_calendar(zone="America/New_York"), date.fromisoformat(monday)
    length = calendar.local_midnight("64.72", day + WEEK) - calendar.local_midnight("64.72", day)
    assert length == timedelta(hours=hours)


@pytest.mark.parametrize(("zone", "offset"), ZONES)
@pytest.mark.parametrize(
    ("due", "grace", "local_hours"),
    [("24:00", "2h", 24), ("18:00", "30m", 18), ("00:00", "13s", 0), ("23:59", "1d", 23 + 59 / 60)],
)
def test_due_and_judge_instants(zone: str, offset: int, due: str, grace: str, local_hours: float) -> None:
    """Due counts from the period day's local midnight, in the region's zone; judged grace later."""
    calendar = a_calendar(zone=zone, reports=[a_rule(due=due, grace=grace)])
    deadline = calendar.owed(regency(calendar), MONDAY)
    assert deadline is not None
    midnight = utc("2024-11-18 00:00") - timedelta(hours=offset)
    assert deadline.period == MONDAY
    assert deadline.due_at == midnight + timedelta(hours=local_hours)
    assert deadline.judge_at == deadline.due_at + calendar.election.reports[0].grace
    assert deadline.due_at.tzinfo is UTC


def test_due_is_the_local_clock_also_where_the_clock_changes() -> None:
    """On the day of a change, 24:00 is the next local midnight and 18:00 what the wall clock shows."""
    for due, expected in (("24:00", "2024-11-04 05:00"), ("18:00", "2024-11-03 23:00")):
        rule = a_rule(weekday="sunday", due=due, **{"from": date(2024, 11, 3)})
        calendar = a_calendar(zone="America/New_York", reports=[rule])
        deadline = calendar.deadline(regency(calendar), calendar.duties[0], date(2024, 11, 3))
        assert deadline.due_at == utc(expected), due


@pytest.mark.parametrize(
    ("remind_before", "expected"), [(None, None), ("4h", "2024-11-18 12:00"), ("1d", "2024-11-17 16:00")]
)
def test_the_desk_is_reminded_before_a_report_is_due(remind_before: str | None, expected: str | None) -> None:
    """Where the election says so."""
    calendar = a_calendar(reports=[a_rule(remind_before=remind_before)])
    deadline = calendar.owed(regency(calendar), MONDAY)
    assert deadline is not None
    assert deadline.remind_at == (utc(expected) if expected else None)


@pytest.mark.parametrize("remind_before", ["0s", "8d"])
def test_a_reminder_when_it_is_due_or_weeks_before_is_refused(remind_before: str) -> None:
    """It would be none."""
    with pytest.raises(ValidationError, match="remind_before"):
        a_calendar(reports=[a_rule(remind_before=remind_before)])


def with_zones(**zones_of_regions: str) -> tuple[Region, ...]:
    """The regions, some with a zone of their own in the roster; `_` stands for the dot of a code."""
    wanted = {code[1:].replace("_", "."): zone for code, zone in zones_of_regions.items()}
    return tuple(Region(r.code, r.parent, r.level, r.name, wanted.get(r.code)) for r in REGIONS)


@pytest.mark.parametrize(
    ("overrides", "in_roster", "expected"),
    [
        ({}, {}, {"64": "Makassar", "64.72": "Makassar", "64.72.01.1001": "Makassar"}),
        ({"64.72": "Jakarta"}, {}, {"64": "Makassar", "64.71": "Makassar", "64.72": "Jakarta", "64.72.01": "Jakarta"}),
        ({"64": "Jayapura", "64.72": "Jakarta"}, {}, {"64": "Jayapura", "64.71": "Jayapura", "64.72.01": "Jakarta"}),
        ({"64.72": "Jakarta", "64.72.01.1001": "Jayapura"}, {}, {"64.72.01": "Jakarta", "64.72.01.1001": "Jayapura"}),
        ({}, {"_64_72": "Asia/Jakarta"}, {"64": "Makassar", "64.72": "Jakarta", "64.72.01.1001": "Jakarta"}),
        ({}, {"_64": "Asia/Jakarta", "_64_72": "Asia/Jayapura"}, {"64.71": "Jakarta", "64.72.01": "Jayapura"}),
        ({"64": "Jayapura"}, {"_64_72": "Asia/Jakarta"}, {"64.72": "Jayapura", "64.72.01": "Jayapura"}),
        ({"64.7": "Jakarta"}, {}, {"64.72": "Makassar", "64.71": "Makassar"}),
    ],
)
def test_zone_of_a_region(overrides: dict[str, str], in_roster: dict[str, str], expected: dict[str, str]) -> None:
    """The election file's nearest override holds, also for all below; else the roster's nearest, else the default."""
    election_zones = {code: f"Asia/{zone}" for code, zone in overrides.items() if code != "64.7"}
    calendar = a_calendar(*with_zones(**in_roster), zones=election_zones)
    assert {code: calendar.zone(code).key.removeprefix("Asia/") for code in expected} == expected


def test_unknown_region_and_the_system_live_in_the_default_zone() -> None:
    """What is in no roster has a zone all the same: below a known region it is that region's."""
    calendar = a_calendar(zones={"64.72": "Asia/Jakarta"})
    assert calendar.zone("system").key == calendar.zone("99.99").key == "Asia/Makassar"
    assert calendar.zone("64.72.09").key == "Asia/Jakarta"


@pytest.mark.parametrize(("zone", "offset"), ZONES)
def test_stage_boundaries_are_exact(zone: str, offset: int) -> None:
    """The quiet period runs from local midnight of the 24th to the last microsecond before that of the 27th."""
    calendar = a_calendar(zones={"64.72": zone})
    begin, end = (utc(f"2024-11-{day} 00:00") - timedelta(hours=offset) for day in (24, 27))
    assert calendar.stage_bounds("64.72.01", calendar.election.quiet_periods()[0]) == (begin, end)
    for instant, inside in [(begin - MICROSECOND, False), (begin, True), (end - MICROSECOND, True), (end, False)]:
        assert calendar.in_quiet_period("64.72.01.1001", instant) is inside, instant


def test_a_second_quiet_period_counts_too() -> None:
    """An election may have more than one (a re-vote): each counts, the time between does not."""
    revote = {"stage": "quiet_period", "from": date(2025, 4, 16), "to": date(2025, 4, 18)}
    calendar = a_calendar(stages=[{"stage": "quiet_period", "from": MONDAY, "to": MONDAY}, revote])
    found = {text: calendar.in_quiet_period("64.02", utc(f"{text} 04:00")) for text in ("2024-11-18", "2025-04-17")}
    assert all(found.values())
    assert not calendar.in_quiet_period("64.02", utc("2025-01-01 00:00"))


@pytest.mark.parametrize(
    ("start", "until", "obligations_from", "expected"),
    [
        ("2024-11-11", "2024-11-25", "2024-01-01", ["2024-11-11", "2024-11-18", "2024-11-25"]),
        ("2024-11-12", "2024-11-24", "2024-01-01", ["2024-11-18"]),  # bounds between Mondays
        ("2024-11-11", "2024-11-25", "2024-11-18", ["2024-11-18", "2024-11-25"]),  # judged from that day on
        ("2024-11-11", "2024-11-25", "2024-11-19", ["2024-11-25"]),
        ("2024-11-11", "2024-11-25", "2024-11-26", []),
        ("2024-11-12", "2024-11-12", "2024-01-01", []),
    ],
)
def test_periods_that_are_judged(start: str, until: str, obligations_from: str, expected: list[str]) -> None:
    """A rule's Mondays, both bounds inclusive, and nothing before `obligations_from`."""
    rule = a_rule(**{"from": date.fromisoformat(start), "until": date.fromisoformat(until)})
    calendar = a_calendar(reports=[rule])
    moved = Calendar(with_obligations_from(calendar.election, date.fromisoformat(obligations_from)), calendar.roster)
    assert [p.isoformat() for p in moved.all_periods()] == expected
    for monday in (date(2024, 11, 11), MONDAY, date(2024, 11, 25)):
        assert (moved.owed(regency(moved), monday) is not None) is (monday.isoformat() in expected)


def test_only_levels_with_a_rule_owe() -> None:
    """Districts, villages and the province owe nothing unless a rule says so; a day between owes nobody anything."""
    calendar = a_calendar()
    for code in ("64", "64.72.01", "64.72.01.1001"):
        assert calendar.owed(regency(calendar, code), MONDAY) is None
    assert calendar.owed(regency(calendar), date(2024, 11, 19)) is None
    assert calendar.owed(regency(calendar), date(2024, 12, 23)) is None


@pytest.mark.parametrize(
    ("now", "period", "is_refused"),
    [
        ("2024-11-18 12:00", "2024-11-18", False),
        ("2024-11-18 12:00", "2024-11-25", False),  # the next Monday
        ("2024-11-18 12:00", "2024-12-02", True),
        ("2024-11-24 15:59:59.999999", "2024-12-02", True),  # Sunday night in Samarinda
        ("2024-11-24 16:00", "2024-12-02", False),  # Monday in Samarinda
        ("2024-11-18 12:00", "2020-01-06", False),
    ],
)
def test_report_for_the_far_future_is_refused(now: str, period: str, is_refused: bool) -> None:
    """Reports may name the next Monday and none beyond it, by the region's clock."""
    calendar = a_calendar()
    assert (date.fromisoformat(period) > calendar.next_period("64.72", Level.REGENCY, utc(now))) is is_refused
