"""A withdrawn report no longer counts: the verdicts and alerts that follow, by the order in which things happened."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier import changes
from services.notifier.alerts import alerts
from services.notifier.rules import missing_report
from services.notifier.verdicts import filed_reports, obligations, verdict_events
from services.notifier.verdicts.filing import finding_of
from services.notifier.verdicts.verdicts import current, has_been
from shared.events.codec import decode, encode
from shared.events.envelope import Envelope
from shared.events.verdict import Verdict, VerdictEvent
from shared.exactly_once.cursors import empty
from shared.exactly_once.sightings import Sighting
from shared.records import Position, Record
from shared.topics import ALERTS
from tests.builders import MONDAY, a_calendar, a_deadline, a_report, a_withdrawal, an_election

Document = dict[str, Any]
Step = Callable[[Document], Document]
ELECTION, DEADLINE = an_election(), a_deadline()
DUE, JUDGED = DEADLINE.due_at, DEADLINE.judge_at
HOUR = timedelta(hours=1)
US = timedelta(microseconds=1)


def filed(received_in_hours: int, written_in_hours: int | None = None) -> Step:
    """The report `r<hours>`, received (and written) so many hours after the deadline."""
    submitted = None if written_in_hours is None else DUE + written_in_hours * HOUR
    report = a_report(DUE + received_in_hours * HOUR, submitted=submitted, event_id=f"r{received_in_hours}")
    return lambda o: obligations.filed(o, report, DEADLINE, finding_of(report, DEADLINE, ELECTION))


def withdrawn(received_in_hours: int, report: int, at: datetime | None = None, event_id: str | None = None) -> Step:
    """The report `r<report>` is withdrawn so many hours after the deadline."""
    name = event_id or f"w{report}.{received_in_hours}"
    withdrawal = a_withdrawal(at or DUE + received_in_hours * HOUR, f"r{report}", event_id=name)
    return lambda o: obligations.withdrawn(o, withdrawal, DEADLINE)


# Judged two hours after the deadline: WRITTEN and LATER come after that moment.
ON_TIME, LATE, WRITTEN, LATER = filed(-2), filed(1), filed(5, -1), filed(9)


def missed(o: Document) -> Document:
    return obligations.missed(o, "64.72", DEADLINE, JUDGED + HOUR)


def undetermined(o: Document) -> Document:
    return obligations.undetermined(o, "64.72", DEADLINE, JUDGED + HOUR / 4)


def after(*steps: Step) -> Document:
    document = empty(obligations.obligation_id(MONDAY, "64.72"))
    for step in steps:
        document = step(document)
    return document


def alert_after(document: Document) -> Document:
    return missing_report.alert_after(empty(missing_report.alert_id(MONDAY, "64.72")), document)


IN_TIME, IS_LATE, NOTHING, GONE = "received_in_time", "received_late", "nothing_received", "report_withdrawn"
REPORTED_LATE, DELIVERED_LATE = "reported_late", "delivered_late"


@pytest.mark.parametrize(
    ("steps", "expected"),
    [
        # before the moment of judgement: pending again, and judged as any other that is pending
        ([ON_TIME, withdrawn(-1, -2)], [("on_time", IN_TIME), ("pending", GONE)]),
        ([LATE, withdrawn(1, 1)], [("late", IS_LATE), ("pending", GONE)]),
        ([ON_TIME, withdrawn(-1, -2), missed], [("on_time", IN_TIME), ("pending", GONE), ("missing", GONE)]),
        ([ON_TIME, withdrawn(-1, -2), LATE], [("on_time", IN_TIME), ("pending", GONE), ("late", IS_LATE)]),
        (
            [ON_TIME, withdrawn(-1, -2), LATER, missed],
            [("on_time", IN_TIME), ("pending", GONE), ("missing", GONE), ("late", REPORTED_LATE)],
        ),
        (
            [ON_TIME, withdrawn(-1, -2), undetermined, missed],
            [("on_time", IN_TIME), ("pending", GONE), ("undetermined", "log_not_read"), ("missing", GONE)],
        ),
        # at that moment or later: missing at once
        ([ON_TIME, withdrawn(2, -2)], [("on_time", IN_TIME), ("missing", GONE)]),
        ([ON_TIME, withdrawn(2, -2), missed], [("on_time", IN_TIME), ("missing", GONE)]),
        ([ON_TIME, missed, withdrawn(6, -2)], [("on_time", IN_TIME), ("missing", GONE)]),
        (
            [ON_TIME, withdrawn(6, -2), LATER],
            [("on_time", IN_TIME), ("missing", GONE), ("late", REPORTED_LATE)],
        ),
        (
            [missed, LATER, withdrawn(10, 9)],
            [("missing", NOTHING), ("late", REPORTED_LATE), ("missing", GONE)],
        ),
        (
            [missed, LATER, withdrawn(10, 9), filed(11)],
            [("missing", NOTHING), ("late", REPORTED_LATE), ("missing", GONE), ("late", REPORTED_LATE)],
        ),
        # a second withdrawal of the same report changes nothing, whenever it comes
        ([ON_TIME, withdrawn(-1, -2), withdrawn(1, -2)], [("on_time", IN_TIME), ("pending", GONE)]),
        (
            [ON_TIME, withdrawn(-1, -2), missed, withdrawn(6, -2)],
            [("on_time", IN_TIME), ("pending", GONE), ("missing", GONE)],
        ),
        ([ON_TIME, withdrawn(6, -2), withdrawn(7, -2)], [("on_time", IN_TIME), ("missing", GONE)]),
        (
            [ON_TIME, withdrawn(6, -2), LATER, withdrawn(10, -2)],
            [("on_time", IN_TIME), ("missing", GONE), ("late", REPORTED_LATE)],
        ),
        # read after the judgement, though received before it: it was judged already
        (
            [missed, ON_TIME, withdrawn(-1, -2)],
            [("missing", NOTHING), ("on_time", DELIVERED_LATE), ("missing", GONE)],
        ),
        # read before the judgement, received after it: waits, in order
        ([LATER, withdrawn(10, 9)], []),
        (
            [LATER, withdrawn(10, 9), missed],
            [("missing", NOTHING), ("late", REPORTED_LATE), ("missing", GONE)],
        ),
        ([withdrawn(10, 9), LATER, missed], [("missing", NOTHING)]),
        # what is left decides
        ([ON_TIME, LATE, withdrawn(1, -2)], [("on_time", IN_TIME), ("late", IS_LATE)]),
        ([LATE, ON_TIME, withdrawn(1, 1)], [("late", IS_LATE), ("on_time", IN_TIME)]),
        ([ON_TIME, filed(-1), withdrawn(6, -2)], [("on_time", IN_TIME)]),
        ([ON_TIME, LATER, withdrawn(10, -2)], [("on_time", IN_TIME), ("late", IS_LATE)]),
        (
            [missed, LATER, WRITTEN, withdrawn(10, 5)],
            [("missing", NOTHING), ("late", REPORTED_LATE), ("on_time", DELIVERED_LATE), ("late", REPORTED_LATE)],
        ),
        (
            [ON_TIME, LATE, withdrawn(1, 1), withdrawn(1, -2)],
            [("on_time", IN_TIME), ("pending", GONE)],
        ),
        # read before its report, which was answered 503 and landed late: withdraws it on arrival
        ([withdrawn(-1, -2), ON_TIME], []),
        ([withdrawn(-1, -2), ON_TIME, missed], [("missing", GONE)]),
        ([withdrawn(-1, -2), ON_TIME, LATE], [("late", IS_LATE)]),
        ([LATE, withdrawn(6, -2), ON_TIME], [("late", IS_LATE)]),
        # of no report of this obligation: nothing
        ([withdrawn(-1, 7), ON_TIME, withdrawn(6, 8), missed], [("on_time", IN_TIME)]),
        ([withdrawn(-1, 7), missed, withdrawn(6, 8)], [("missing", NOTHING)]),
        ([withdrawn(6, 7), undetermined], [("undetermined", "log_not_read")]),
        # two withdrawals of one report are one
        ([ON_TIME, withdrawn(-1, -2), withdrawn(0, -2)], [("on_time", IN_TIME), ("pending", GONE)]),
        (
            [withdrawn(-1, -2), withdrawn(0, -2), ON_TIME, LATE, withdrawn(3, -2)],
            [("late", IS_LATE)],
        ),
    ],
)
def test_order_of_events(steps: list[Step], expected: list[tuple[str, str]]) -> None:
    """The verdict after each event is what the reports that are left deserve; a new revision only if it is another."""
    document = after(*steps)
    verdicts = document["verdicts"]
    assert [(v["verdict"], v["reason"]) for v in verdicts] == expected
    assert [v["revision"] for v in verdicts] == list(range(1, len(expected) + 1))
    assert document["verdict"] == current(document) == (expected[-1][0] if expected else "pending")
    assert document.get("unjudged", 0) == (len(expected) if expected and expected[-1][0] == "pending" else 0)


@pytest.mark.parametrize(
    ("at", "verdict"), [(JUDGED - US, Verdict.PENDING), (JUDGED, Verdict.MISSING), (JUDGED + HOUR, Verdict.MISSING)]
)
def test_the_moment_of_judgement_is_exact(at: datetime, verdict: Verdict) -> None:
    """A microsecond before it the region is pending again, at it missing."""
    document = after(ON_TIME, withdrawn(0, -2, at=at))
    assert current(document) is verdict
    assert document["verdicts"][-1]["judged_at"] == at


def test_verdict_of_a_withdrawal_says_whose() -> None:
    """Who withdrew what, when and why; and no report that decided."""
    for verdict in (after(ON_TIME, withdrawn(0, -2)), after(ON_TIME, withdrawn(0, -2), missed)):
        last = verdict["verdicts"][-1]
        assert (last["report"], last["received_at"]) == (None, None)
        assert {name: last["withdrawal"][name] for name in ("agency", "report", "id", "received_at", "reason")} == {
            "agency": "samarinda-desk",
            "report": "r-2",
            "id": "w-2.0",
            "received_at": DUE,
            "reason": "Salah wilayah.",
        }


def test_pending_is_sent() -> None:
    """The verdict that takes another one back is an event like the others."""
    document = after(ON_TIME, withdrawn(-1, -2))
    events = verdict_events.of_obligation(document)
    assert [e.data.verdict for e in events] == [Verdict.ON_TIME, Verdict.PENDING]
    read = decode(ALERTS.name, encode(events[1]))
    assert isinstance(read, VerdictEvent)
    assert (read.data.reason, read.data.report, read.time) == ("report_withdrawn", None, DUE - HOUR)


def sighting(event: Envelope) -> Sighting:
    position = Position("desk.reports", 3, 7)
    return Sighting(position, event, Record(position, b"64.72", b""))


@pytest.mark.parametrize(
    ("region", "expected"), [("64.72", ["2024-11-18:64.72"]), ("64.72.01", []), ("64", []), ("64.99", [])]
)
def test_which_withdrawals_concern_an_obligation(region: str, expected: list[str]) -> None:
    """That of a report which nobody owed concerns none; the obligation is found by region and period alone."""
    found = changes.changes_of(a_calendar())(sighting(a_withdrawal(DUE, region=region)))
    assert [c.document_id for c in found] == expected
    if expected:
        assert current(found[0].apply(after(ON_TIME))) is Verdict.ON_TIME  # another report's
        own = a_withdrawal(DUE, "r-2")
        (change,) = changes.changes_of(a_calendar())(sighting(own))
        assert current(change.apply(after(ON_TIME))) is Verdict.PENDING


def test_another_agencys_report_of_the_same_name_stands() -> None:
    """An agency withdraws its own."""
    theirs = a_withdrawal(DUE, "r-2").model_copy(update={"source": "/agencies/another-desk"})
    document = obligations.withdrawn(after(ON_TIME), theirs, DEADLINE)
    assert current(document) is Verdict.ON_TIME


# alerts


@pytest.mark.parametrize(
    ("steps", "state", "resolution", "noticed"),
    [
        ([ON_TIME, withdrawn(-1, -2)], None, None, []),
        ([ON_TIME, withdrawn(-1, -2), missed], "firing", None, []),  # the digest tells of it
        ([ON_TIME, withdrawn(6, -2)], "firing", None, ["raised"]),
        ([ON_TIME, withdrawn(6, -2), withdrawn(7, -2)], "firing", None, ["raised"]),
        ([ON_TIME, withdrawn(6, -2), LATER, withdrawn(10, -2)], "resolved", "reported_late", ["raised", "resolved"]),
        ([ON_TIME, LATE, withdrawn(6, -2)], None, None, []),
        ([ON_TIME, withdrawn(6, -2), LATER], "resolved", "reported_late", ["raised", "resolved"]),
        ([missed, LATER, withdrawn(10, 9)], "firing", None, ["resolved", "raised_again"]),
        ([LATER, withdrawn(10, 9), missed], "firing", None, ["resolved", "raised_again"]),
        (
            [missed, LATER, withdrawn(10, 9), filed(11), withdrawn(12, 11)],
            "firing",
            None,
            ["resolved", "raised_again", "resolved", "raised_again"],
        ),
        (
            [missed, LATER, withdrawn(10, 9), filed(20, -1)],
            "resolved",
            "delivered_late",
            ["resolved", "raised_again", "resolved"],
        ),
        # the better report is withdrawn, a late one is left: a correction, told
        (
            [missed, LATER, WRITTEN, withdrawn(10, 5)],
            "resolved",
            "reported_late",
            ["resolved", "resolved", "resolved"],
        ),
    ],
)
def test_alert_of_a_withdrawn_report(
    steps: list[Step], state: str | None, resolution: str | None, noticed: list[str]
) -> None:
    """It fires when nothing is left, again if it had ended; told alone, but for what the judgement's digest tells."""
    alert = alert_after(after(*steps))
    assert (alert.get("state"), alert.get("resolution")) == (state, resolution)
    assert [n["change"] for n in alert.get("to_notice", [])] == noticed
    if state:
        assert alert["revision"] == alert["unpublished"] == len(alert["history"])
        assert decode(ALERTS.name, encode(alerts.to_event(alert)))


