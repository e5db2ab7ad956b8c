"""Attendance: facts, verdicts by revision, and what a period's list shows."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import permutations

import pytest

from services.aggregator.periods import periods
from services.aggregator.state import attendance
from shared.election.calendar import Calendar
from shared.election.loaded import load_calendar
from shared.events.verdict import Verdict, VerdictData, VerdictEvent
from shared.exactly_once.cursors import Document, empty
from shared.settings import Settings

MONDAY = date(2024, 11, 18)
NOT_JUDGED = date(2024, 11, 4)  # before `obligations_from`
DUE = datetime(2024, 11, 18, 16, tzinfo=UTC)


@pytest.fixture(scope="module")
def calendar() -> Calendar:
    return load_calendar(Settings().election, None, None)


def verdict(revision: int, verdict: Verdict, hour: int = 18, event_id: str = "") -> VerdictEvent:
    at = datetime(2024, 11, 18, hour, tzinfo=UTC)
    data = VerdictData(
        election="kaltim-2024",
        period=MONDAY,
        verdict=verdict,
        revision=revision,
        reason="reason",
        judged_at=at,
        due_at=DUE,
        report="/agencies/kpu/a" if verdict is Verdict.LATE else None,
    )
    return VerdictEvent(
        id=event_id or f"v#{revision}",
        source="/notifier",
        subject="64.72",
        time=at,
        receivedat=at,
        contenthash="0" * 64,
        data=data,
    )


def after(*events: VerdictEvent) -> Document:
    document = empty("2024-11-18/64.72")
    for event in events:
        document = attendance.after_verdict(document, event)
    return document


MISSING, LATE, ON_TIME = verdict(1, Verdict.MISSING), verdict(2, Verdict.LATE), verdict(3, Verdict.ON_TIME)


@pytest.mark.parametrize("order", list(permutations([MISSING, LATE, ON_TIME])))
def test_highest_revision_holds_in_whatever_order_they_come(order: tuple[VerdictEvent, ...]) -> None:
    """The verdict with the highest revision is current, and the history is in the order of revisions."""
    document = after(*order)
    assert (document["verdict"], document["revision"]) == ("on_time", 3)
    assert [v["verdict"] for v in document["verdicts"]] == ["missing", "late", "on_time"]


def test_earlier_verdict_that_comes_late_changes_the_history_only() -> None:
    """A revision below the current one is filed where it belongs and decides nothing."""
    document = after(LATE, MISSING)
    assert (document["verdict"], document["report"]) == ("late", "/agencies/kpu/a")
    assert [v["revision"] for v in document["verdicts"]] == [1, 2]


def test_one_revision_stands_once_in_the_history() -> None:
    """Two verdicts with one revision, as a rebuilt notifier might send, give one entry, the same in any order."""
    rivals = verdict(1, Verdict.MISSING, 18, "a"), verdict(1, Verdict.UNDETERMINED, 19, "b")
    assert after(*rivals)["verdicts"] == after(*reversed(rivals))["verdicts"]
    assert len(after(*rivals)["verdicts"]) == 1


FILED = {"filings": 1, "first": {"id": "a"}, "latest": {"id": "a"}}


def test_owed_report_without_a_verdict_is_pending(calendar: Calendar) -> None:
    """Every regency that owes the report is listed; facts alone make no verdict."""
    owed = calendar.owing(MONDAY)
    rows = periods.items(calendar, owed, [], {"64.72": FILED})
    assert [row["region"] for row in rows] == sorted(r.code for r in calendar.roster.children("64"))
    assert {(row["verdict"], row["reason"]) for row in rows} == {("pending", "not_judged")}
    facts = {row["region"]: row["facts"] for row in rows}
    assert facts["64.72"] == FILED
    assert facts["64.01"] is None
    assert {row["due_at"] for row in rows} == {DUE}


def test_region_that_filed_without_owing_is_not_listed(calendar: Calendar) -> None:
    """A district's report is welcome and owed by nobody."""
    rows = periods.items(calendar, calendar.owing(MONDAY), [], {"64.72.01": FILED})
    assert len(rows) == 10


def test_verdict_outlives_a_change_of_calendar(calendar: Calendar) -> None:
    """A region that was judged stays in the list and in the counts, whatever today's calendar says."""
    judged = {**after(MISSING), "region": "64.72.01"}
    owed = calendar.owing(MONDAY)
    rows = periods.items(calendar, owed, [judged], {})
    counts = periods.verdict_counts(owed, {"missing": ["64.72.01"]})
    assert len(rows) == sum(counts.values()) == 11
    assert (counts["missing"], counts["pending"]) == (1, 10)


def test_period_that_is_not_judged_shows_the_facts_alone(calendar: Calendar) -> None:
    """Who filed before anybody owed is shown with the verdict null, and counted nowhere."""
    owed = calendar.owing(NOT_JUDGED)
    assert owed == {}
    (row,) = periods.items(calendar, owed, [], {"64.72": FILED})
    assert (row["verdict"], row["due_at"], row["facts"]) == (None, None, FILED)
    assert sum(periods.verdict_counts(owed, {}).values()) == 0


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (MONDAY, None),
        (date(2024, 11, 19), (date(2024, 11, 18), date(2024, 11, 25))),
        (date(2024, 11, 17), (date(2024, 11, 11), date(2024, 11, 18))),
    ],
)
def test_days_without_reports_name_their_neighbours(
    calendar: Calendar, day: date, expected: tuple[date, date] | None
) -> None:
    """Only Mondays are periods; another day is answered with the nearest ones."""
    assert periods.neighbours(calendar, day) == expected
