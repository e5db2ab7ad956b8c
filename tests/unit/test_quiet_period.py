"""The rule of the quiet period: two flags and the category, at exact boundaries."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.election.quiet_period import QuietPeriodFlags, flags
from tests.builders import a_calendar, an_incident, utc

MICROSECOND = timedelta(microseconds=1)
BEGIN, END = utc("2024-11-24T00:00+08:00"), utc("2024-11-27T00:00+08:00")  # in Samarinda


@pytest.mark.parametrize(
    ("occurred", "received", "occurred_in", "reported_in"),
    [
        (BEGIN - MICROSECOND, BEGIN - MICROSECOND, False, False),
        (BEGIN - MICROSECOND, BEGIN, False, True),
        (BEGIN, BEGIN, True, True),
        (END - MICROSECOND, END - MICROSECOND, True, True),
        (END - MICROSECOND, END, True, False),
        (END, END, False, False),
        (utc("2024-11-25T10:00+08:00"), utc("2024-11-28T10:00+08:00"), True, False),  # reported on the 28th
        (utc("2024-11-01T10:00+08:00"), utc("2024-11-25T10:00+08:00"), False, True),
        (utc("2024-11-01T10:00+08:00"), utc("2024-11-28T10:00+08:00"), False, False),
        (utc("2024-11-24T01:00+09:00"), utc("2024-11-24T00:30+08:00"), True, True),  # one hour before, by its offset
    ],
)
def test_occurred_and_reported(occurred: str, received: str, occurred_in: bool, reported_in: bool) -> None:
    """Either flag makes a violation one of the quiet period; both are kept."""
    found = flags(a_calendar(), an_incident(occurred, received))  # type: ignore[arg-type]
    assert found == QuietPeriodFlags(True, occurred_in, reported_in)
    assert found.is_quiet_period_violation is (occurred_in or reported_in)


@pytest.mark.parametrize(
    ("category", "is_violation"),
    [
        *((c, True) for c in ("campaigning", "money_politics", "campaign_props", "media_advertising")),
        *((c, True) for c in ("survey_publication", "neutrality", "intimidation", "other_violation")),
        *((c, False) for c in ("security", "logistics", "power_internet", "polling_location", "voting_rights")),
        *((c, False) for c in ("identity_politics", "natural_disaster", "other", "no-such-category")),
    ],
)
def test_categories(category: str, is_violation: bool) -> None:
    """The standard categories; one that the election file does not know is no violation."""
    found = flags(a_calendar(), an_incident(BEGIN, category=category))
    assert found.is_violation is found.is_quiet_period_violation is is_violation


def test_the_election_file_decides() -> None:
    """What counts as a violation is data: a category of the file's own is put over the standard one."""
    label = {"id": "x", "en": "x"}
    changed = {"security": {"violation": True, "label": label}, "campaigning": {"violation": False, "label": label}}
    calendar = a_calendar(categories=changed)
    found = {c: flags(calendar, an_incident(BEGIN, category=c)).is_violation for c in (*changed, "neutrality")}
    assert found == {"security": True, "campaigning": False, "neutrality": True}


@pytest.mark.parametrize(("zone", "offset"), [("Asia/Jakarta", 7), ("Asia/Makassar", 8), ("Asia/Jayapura", 9)])
def test_judged_in_the_region_s_zone(zone: str, offset: int) -> None:
    """The same instant lies inside for one region and outside for another."""
    calendar = a_calendar(zones={"64.72": zone})
    begin = utc("2024-11-24 00:00") - timedelta(hours=offset)
    for instant, inside in ((begin - MICROSECOND, False), (begin, True)):
        found = flags(calendar, an_incident(instant, instant, region="64.72.01.1001"))
        assert found.occurred_in_quiet_period is found.reported_in_quiet_period is inside
