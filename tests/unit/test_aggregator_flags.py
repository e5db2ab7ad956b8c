"""What about a region's reports somebody should look at."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.aggregator.rollups import rollups
from services.aggregator.rollups.flags import Standing, alike, flags_of, last_periods, said, same_text, shown
from shared.election.config import Level
from shared.election.logistics_line import line_of
from shared.texts import catalogue
from tests.builders import MONDAY, a_calendar, utc

WEEK = timedelta(days=7)
NOTHING_OPEN = Standing()
MONDAYS = a_calendar().period_days("64.72", Level.REGENCY)


def in_force(condition: str = "normal", period: date = MONDAY) -> dict[str, Any]:
    return {"period": period.isoformat(), "condition": condition, "agency": "a", "id": "r"}


def texts(*newest_first: str | None) -> dict[str, str]:
    """Of consecutive periods up to MONDAY; None where no report is in force."""
    weeks = {(MONDAY - n * WEEK).isoformat(): said for n, said in enumerate(newest_first)}
    return {period: said for period, said in weeks.items() if said is not None}


@pytest.mark.parametrize(
    ("condition", "standing", "is_flagged"),
    [
        ("normal", Standing(1, 0, 0), True),
        ("normal", Standing(0, 0, 1), True),
        ("normal", NOTHING_OPEN, False),
        ("attention", Standing(2, 1, 9), False),
        ("critical", Standing(2, 1, 9), False),
    ],
)
def test_normal_while_something_is_open(condition: str, standing: Standing, is_flagged: bool) -> None:
    """Violations or gaps in logistics; a report that says that something is wrong is not flagged."""
    found = flags_of(in_force(condition), standing, {}, 3, MONDAYS)
    assert [flag.name for flag in found] == (["normal_while_open"] if is_flagged else [])


def test_a_region_that_has_never_reported_says_nothing() -> None:
    """Its silence is the notifier's matter."""
    assert flags_of(None, Standing(1, 1, 1), texts("a", "a", "a"), 3, MONDAYS) == ()


def test_a_flag_says_why_in_both_languages() -> None:
    """With its counts and its period, and no reason that is none."""
    (flag,) = flags_of(in_force(), Standing(2, 1, 0), {}, 3, MONDAYS)
    assert shown(flag) == {
        "flag": "normal_while_open",
        "period": "2024-11-18",
        "since": "2024-11-18",
        "counts": {"open_violations": 2, "quiet_period_violations": 1, "logistics_gaps": 0},
        "text": {
            "id": "Laporan 18 Nov menyebut normal, padahal pelanggaran terbuka: 2, di antaranya masa tenang: 1",
            "en": "The report for 18 Nov says normal, but open violations: 2, of the quiet period: 1",
        },
    }
    (gaps,) = flags_of(in_force(), Standing(0, 0, 12), {}, 3, MONDAYS)
    assert said(gaps, "id") == "Laporan 18 Nov menyebut normal, padahal logistik belum lengkap: 12"
    (same,) = flags_of(in_force(), NOTHING_OPEN, texts("a", "a", "a", "a"), 3, MONDAYS)
    assert said(same, "id") == "Teks laporan sama terus sejak 28 Okt (4 minggu)"
    assert said(same, "en") == "The same text ever since 28 Oct (4 weeks)"
    reasons = {name for flag in (gaps, same) for name in flag.counts}
    assert {gaps.name, same.name, *reasons} == set(catalogue("flags"))