def test_details_of_a_withdrawn_report() -> None:
    """Whose, when and why; what told of its end is gone when it fires again."""
    alert = alert_after(after(missed, LATER, withdrawn(10, 9)))
    assert alert["raised_at"] == JUDGED + HOUR
    assert alert["details"] == {
        "due_at": DUE,
        "judged_at": DUE + 10 * HOUR,
        "withdrawn": {
            "agency": "samarinda-desk",
            "report": "r9",
            "id": "w9.10",
            "at": DUE + 10 * HOUR,
            "reason": "Salah wilayah.",
        },
    }


# whatever happens

REPORTS: dict[int, Step] = {-2: ON_TIME, -1: filed(-1), 1: LATE, 5: WRITTEN, 9: LATER}
IS_ON_TIME = {-2, -1, 5}
Named = tuple[str, int, int]  # what, received so many hours after the deadline, which report

EVENTS: list[Named] = [
    *(("filed", hours, hours) for hours in REPORTS),
    *(("withdrawn", hours, report) for report in (*REPORTS, 77) for hours in (0, 1, 6, 10)),
]


def step_of(event: Named) -> Step:
    what, hours, report = event
    return REPORTS[report] if what == "filed" else withdrawn(hours, report)


def is_before_judgement(event: Named) -> bool:
    return event[1] < 2


