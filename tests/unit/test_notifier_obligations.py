"""Obligations: the verdicts on one region's report, by the order in which things happened."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.changes import changes_of
from services.notifier.rules import missing_report
from services.notifier.verdicts import obligations, verdict_events
from services.notifier.verdicts.filing import finding_of
from services.notifier.verdicts.verdicts import current, has_been
from shared.events.codec import decode, encode
from shared.events.verdict import Verdict, VerdictEvent
from shared.exactly_once.cursors import empty
from shared.exactly_once.sightings import Sighting
from shared.records import Position, Record
from shared.topics import ALERTS
from tests.builders import MONDAY, a_calendar, a_deadline, a_report, an_election, utc

Document = dict[str, Any]
Step = Callable[[Document], Document]
ELECTION, DEADLINE = an_election(), a_deadline()
DUE, JUDGED = DEADLINE.due_at, DEADLINE.judge_at
HOUR = timedelta(hours=1)


def filed(received_in_hours: int, written_in_hours: int | None = None) -> Step:
    """A report received (and written) so many hours after the deadline."""
    submitted = None if written_in_hours is None else DUE + written_in_hours * HOUR
    report = a_report(DUE + received_in_hours * HOUR, submitted=submitted, event_id=f"r{received_in_hours}")
    return lambda o: obligations.filed(o, report, DEADLINE, finding_of(report, DEADLINE, ELECTION))


# Judged two hours after the deadline: WRITTEN and LATER come after that moment.
ON_TIME, LATE, WRITTEN, LATER = filed(-1), filed(1), filed(5, -1), filed(9)


def missed(o: Document) -> Document:
    return obligations.missed(o, "64.72", DEADLINE, JUDGED + HOUR)


def undetermined(o: Document) -> Document:
    return obligations.undetermined(o, "64.72", DEADLINE, JUDGED + HOUR / 4)


def after(*steps: Step) -> Document:
    document = empty(obligations.obligation_id(MONDAY, "64.72"))
    for step in steps:
        document = step(document)
    return document


@pytest.mark.parametrize(
    ("steps", "verdicts", "reasons"),
    [
        ([ON_TIME], ["on_time"], ["received_in_time"]),
        ([ON_TIME, LATE], ["on_time"], ["received_in_time"]),
        ([ON_TIME, ON_TIME], ["on_time"], ["received_in_time"]),
        ([ON_TIME, missed, undetermined], ["on_time"], ["received_in_time"]),
        ([LATE], ["late"], ["received_late"]),
        ([LATE, LATER], ["late"], ["received_late"]),
        ([LATE, missed, undetermined], ["late"], ["received_late"]),
        ([LATE, WRITTEN], ["late", "on_time"], ["received_late", "written_in_time"]),
        ([LATE, WRITTEN, LATER], ["late", "on_time"], ["received_late", "written_in_time"]),
        ([missed], ["missing"], ["nothing_received"]),
        ([missed, missed, undetermined], ["missing"], ["nothing_received"]),
        ([missed, LATE], ["missing", "late"], ["nothing_received", "reported_late"]),
        ([missed, WRITTEN], ["missing", "on_time"], ["nothing_received", "delivered_late"]),
        (
            [missed, LATE, WRITTEN],
            ["missing", "late", "on_time"],
            ["nothing_received", "reported_late", "delivered_late"],
        ),
        ([missed, LATE, missed], ["missing", "late"], ["nothing_received", "reported_late"]),
        # read before the judgement, received after it: waits, so that the same log gives the same verdicts
        ([WRITTEN], [], []),
        ([LATER], [], []),
        ([LATER, missed], ["missing", "late"], ["nothing_received", "reported_late"]),
        ([WRITTEN, missed], ["missing", "on_time"], ["nothing_received", "delivered_late"]),
        (
            [LATER, WRITTEN, missed],
            ["missing", "late", "on_time"],
            ["nothing_received", "reported_late", "delivered_late"],
        ),
        ([WRITTEN, ON_TIME, missed], ["on_time"], ["received_in_time"]),
        ([LATER, LATE, missed], ["late"], ["received_late"]),
        ([WRITTEN, LATE, missed], ["late", "on_time"], ["received_late", "written_in_time"]),
        ([LATER, undetermined], ["late"], ["received_late"]),
        ([undetermined], ["undetermined"], ["log_not_read"]),
        ([undetermined, undetermined], ["undetermined"], ["log_not_read"]),
        ([undetermined, missed], ["undetermined", "missing"], ["log_not_read", "nothing_received"]),
        ([undetermined, ON_TIME], ["undetermined", "on_time"], ["log_not_read", "received_in_time"]),
        ([undetermined, LATE], ["undetermined", "late"], ["log_not_read", "received_late"]),
        (
            [undetermined, missed, WRITTEN],
            ["undetermined", "missing", "on_time"],
            ["log_not_read", "nothing_received", "delivered_late"],
        ),
    ],
)
def test_order_of_events(steps: list[Step], verdicts: list[str], reasons: list[str]) -> None:
    """The first report decides, a later one only improves late to on time; a report beats verdicts given without."""
    document = after(*steps)
    assert [v["verdict"] for v in document["verdicts"]] == verdicts
    assert [v["reason"] for v in document["verdicts"]] == reasons
    assert [v["revision"] for v in document["verdicts"]] == list(range(1, len(verdicts) + 1))
    assert document["verdict"] == current(document) == (verdicts[-1] if verdicts else "pending")
    assert document.get("unpublished", 0) == len(verdicts)
    assert sorted(times := [v["judged_at"] for v in document.get("verdicts", [])]) == times


@pytest.mark.parametrize(
    ("received", "is_held"), [(JUDGED - timedelta(microseconds=1), False), (JUDGED, True), (JUDGED + HOUR, True)]
)
def test_which_reports_wait_for_the_judgement(received: datetime, is_held: bool) -> None:
    """Those received at its moment or later: whether the region was missing by then is the judge's to say."""
    report = a_report(received)
    document = after(lambda o: obligations.filed(o, report, DEADLINE, finding_of(report, DEADLINE, ELECTION)))
    assert current(document) is (Verdict.PENDING if is_held else Verdict.LATE)
    assert [f["report"] for f in document.get("held", [])] == ([report.identity] if is_held else [])


