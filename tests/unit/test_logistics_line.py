"""The line of logistics: by when all must be there, and when what is missing is told."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from shared.election.calendar import Calendar
from shared.election.config import Logistics
from shared.election.logistics_line import VOTING, line_of, lines_of, warnings_of
from shared.election.roster import Roster
from tests.builders import PLAIN, REGIONS, a_calendar, an_election, utc

QUIET_2025 = {"stage": "quiet_period", "from": date(2025, 4, 16), "to": date(2025, 4, 18), "regions": ["64.02"]}
REVOTE = {"stage": VOTING, "from": date(2025, 4, 19), "to": date(2025, 4, 19), "regions": ["64.02"]}
TWO_DAYS = {"stage": VOTING, "from": date(2024, 11, 28), "to": date(2024, 11, 29)}


@pytest.mark.parametrize(
    ("added", "region", "days"),
    [
        ([], "64.72", ["2024-11-27"]),  # the day after the quiet period
        ([TWO_DAYS], "64.72", ["2024-11-28"]),
        ([TWO_DAYS, REVOTE], "64.72", ["2024-11-28"]),
        ([REVOTE, TWO_DAYS], "64.02", ["2024-11-28", "2025-04-19"]),
        ([QUIET_2025], "64.02", ["2024-11-27", "2025-04-19"]),
        ([QUIET_2025], "64.02.01", ["2024-11-27", "2025-04-19"]),
        ([REVOTE], "64.72", ["2024-11-27"]),  # no voting covers it, but a quiet period does
    ],
)
def test_the_lines_of_a_region(added: list[dict[str, Any]], region: str, days: list[str]) -> None:
    """At the first day of each voting that covers it; without one, at the day after each of its quiet periods."""
    calendar = a_calendar(stages=[*PLAIN["stages"], *added])
    assert [line.day.isoformat() for line in lines_of(calendar, region)] == days


def test_a_region_without_a_voting_has_no_line_and_is_shown_the_elections() -> None:
    """In an election of one regency the others need nothing, and their province shows its line."""
    calendar = a_calendar(stages=[QUIET_2025, REVOTE])
    assert lines_of(calendar, "64.72") == lines_of(calendar, "64") == ()
    assert line_of(calendar, "64", utc("2025-04-01 00:00")).day == date(2025, 4, 19)


def test_the_line_is_local_midnight() -> None:
    """Of the region's own zone."""
    calendar = a_calendar(zones={"64.72": "Asia/Jakarta"})
    assert [line.at for line in lines_of(calendar, "64.71")] == [utc("2024-11-26 16:00")]
    assert [line.at for line in lines_of(calendar, "64.72")] == [utc("2024-11-26 17:00")]


@pytest.mark.parametrize(
    ("now", "day"),
    [
        ("2024-11-01 00:00", "2024-11-28"),
        ("2024-11-29 15:59:59.999999", "2024-11-28"),  # voting goes on to the end of the 29th
        ("2024-11-29 16:00", "2025-04-19"),
        ("2025-12-31 00:00", "2025-04-19"),
    ],
)
def test_the_line_that_counts_is_that_of_the_voting_which_is_not_over(now: str, day: str) -> None:
    """After the last one, that one."""
    calendar = a_calendar(stages=[*PLAIN["stages"], TWO_DAYS, REVOTE])
    assert line_of(calendar, "64.02", utc(now)).day.isoformat() == day


def test_what_was_stated_before_a_line_was_meant_for_its_voting() -> None:
    """So each line says since when statements are about it."""
    first, second = lines_of(a_calendar(stages=[*PLAIN["stages"], TWO_DAYS, REVOTE]), "64.02")
    assert (first.since, second.since) == (None, first.at)


@pytest.mark.parametrize(
    ("zone", "day", "expected"),
    [
        ("Asia/Makassar", "2024-11-27", ["11-19 16:00", "11-23 16:00", "11-25 16:00", "11-26 04:00"]),
        # The clock went back on 3 November: D-3 is 73 hours before the line.
        ("America/New_York", "2024-11-05", ["10-29 04:00", "11-02 04:00", "11-04 05:00", "11-04 17:00"]),
    ],
)
def test_the_warnings_before_a_line(zone: str, day: str, expected: list[str]) -> None:
    """Whole days are the calendar's, hours are hours."""
    voting = {"stage": VOTING, "from": date.fromisoformat(day), "to": date.fromisoformat(day)}
    election = an_election(zone=zone, stages=[*PLAIN["stages"], voting])
    in_any_order = tuple(map(_hours, (24, 72, 12, 168)))
    logistics = election.logistics.model_copy(update={"warn_at": in_any_order})
    calendar = Calendar(election.model_copy(update={"logistics": logistics}), Roster(REGIONS))
    (line,) = lines_of(calendar, "64.02")
    assert [warned.at for warned in warnings_of(calendar, line)] == [utc(f"2024-{text}") for text in expected]
    assert [warned.before for warned in warnings_of(calendar, line)] == list(map(_hours, (168, 72, 24, 12)))


def _hours(number: int) -> timedelta:
    return timedelta(hours=number)


@pytest.mark.parametrize("lengths", [["0s"], ["3d", "72h"], ["soon"]])
def test_warnings_that_are_none_are_refused(lengths: list[str]) -> None:
    """At the line, twice the same, and what is no length."""
    with pytest.raises(ValidationError):
        Logistics.model_validate({"items": {}, "warn_at": lengths})