logs = st.lists(st.sampled_from(EVENTS), unique=True, max_size=9)


def told(document: Document) -> list[tuple[Any, ...]]:
    return [
        (v["verdict"], v["reason"], v["report"], (v["withdrawal"] or {}).get("id"), v["is_in_digest"])
        for v in document.get("verdicts", [])
    ]


def changed(alert: Document) -> list[tuple[str, str]]:
    return [(h["what"], h["why"]) for h in alert.get("history", [])]


@given(log=logs, early=st.integers(0, 9), late=st.integers(0, 9))
def test_the_same_log_gives_the_same_verdicts_however_late_it_is_read(log: list[Named], early: int, late: int) -> None:
    """Judged as soon as all that was received before it is read, or any number of events later: the same verdicts for
    the same reasons, the same ones in the digest, the same alert with the same changes."""
    before, later = [e for e in log if is_before_judgement(e)], [e for e in log if not is_before_judgement(e)]
    found = []
    for read in (min(early, late), max(early, late)):
        steps = [*before, *later[:read]], later[read:]
        document = after(*map(step_of, steps[0]), missed, *map(step_of, steps[1]))
        alert = alert_after(document)
        found.append((told(document), changed(alert), [n["change"] for n in alert.get("to_notice", [])]))
    assert found[0] == found[1]