EDITED = a_calendar(
    reports=[{"level": "regency", "due": "18:00", "grace": "2h", "from": MONDAY, "until": date(2024, 12, 16)}]
)


def reported_under_the_edited_file(document: Document) -> Document:
    """A report that was written at 20:00, and came the next morning."""
    event = a_report(DUE + 9 * HOUR, submitted=DUE - 4 * HOUR, event_id="afterwards")
    position = Position("desk.reports", 3, 7)
    (change,) = changes_of(EDITED)(Sighting(position, event, Record(position, b"64.72", b"")))
    return change.apply(document)


@pytest.mark.parametrize("step", [LATE, missed])
def test_an_edited_deadline_rewrites_nothing_that_was_judged(step: Step) -> None:
    """The file said 24:00 when the verdict was given, and says 18:00 now: that one deadline goes on deciding."""
    document = reported_under_the_edited_file(after(step))
    assert current(document) is Verdict.ON_TIME
    assert (document["due_at"], document["judge_at"]) == (DUE, JUDGED)


@pytest.mark.parametrize("steps", [[], [undetermined]])
def test_while_it_is_undecided_the_file_as_it_is_decides(steps: list[Step]) -> None:
    """Due at 18:00 by now: missing, and then late."""
    deadline = EDITED.owing(MONDAY)["64.72"]
    document = obligations.missed(reported_under_the_edited_file(after(*steps)), "64.72", deadline, DUE)
    assert current(document) is Verdict.LATE
    assert (document["due_at"], document["judge_at"]) == (deadline.due_at, deadline.judge_at)


def test_nothing_yet_is_pending() -> None:
    """A region without a verdict is pending."""
    assert current(empty("x")) is Verdict.PENDING


steps_drawn = st.lists(st.sampled_from([ON_TIME, LATE, LATER, WRITTEN, missed, undetermined]), max_size=8)


