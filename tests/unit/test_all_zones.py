"""Every zone of the tz database, ten years: local weeks and days are what the clock on the wall says.

Where the clock changes every boundary is looked at, elsewhere each tenth week.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache
from zoneinfo import available_timezones

import pytest

from shared.election.cadence import DAY, WEEK
from shared.election.calendar import Calendar
from shared.election.config import Level
from tests.builders import a_calendar

CODE, LEVEL = "64.72", Level.REGENCY
FIRST, WEEKS = date(2016, 1, 4), 522
MONDAYS = [FIRST + n * WEEK for n in range(WEEKS + 1)]
HOUR, MICROSECOND = timedelta(hours=1), timedelta(microseconds=1)
ZONES = sorted(available_timezones())
INITIALS = sorted({zone[:2] for zone in ZONES})
DUE = ("24:00", "00:00", "00:30", "02:30", "23:30")  # among them hours that a change of clock leaves out, or repeats


@cache
def calendar(zone: str, every: str, due: str = "24:00") -> Calendar:
    last = MONDAYS[-1]
    rule = {"level": "regency", "every": every, "due": due, "grace": "13s", "from": FIRST, "until": last}
    return a_calendar(zone=zone, reports=[rule], obligations_from=last)  # so that no period is worked out before


@cache
def odd_weeks(zone: str) -> frozenset[date]:
    """The Mondays of weeks in which the clock changes."""
    begins = [calendar(zone, "week").local_midnight(CODE, monday) for monday in MONDAYS]
    return frozenset(MONDAYS[n] for n in range(WEEKS) if begins[n + 1] - begins[n] != WEEK)


def looked_at(zone: str) -> list[date]:
    odd = odd_weeks(zone)
    return sorted(odd | {monday + WEEK for monday in odd} | set(MONDAYS[::10]))


def zones_of(initials: str) -> list[str]:
    return [zone for zone in ZONES if zone.startswith(initials)]


def test_weeks_have_from_165_to_171_hours() -> None:
    """In some station of Antarctica the clock jumps by three hours; no week is shorter or longer."""
    lengths = {
        calendar(zone, "week").local_midnight(CODE, monday + WEEK)
        - calendar(zone, "week").local_midnight(CODE, monday)
        for zone in ZONES
        for monday in odd_weeks(zone)
    }
    assert len(ZONES) > 400
    assert (min(lengths), max(lengths)) == (165 * HOUR, 171 * HOUR)


@pytest.mark.parametrize("initials", INITIALS)
def test_each_instant_belongs_to_exactly_one_week(initials: str) -> None:
    """The microsecond before a Monday's local midnight is the week before's, the midnight is the week's; on the wall
    it is Sunday and Monday."""
    for zone in zones_of(initials):
        weekly = calendar(zone, "week")
        for monday in looked_at(zone):
            begin = weekly.local_midnight(CODE, monday)
            assert weekly.period_of(CODE, LEVEL, begin) == monday, zone
            assert weekly.period_of(CODE, LEVEL, begin - MICROSECOND) == monday - WEEK, zone
            walls = [instant.astimezone(weekly.zone(CODE)).date() for instant in (begin - MICROSECOND, begin)]
            assert walls == [monday - DAY, monday], zone


@pytest.mark.parametrize("initials", INITIALS)
def test_each_instant_belongs_to_exactly_one_day(initials: str) -> None:
    """Of daily reports: also on the days on which the clock changes, which have from 21 to 27 hours."""
    for zone in zones_of(initials):
        daily = calendar(zone, "day")
        for day in (monday + n * DAY for monday in odd_weeks(zone) for n in range(7)):
            begin, end = daily.local_midnight(CODE, day), daily.local_midnight(CODE, day + DAY)
            assert 21 * HOUR <= end - begin <= 27 * HOUR, zone
            seen = [daily.period_of(CODE, LEVEL, at) for at in (begin - MICROSECOND, begin, end - MICROSECOND, end)]
            assert seen == [day - DAY, day, day, day + DAY], zone


@pytest.mark.parametrize("initials", INITIALS)
def test_due_instants_are_in_order(initials: str) -> None:
    """At whatever hour a report is due, also at one that a change of clock leaves out or repeats: a day's is after the
    day before's, in the day or at its end, and judged later."""
    for zone in zones_of(initials):
        for due in DUE:
            daily = calendar(zone, "day", due)
            (duty,), region = daily.duties, daily.roster[CODE]
            for monday in odd_weeks(zone):
                days = [monday + n * DAY for n in range(8)]
                found = [daily.deadline(region, duty, day) for day in days]
                instants = [deadline.due_at for deadline in found]
                assert instants == sorted(set(instants)), (zone, due)
                for day, deadline in zip(days, found, strict=True):
                    begin, end = daily.local_midnight(CODE, day), daily.local_midnight(CODE, day + DAY)
                    assert begin <= deadline.due_at <= end, (zone, due)
                    assert deadline.judge_at - deadline.due_at == timedelta(seconds=13)