@given(log=logs, judged_after=st.integers(0, 9), called_after=st.lists(st.integers(0, 9), max_size=2))
def test_what_is_left_decides_in_the_end(log: list[Named], judged_after: int, called_after: list[int]) -> None:
    """In whatever order all of it was read, undetermined for a while or not: on time, late, or missing."""
    steps: list[Step] = []
    for n, event in enumerate([*log, None]):
        steps += [undetermined for called in called_after if called == n]
        steps += [missed] if n == judged_after else []
        steps += [step_of(event)] if event else []
    document = after(*steps, missed)
    gone = {report for what, _, report in log if what == "withdrawn"}
    left = {report for what, _, report in log if what == "filed"} - gone
    expected = "on_time" if left & IS_ON_TIME else "late" if left else "missing"
    assert current(document) == expected
    assert document.get("held", []) == []
    alert = alert_after(document)
    assert (alert.get("state") == "firing") is (expected == "missing")


steps_drawn = st.lists(st.one_of(st.sampled_from(EVENTS).map(step_of), st.sampled_from([missed, undetermined])))


@given(steps=steps_drawn, which=st.integers(0))
def test_verdicts_are_append_only_and_replays_change_nothing(steps: list[Step], which: int) -> None:
    """Earlier verdicts stay, no two in a row are equal, none is dated before the one it follows, and what has been
    read once changes nothing when it comes again, at once or later. A judge's repeat finds it decided."""
    document = after()
    for step in steps:
        before = document.get("verdicts", [])
        document = step(document)
        verdicts = document.get("verdicts", [])
        assert verdicts[: len(before)] == before
    verdicts = document.get("verdicts", [])
    kinds, dates = [v["verdict"] for v in verdicts], [v["judged_at"] for v in verdicts]
    assert all(one != other for one, other in itertools.pairwise(kinds))
    assert sorted(dates) == dates
    events = [step for step in steps if step not in (missed, undetermined)]
    if events:
        assert told(events[which % len(events)](document)) == told(document)


