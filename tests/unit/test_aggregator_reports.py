"""Reports and their withdrawals: in whatever order they come, the same is withdrawn and the same is in force."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from functools import reduce
from itertools import permutations
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.aggregator import views
from services.aggregator.state import recent_reports, region_state, reports
from shared.events.report import Condition, ReportEvent
from shared.events.withdrawal import WithdrawalEvent
from shared.exactly_once.cursors import Document, empty
from shared.instants import kept
from tests.builders import MONDAY, a_report, a_withdrawal, utc

AT = utc("2024-11-18 01:00")
WEEK = timedelta(days=7)
HOUR = timedelta(hours=1)
ELSEWHERE = "64.71"
IDENTITY = "/agencies/samarinda-desk/r1"

Event = ReportEvent | WithdrawalEvent

FIRST = a_report(AT, event_id="r1")
SECOND = a_report(AT + HOUR, event_id="r2", condition=Condition.CRITICAL)
OF_FIRST, OF_SECOND = a_withdrawal(AT + 2 * HOUR, "r1"), a_withdrawal(AT + 3 * HOUR, "r2", event_id="w2")
AGAIN = a_withdrawal(AT + 4 * HOUR, "r1", event_id="w3", reason="Sekali lagi.")
OTHER_PERIOD = a_withdrawal(AT + HOUR, "r1", event_id="w4", period=MONDAY + WEEK)
OTHER_REGION = a_withdrawal(AT + HOUR, "r1", event_id="w5", region=ELSEWHERE)


def documents(events: Iterable[Event]) -> dict[str, Document]:
    """The documents of the reports, by identity."""
    found: dict[str, Document] = {}
    for event in events:
        if isinstance(event, ReportEvent):
            found[event.identity] = reports.after_report(found.get(event.identity, empty(event.identity)), event)
        else:
            identity = event.report_identity
            found[identity] = reports.after_withdrawal(found.get(identity, empty(identity)), event)
    return found


def region(events: Iterable[Event], code: str = "64.72") -> Document:
    """The region's document."""
    return reduce(after, (event for event in events if event.subject == code), empty(code))


def after(document: Document, event: Event) -> Document:
    """The region's document after one more."""
    if isinstance(event, ReportEvent):
        return region_state.after_report(document, event)
    return region_state.after_withdrawal(document, event)


def in_force(events: Sequence[Event], code: str = "64.72") -> str | None:
    """As `in_force.py` finds it: the newest, or where that was withdrawn, out of the reports."""
    newest = recent_reports.newest_of(region(events, code).get("own", {}))
    if newest is None or not newest["is_withdrawn"]:
        return str(newest["id"]) if newest else None
    left = [d for d in documents(events).values() if d.get("region") == code and not d["is_withdrawn"]]
    found = max(left, key=lambda d: (d["period"], d["received_at"], d["agency"], d["id"]), default=None)
    return str(found["id"]) if found else None


@pytest.mark.parametrize("order", list(permutations([FIRST, OF_FIRST, SECOND, OF_SECOND])))
def test_any_order_of_two_reports_and_their_withdrawals(order: Sequence[Event]) -> None:
    """Both are withdrawn, none is in force, and two reports and two withdrawals are counted."""
    found = documents(order)
    assert [found[f.identity]["withdrawn"]["id"] for f in (FIRST, SECOND)] == ["w1", "w2"]
    document = region(order)
    assert in_force(order) is None
    assert (document["own"]["reports"]["count"], document["own"]["withdrawals"]) == (2, 2)
    assert document["total"]["withdrawals"] == 2


@pytest.mark.parametrize("order", list(permutations([FIRST, SECOND, OF_SECOND])))
def test_the_report_before_the_withdrawn_one_is_in_force_again(order: Sequence[Event]) -> None:
    """A withdrawn correction leaves what it corrected."""
    assert in_force(order) == "r1"


@pytest.mark.parametrize("order", list(permutations([FIRST, OF_FIRST, AGAIN])))
def test_the_earliest_of_two_withdrawals_holds(order: Sequence[Event]) -> None:
    """Under two ids, in any order; both are shown."""
    (document,) = documents(order).values()
    assert document["withdrawn"] == {
        "at": AT + 2 * HOUR,
        "by": "samarinda-desk",
        "reason": "Salah wilayah.",
        "id": "w1",
    }
    assert [w["id"] for w in document["withdrawals"]] == ["w1", "w3"]
    assert in_force(order) is None