@pytest.mark.parametrize(
    ("said_newest_first", "weeks"),
    [
        (("Aman.", "Aman.", "Aman."), 3),
        (("Aman.", "Aman.", "Aman.", "Aman.", "Banjir.", "Aman."), 4),
        (("Aman.", "Aman.", "Banjir."), None),
        (("Aman.", "Aman.", None, "Aman."), None),  # a week without a report breaks the run
        (("Banjir.", "Aman.", "Aman.", "Aman."), None),  # up to the latest
        (("  aman  dan\nTERKENDALI ", "Aman dan terkendali", "AMAN DAN TERKENDALI"), 3),
        (("Ka\u0308pala", "K\u00e4pala", "K\u00c4PALA"), 3),  # composed or not
        (("Aman", "Aman.", "Aman"), None),  # a point more is another text
        ((), None),
    ],
)
def test_the_same_text_several_weeks_running(said_newest_first: tuple[str | None, ...], weeks: int | None) -> None:
    """Regardless of capitals, blanks and how letters are composed; since which period, and how many."""
    found = same_text(in_force(), texts(*said_newest_first), 3, MONDAYS)
    assert (found and found.counts["weeks"]) == weeks
    if found is not None and weeks is not None:
        assert (found.period, found.since) == (MONDAY, MONDAY - (weeks - 1) * WEEK)


@given(said=st.lists(st.sampled_from("ab"), max_size=12), weeks=st.integers(2, 6))
def test_a_run_is_flagged_exactly_from_so_many_weeks_on(said: list[str], weeks: int) -> None:
    """The number of weeks is data."""
    run = next((n for n, text in enumerate(said) if text != said[0]), len(said))
    found = same_text(in_force(), texts(*said), weeks, MONDAYS)
    assert (found.counts["weeks"] if found else None) == (run if run >= weeks else None)
    assert last_periods(in_force(), weeks, MONDAYS)[-1] == (MONDAY - (weeks - 1) * WEEK).isoformat()


DAILY = {"level": "regency", "every": "day", "from": date(2024, 9, 30), "until": date(2024, 12, 16)}
TUESDAYS = {"level": "regency", "weekday": "tuesday", "from": date(2024, 11, 12), "until": date(2024, 12, 16)}
UNTIL_TUESDAYS = {"level": "regency", "from": date(2024, 9, 30), "until": date(2024, 11, 11)}


@pytest.mark.parametrize(
    ("rules", "last", "said", "weeks"),
    [
        ([DAILY], "2024-11-18", ["2024-11-18", *(f"2024-11-{day:02}" for day in range(17, 4, -1))], None),  # 14 days
        ([DAILY], "2024-11-18", ["2024-11-18", *(f"2024-11-{day:02}" for day in range(17, 3, -1))], 3),
        ([UNTIL_TUESDAYS, TUESDAYS], "2024-11-19", ["2024-11-19", "2024-11-12", "2024-11-11", "2024-11-04"], 3),
    ],
)
def test_weeks_are_weeks_also_of_daily_reports(
    rules: list[dict[str, Any]], last: str, said: list[str], weeks: int | None
) -> None:
    """What is said on some days running is no finding; it counts from so many weeks on, in each period of them."""
    days = a_calendar(reports=rules).period_days("64.72", Level.REGENCY)
    report = in_force(period=date.fromisoformat(last))
    asked = {day: "Nihil" for day in last_periods(report, 3, days) if day in said}
    found = same_text(report, asked, 3, days)
    assert (found and found.counts["weeks"]) == weeks
    assert found is None or same_text(report, {day: asked[day] for day in list(asked)[:-1]}, 3, days) is None


@given(st.text(max_size=40))
def test_what_is_the_same_stays_the_same(summary: str) -> None:
    """Making texts alike twice changes nothing, nor do blanks around them."""
    assert alike(alike(summary)) == alike(f" {summary}\n") == alike(summary)


@pytest.mark.parametrize(
    ("now", "counted"),
    [
        ("2024-11-19 15:59:59.999999", 0),
        ("2024-11-19 16:00", 7),  # D-7 in WITA
        ("2024-11-26 16:00", 7),  # and at the line, and after it
        ("2024-12-20 00:00", 7),
    ],
)
def test_gaps_in_logistics_count_from_a_week_before_the_line(now: str, counted: int) -> None:
    """Before that nobody need have received anything."""
    calendar = a_calendar()
    assert rollups.gaps(calendar, line_of(calendar, "64.72", utc(now)), 12, 5, utc(now)) == counted
    assert rollups.gaps(calendar, line_of(calendar, "64.72", utc(now)), 12, 12, utc(now)) == 0