@given(steps=steps_drawn)
def test_settling_is_idempotent_and_incremental(steps: list[Step]) -> None:
    """Applied twice, or after each verdict anew, the alert comes out the same; each change that is told alone has the
    facts that its text names."""
    once = alert_after({"verdicts": [], **after(*steps)})
    document, growing = after(), empty(missing_report.alert_id(MONDAY, "64.72"))
    for step in steps:
        document = step(document)
        if "verdicts" in document:
            growing = missing_report.alert_after(growing, document)
            assert missing_report.alert_after(growing, document) is growing
    assert growing == once
    for notice in once.get("to_notice", []):
        assert ("withdrawn" in notice["details"]) is (notice["change"] != "resolved")


@given(steps=steps_drawn)
def test_a_mark_is_new_with_each_verdict(steps: list[Step]) -> None:
    """A new verdict changes the marks it sets, so that who writes changed fields only writes them too."""
    document = after()
    for step in steps:
        before = document
        document = step(before)
        if document.get("verdicts", []) != before.get("verdicts", []):
            latest = len(document["verdicts"])
            assert document["unpublished"] == latest != before.get("unpublished")
            assert document["unsettled"] == (latest if has_been(document, Verdict.MISSING) else 0)
            assert document["unjudged"] == (latest if document["verdict"] == "pending" else 0)


# bounds


def test_beyond_the_bound_reports_count_and_cannot_be_withdrawn() -> None:
    """Of a flood the first reports are kept one by one; nobody is called missing for want of room."""
    many = filed_reports.MOST + 100
    document = after(missed, *(filed(10 + n) for n in range(many)))
    assert len(document["filings"]) == filed_reports.MOST
    assert document["beyond"]["report"].endswith("r210")
    document = after(lambda _: document, *(withdrawn(1000, 10 + n) for n in range(many)))
    assert current(document) is Verdict.LATE
    assert len(document["unmatched"]) == 100
    document = filed(400, 330)(document)  # written too late: no better
    assert document["beyond"]["report"].endswith("r210")
    document = WRITTEN(document)
    assert current(document) is Verdict.ON_TIME
    assert current(withdrawn(1000, 5)(document)) is Verdict.ON_TIME


def test_documents_stay_bounded() -> None:
    """However often a report is filed and withdrawn, before its judgement and after it."""
    many = 3 * filed_reports.MOST
    for shift in (-2000, 3):
        pairs = [(filed(shift + n), withdrawn(shift + n, shift + n)) for n in range(many)]
        waiting = after(*(step for pair in pairs for step in pair))
        document = missed(waiting)
        strays = [withdrawn(2000, 10_000 + n) for n in range(many)]
        document = after(lambda _, known=document: known, *strays)  # type: ignore[misc]
        assert len(waiting.get("held", [])) <= filed_reports.MOST
        assert len(document["filings"]) <= filed_reports.MOST
        assert len(document["unmatched"]) <= filed_reports.MOST
        assert len(document["verdicts"]) <= 2 * filed_reports.MOST + 2
        assert len(alert_after(document).get("history", [])) <= alerts.MOST_HISTORY


def test_what_waits_beyond_the_bound_is_not_lost() -> None:
    """More than can wait for the judgement: its order is lost, not what it leads to."""
    late = [filed(3 + n) for n in range(filed_reports.MOST)]
    document = after(*late, withdrawn(1000, 3), filed(900), missed)
    assert len(document["filings"]) == filed_reports.MOST
    assert current(document) is Verdict.LATE
    document = after(lambda _: document, *(withdrawn(1001, 3 + n) for n in range(filed_reports.MOST)))
    assert current(document) is Verdict.LATE  # the one beyond