@pytest.mark.parametrize("orphan", [OTHER_PERIOD, OTHER_REGION], ids=["period", "region"])
@pytest.mark.parametrize("is_first", [True, False])
def test_withdrawal_that_means_another_place_or_week_changes_nothing(orphan: WithdrawalEvent, is_first: bool) -> None:
    """It is an orphan, shown with the report, before it and after it; where it was meant for it is counted."""
    order: list[Event] = [orphan, FIRST] if is_first else [FIRST, orphan]
    (document,) = documents(order).values()
    shown = views.report(document)
    assert shown["withdrawn"] is None
    assert [(w["id"], w["is_orphan"]) for w in shown["withdrawals"]] == [(orphan.id, True)]
    assert in_force(order) == "r1"
    assert region(order, orphan.subject)["own"]["withdrawals"] == 1


def test_stub_of_a_withdrawal_says_nothing_of_the_report() -> None:
    """Until its report comes a withdrawal is shown as an orphan, everything else null."""
    (document,) = documents([OF_FIRST]).values()
    shown = views.report(document)
    (withdrawal,) = shown.pop("withdrawals")
    assert withdrawal["is_orphan"]
    assert {name for name, value in shown.items() if value is not None} == {"agency", "id"}
    assert "received_at" not in document  # which the lists ask for


@st.composite
def histories(draw: Any) -> list[Event]:
    """Six reports at most of two regions and two weeks, and withdrawals, most of them of one of these."""
    instants = [AT + timedelta(microseconds=us) for us in (0, 100, 200, 5_000)]
    regions, periods = st.sampled_from(["64.72", ELSEWHERE]), st.sampled_from([MONDAY, MONDAY + WEEK])
    at, which = st.sampled_from(instants), st.integers(0, 6)
    found: list[Event] = [
        a_report(draw(at), region=draw(regions), event_id=f"r{n}", period=draw(periods))
        for n in range(draw(st.integers(0, 6)))
    ]
    for n in range(draw(st.integers(0, 8))):
        meant = draw(which)
        said = {"region": draw(regions), "period": draw(periods)}
        if meant < len(found) and isinstance(found[meant], ReportEvent) and draw(st.booleans()):
            said = {"region": found[meant].subject, "period": found[meant].period or MONDAY}
        found.append(a_withdrawal(draw(at), f"r{meant}", event_id=f"w{n}", **said))
    return found


def is_withdrawn(report: ReportEvent, events: Iterable[Event]) -> bool:
    about = (report.identity, report.subject, report.period)
    withdrawals = [e for e in events if isinstance(e, WithdrawalEvent)]
    return about in [(w.report_identity, w.subject, w.period) for w in withdrawals]


@given(events=histories(), data=st.data())
def test_any_order_gives_the_same(events: list[Event], data: Any) -> None:
    """Documents of reports and of regions, to the last field."""
    shuffled = data.draw(st.permutations(events))
    assert documents(shuffled) == documents(events)
    for code in ("64.72", ELSEWHERE):
        assert region(shuffled, code) == region(events, code)