@given(steps=steps_drawn)
def test_verdicts_are_append_only_and_repeats_change_nothing(steps: list[Step]) -> None:
    """Whatever happens in whatever order: earlier verdicts stay, a repeat adds none, no two in a row are equal."""
    document = after()
    for step in steps:
        before = document.get("verdicts", [])
        document = step(document)
        verdicts = document.get("verdicts", [])
        assert verdicts[: len(before)] == before
        assert step(document).get("verdicts", []) == verdicts
    kinds = [v["verdict"] for v in document.get("verdicts", [])]
    assert all(one != other for one, other in itertools.pairwise(kinds))


@given(steps=steps_drawn)
def test_a_mark_is_new_with_each_verdict(steps: list[Step]) -> None:
    """A new verdict changes the marks it sets, so that who writes changed fields only writes them too."""
    document = after()
    for step in steps:
        before = document
        document = step(before)
        if document.get("verdicts") and document["verdicts"] != before.get("verdicts"):
            assert document["unpublished"] not in (0, before.get("unpublished"))
            concerns_an_alert = has_been(document, Verdict.MISSING)
            expected = len(document["verdicts"]) if concerns_an_alert else 0
            assert document["unsettled"] == expected


def alert_after(document: Document) -> Document:
    return missing_report.alert_after(empty(missing_report.alert_id(MONDAY, "64.72")), document)


@pytest.mark.parametrize(
    ("steps", "state", "resolution", "noticed"),
    [
        ([ON_TIME], None, None, []),
        ([LATE], None, None, []),
        ([undetermined], None, None, []),
        ([undetermined, LATE], None, None, []),
        ([missed], "firing", None, []),  # the digest tells of it
        ([missed, LATE], "resolved", "reported_late", ["resolved"]),
        ([LATER, missed], "resolved", "reported_late", ["resolved"]),
        ([undetermined, missed], "firing", None, []),
        ([missed, WRITTEN], "resolved", "delivered_late", ["resolved"]),
        ([undetermined, missed, LATE], "resolved", "reported_late", ["resolved"]),
    ],
)
def test_alert_of_a_missing_report(
    steps: list[Step], state: str | None, resolution: str | None, noticed: list[str]
) -> None:
    """Raised if the report was ever missing, resolved by a report; whoever got the alarm is told of the end."""
    alert = alert_after(after(*steps))
    assert alert.get("state") == state
    assert alert.get("resolution") == resolution
    assert [n["change"] for n in alert.get("to_notice", [])] == noticed
    if state:
        assert (alert["region"], alert["period"], alert["rule"]) == ("64.72", "2024-11-18", "missing-report")
        assert alert["raised_at"] == JUDGED + HOUR
        assert alert["revision"] == alert["unpublished"] == len(alert["history"])


@given(steps=steps_drawn)
def test_settling_is_idempotent_and_incremental(steps: list[Step]) -> None:
    """Applied twice, or after each verdict anew, the alert comes out the same."""
    once = alert_after({"verdicts": [], **after(*steps)})
    document, growing = after(), empty(missing_report.alert_id(MONDAY, "64.72"))
    for step in steps:
        document = step(document)
        if "verdicts" in document:
            growing = missing_report.alert_after(growing, document)
            assert missing_report.alert_after(growing, document) is growing
    assert growing == once


def test_verdict_events() -> None:
    """Each verdict becomes one event, the same one however often it is made; the wire takes it."""
    document = after(missed, WRITTEN)
    events = verdict_events.of_obligation(document)
    assert events == verdict_events.of_obligation(document)
    assert [e.id for e in events] == ["verdict:2024-11-18:64.72#1", "verdict:2024-11-18:64.72#2"]
    assert [e.data.verdict for e in events] == [Verdict.MISSING, Verdict.ON_TIME]
    assert events[1].data.report == "/agencies/samarinda-desk/r5"
    assert events[1].time == utc("2024-11-18T21:00:00Z")
    for event in events:
        read = decode(ALERTS.name, encode(event))
        assert isinstance(read, VerdictEvent)
        assert read == event