@given(events=histories())
def test_what_is_withdrawn_and_what_is_in_force_is_what_a_search_finds(events: list[Event]) -> None:
    """A report is withdrawn if somebody withdrew it; the newest other one of a region is in force there."""
    sent = [e for e in events if isinstance(e, ReportEvent)]
    found = documents(events)
    for report in sent:
        assert found[report.identity]["is_withdrawn"] == is_withdrawn(report, events)
    left = [r for r in sent if r.subject == "64.72" and not is_withdrawn(r, events)]
    newest = max(left, key=lambda r: (r.period, r.receivedat.microsecond // 1000, r.agency, r.id), default=None)
    assert in_force(events) == (newest and newest.id)


def test_a_region_remembers_its_newest_report_only() -> None:
    """Its document stays small. Of however many that were withdrawn, the newest that was not is in force."""
    sent = [a_report(AT + n * HOUR, event_id=f"r{n:02}") for n in range(40)]
    withdrawn = [a_withdrawal(AT + (40 + n) * HOUR, f"r{n:02}", event_id=f"w{n}") for n in range(1, 40)]
    own = region(reversed(sent))["own"]
    assert [entry["id"] for entry in own["recent_reports"]] == ["r39"]
    assert in_force([*sent, *withdrawn[1:]]) == "r01"
    assert in_force([*sent, *withdrawn]) == "r00"
    assert in_force([*sent, *reversed(withdrawn)]) == "r00"


def as_ten(events: Iterable[Event], code: str = "64.72") -> Document:
    """The region's document as versions before kept it: the ten newest reports, and which of them is in force."""
    document = region(events, code)
    if "own" not in document:
        return document
    marks: list[Any] = []
    for event in (e for e in events if isinstance(e, WithdrawalEvent) and e.subject == code):
        mark = {"period": event.data.period.isoformat(), "agency": event.agency, "id": event.data.report}
        marks = [*(m for m in marks if m != mark), mark]
    recent = [
        {
            "period": e.data.period.isoformat(),
            "agency": e.agency,
            "id": e.id,
            "received_at": kept(e.receivedat),
            "condition": e.data.condition.value,
            "is_withdrawn": is_withdrawn(e, events),
        }
        for e in events
        if isinstance(e, ReportEvent) and e.subject == code
    ]
    recent = sorted(recent, key=lambda r: (r["period"], r["received_at"], r["agency"], r["id"]))[-10:]
    since = recent[0]["period"] if len(recent) == 10 else ""
    marks = sorted((m for m in marks if m["period"] >= since), key=lambda m: (m["period"], m["agency"], m["id"]))[-20:]
    latest = next((dict(r) for r in reversed(recent) if not r["is_withdrawn"]), None)
    own = {**document["own"], "recent_reports": recent, "withdrawn": marks, "latest_report": latest}
    return {**document, "own": own}


@given(events=histories(), more=histories())
def test_what_an_earlier_version_kept_is_read_and_goes_on(events: list[Event], more: list[Event]) -> None:
    """A document with ten reports says the same as one with the newest alone, and after the next event it is one."""
    for code in ("64.72", ELSEWHERE):
        old, new = as_ten(events, code), region(events, code)
        assert region_state.as_kept(old) == new
        assert recent_reports.newest_of(old.get("own", {})) == recent_reports.newest_of(new.get("own", {}))
        for event in (e for e in more if e.subject == code):
            old, new = after(old, event), after(new, event)
            assert old == new


@pytest.mark.parametrize("weeks", [1, 4, 13])
def test_any_order_of_more_reports_than_are_kept(weeks: int) -> None:
    """Whether a withdrawn report was read while it was one of the newest, or later, or after its withdrawal: the
    region's document is the same, of reports for the same week or for many."""
    sent = [a_report(AT + n * HOUR, event_id=f"r{n}", period=MONDAY + (n % weeks) * WEEK) for n in range(13)]
    withdrawn = [
        a_withdrawal(AT + (20 + n) * HOUR, f"r{n}", event_id=f"w{n}", period=MONDAY + (n % weeks) * WEEK)
        for n in (0, 1, 2, 12)
    ]
    events: list[Event] = [*sent, *withdrawn]
    expected = region(events)
    for seed in range(200):
        assert region(Random(seed).sample(events, len(events))) == expected


def test_withdrawals_of_reports_that_never_came_are_bounded() -> None:
    """They push no report out of a region's state, and of one report's the one that is meant for it stays."""
    strays = [a_withdrawal(AT + n * HOUR, f"x{n}", event_id=f"w{n}", period=MONDAY + WEEK) for n in range(50)]
    own = region([FIRST, *strays])["own"]
    assert in_force([FIRST, *strays]) == "r1"
    assert len(own["withdrawn"]) == recent_reports.MOST_WITHDRAWN
    wrong = [a_withdrawal(AT + n * HOUR, event_id=f"w{n}", region=ELSEWHERE) for n in range(60)]
    right = a_withdrawal(AT + 100 * HOUR, event_id="right")
    told = [*wrong, right, OTHER_PERIOD]
    document = reduce(reports.after_withdrawal, told, reports.after_report(empty(IDENTITY), FIRST))
    assert document["withdrawn"]["id"] == "right"
    assert len(document["withdrawals"]) == reports.MOST_WITHDRAWALS
    assert document["withdrawals"][-1]["id"] == "right"
