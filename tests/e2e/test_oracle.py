"""The oracle itself, against examples worked out by hand from the design's rules. No stack is needed."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from tests.e2e.answers import Flags, Obligation
from tests.e2e.oracle import Accepted, Oracle, Region, Rules
from tests.e2e.scenario_files import KALTIM, NATIONAL, read_regions, read_rules

RULES = Rules(
    "Asia/Makassar",
    quiet_from=date(2024, 11, 24),
    quiet_to=date(2024, 11, 26),
    judged_from=date(2024, 11, 11),
    judged_until=date(2024, 12, 16),
    first_report=date(2024, 9, 30),
)
REGIONS = (Region("64", "province"), Region("64.72", "regency"), Region("64.72.01", "district"))
ORACLE = Oracle(RULES, REGIONS)
MONDAY = date(2024, 11, 18)
END = datetime.fromisoformat("2024-11-28T12:00+08:00")


def at(text: str, offset: str = "+08:00") -> datetime:
    """`18 23:59` as an instant of November 2024, in Samarinda's zone if not said otherwise."""
    day, _, clock = text.partition(" ")
    return datetime.fromisoformat(f"2024-11-{day}T{clock}{offset}")


def report(received: str, written: str | None = None, period: date | None = MONDAY, **more: Any) -> Accepted:
    filed = Accepted("kaltim", f"r-{received}-{written}", "report", "64.72", at(received), period=period)
    return replace(filed, submitted_at=at(written) if written else None, **more)


def showing(device_time: str) -> Accepted:
    """Received on Tuesday the 19th, from a device whose clock shows this."""
    return replace(report("19 12:00", period=None), submitted_at=datetime.fromisoformat(device_time))


def incident(received: str, occurred: str, category: str = "campaigning") -> Accepted:
    sent = Accepted("kaltim", "i-1", "incident", "64.72", at(received))
    return replace(sent, occurred_at=at(occurred), category=category)


def gone(received: str, meant: Accepted, event_id: str = "w1", **more: Any) -> Accepted:
    """A report is withdrawn."""
    sent = Accepted("kaltim", event_id, "withdrawal", "64.72", at(received), period=MONDAY, about=meant.identity)
    return replace(sent, **more)


def said(received: str, status: str, **more: Any) -> Accepted:
    """Of the incident `i-1`."""
    sent = Accepted("kaltim", f"s-{received}", "status", "64.72", at(received), about=("kaltim", "i-1"), status=status)
    return replace(sent, **more)


EARLY, AFTER, SYNCED = report("18 10:00"), report("19 10:00"), report("19 11:00", "18 20:00")
ON_TIME = Obligation("on_time")
OBLIGATIONS: list[tuple[str, list[Accepted], Obligation]] = [
    ("silence", [], Obligation("missing", ("raised",), True)),
    ("on Monday morning", [report("18 08:00")], Obligation("on_time")),
    ("on the Saturday before", [report("16 12:00")], Obligation("on_time")),
    ("1 us before the deadline", [report("18 23:59:59.999999")], Obligation("on_time")),
    ("exactly at the deadline", [report("19 00:00")], Obligation("late")),
    ("1 us before it is judged", [report("19 01:59:59.999999")], Obligation("late")),
    ("when it is judged", [report("19 02:00")], Obligation("late", ("raised", "reported_late"), True)),
    ("on Tuesday", [report("19 10:00")], Obligation("late", ("raised", "reported_late"), True)),
    ("written in time", [report("19 01:00", "18 20:00")], Obligation("on_time")),
    ("synced later", [report("19 10:00", "18 20:00")], Obligation("on_time", ("raised", "delivered_late"), True)),
    ("written at the deadline", [report("19 01:00", "19 00:00")], Obligation("late")),
    ("72 h after", [report("21 20:00", "18 20:00")], Obligation("on_time", ("raised", "delivered_late"), True)),
    ("beyond 72 h", [report("21 20:00:00.000001", "18 20:00")], Obligation("late", ("raised", "reported_late"), True)),
    ("written too late", [report("19 10:00", "19 09:00")], Obligation("late", ("raised", "reported_late"), True)),
    (
        "late, corrected",
        [report("19 10:00"), report("19 12:00")],
        Obligation("late", ("raised", "reported_late"), True),
    ),
    (
        "late, then synced",
        [report("19 10:00"), report("19 12:00", "18 20:00")],
        Obligation("on_time", ("raised", "reported_late", "delivered_late"), True),
    ),
    ("in time, corrected", [report("18 10:00"), report("19 12:00")], Obligation("on_time")),
    ("of the week before", [report("18 10:00", period=date(2024, 11, 11))], Obligation("missing", ("raised",), True)),
    ("of a district", [report("18 10:00", region="64.72.01")], Obligation("missing", ("raised",), True)),
    ("of the province", [report("18 10:00", region="64")], Obligation("missing", ("raised",), True)),
    # a withdrawn report no longer counts
    ("withdrawn at once", [EARLY, gone("18 11:00", EARLY)], Obligation("missing", ("raised",), True)),
    (
        "withdrawn 1 us before it is judged",
        [EARLY, gone("19 01:59:59.999999", EARLY)],
        Obligation("missing", ("raised",), True),
    ),
    ("withdrawn when it is judged", [EARLY, gone("19 02:00", EARLY)], Obligation("missing", ("raised",))),
    ("withdrawn, and another", [EARLY, gone("18 11:00", EARLY), report("18 12:00")], Obligation("on_time")),
    ("withdrawn, a late one left", [EARLY, report("19 01:00"), gone("19 03:00", EARLY)], Obligation("late")),
    (
        "withdrawn, a late one comes",
        [EARLY, gone("19 03:00", EARLY), report("19 04:00")],
        Obligation("late", ("raised", "reported_late")),
    ),
    (
        "a late one withdrawn",
        [AFTER, gone("19 12:00", AFTER)],
        Obligation("missing", ("raised", "reported_late", "raised_again"), True),
    ),
    (
        "a late one withdrawn, another comes",
        [AFTER, gone("19 12:00", AFTER), report("19 13:00", "18 20:00")],
        Obligation("on_time", ("raised", "reported_late", "raised_again", "delivered_late"), True),
    ),
    (
        "the synced one withdrawn, a late one left",
        [AFTER, SYNCED, gone("19 12:00", SYNCED)],
        Obligation("late", ("raised", "reported_late", "delivered_late", "reported_late"), True),
    ),
    ("withdrawn before it came", [gone("18 09:00", EARLY), EARLY], Obligation("missing", ("raised",), True)),
    ("withdrawn twice", [EARLY, gone("18 11:00", EARLY), gone("18 12:00", EARLY, "w2"), report("18 13:00")], ON_TIME),
    ("another withdrawn", [EARLY, gone("18 11:00", AFTER)], ON_TIME),
    ("withdrawn for another period", [EARLY, gone("18 11:00", EARLY, period=date(2024, 11, 11))], ON_TIME),
    ("withdrawn for another region", [EARLY, gone("18 11:00", EARLY, region="64.72.01")], ON_TIME),
]


@pytest.mark.parametrize(("filed", "expected"), [row[1:] for row in OBLIGATIONS], ids=[row[0] for row in OBLIGATIONS])
def test_a_report_is_judged_by_when_it_was_received_and_written(filed: list[Accepted], expected: Obligation) -> None:
    """Verdict, alert and resolution of the 18th, as the rules have them."""
    assert ORACLE.answers(filed, END).obligations[MONDAY, "64.72"] == expected


@pytest.mark.parametrize(
    ("now", "filed", "expected"),
    [
        ("19 01:59", [], Obligation("pending")),
        ("19 02:00", [], Obligation("missing", ("raised",), True)),
        ("18 12:00", [report("18 08:00")], Obligation("on_time")),
    ],
)
def test_nothing_is_missing_before_due_and_grace(now: str, filed: list[Accepted], expected: Obligation) -> None:
    """The verdict comes at due + 2 h, `on_time` at the first report."""
    assert ORACLE.answers(filed, at(now)).obligations[MONDAY, "64.72"] == expected


@pytest.mark.parametrize(
    ("filed", "expected"),
    [
        (report("18 00:00", period=None), MONDAY),
        (report("17 23:59:59.999999", period=None), date(2024, 11, 11)),
        (report("24 12:00", period=None), MONDAY),
        (report("19 12:00", "17 12:00", period=None), date(2024, 11, 11)),
        (report("17 23:55", "18 00:03", period=None), MONDAY),
        (report("17 23:40", "18 00:03", period=None), date(2024, 11, 11)),
        (report("19 12:00", period=date(2024, 11, 25)), date(2024, 11, 25)),
        (report("19 12:00", "29 12:00", period=None), MONDAY),
        (showing("1970-01-01T00:00Z"), MONDAY),
        (showing("2024-09-22T23:59:59.999999+08:00"), MONDAY),
        (showing("2024-09-23T00:00+08:00"), date(2024, 9, 23)),
    ],
)
def test_a_report_without_period_is_for_the_latest_monday(filed: Accepted, expected: date) -> None:
    """By the local day it was written, if its clock is at most 10 minutes ahead and not before the first report less
    a week; else by the day of receipt."""
    assert ORACLE.period_of(filed) == expected


@pytest.mark.parametrize(
    ("received", "occurred", "category", "expected"),
    [
        ("23 23:59:59.999999", "23 20:00", "campaigning", Flags(True, False, False)),
        ("24 00:00", "23 20:00", "campaigning", Flags(True, False, True)),
        ("26 23:59:59.999999", "26 23:59:59.999999", "money_politics", Flags(True, True, True)),
        ("27 00:00", "26 23:59:59.999999", "neutrality", Flags(True, True, False)),
        ("28 09:00", "25 15:00", "campaign_props", Flags(True, True, False)),
        ("28 09:00", "27 00:00", "campaign_props", Flags(True, False, False)),
        ("25 09:00", "25 08:00", "security", Flags(False, True, True)),
        ("24 00:00", "23 23:59:59.999999", "intimidation", Flags(True, False, True)),
    ],
)
def test_the_quiet_period_is_exact_to_the_microsecond(
    received: str, occurred: str, category: str, expected: Flags
) -> None:
    """Both flags; an alert if the category is a violation and one of them holds."""
    sent = incident(received, occurred, category)
    answers = ORACLE.answers([sent], END)
    assert answers.incidents == {("kaltim", "i-1"): expected}
    expects_alert = expected.is_violation and (expected.occurred_in_quiet_period or expected.reported_in_quiet_period)
    assert list(answers.violation_alerts()) == (["quiet-period-violation:kaltim:i-1"] if expects_alert else [])


@pytest.mark.parametrize(
    ("words", "status", "changes"),
    [
        ([], "reported", ()),
        ([said("25 11:00", "dismissed")], "dismissed", ("dismissed",)),
        ([said("25 11:00", "verified"), said("25 12:00", "forwarded")], "forwarded", ()),
        ([said("25 11:00", "dismissed"), said("25 12:00", "dismissed")], "dismissed", ("dismissed",)),
        ([said("25 11:00", "dismissed"), said("25 12:00", "resolved")], "resolved", ("dismissed", "raised_again")),
        ([said("25 09:00", "dismissed")], "dismissed", ("dismissed",)),
        ([said("25 09:00", "dismissed"), said("25 09:30", "verified")], "verified", ()),
        ([said("25 11:00", "dismissed", region="64")], "reported", ()),
    ],
)
def test_a_dismissed_violation_is_no_alarm(words: list[Accepted], status: str, changes: tuple[str, ...]) -> None:
    """The last word on the incident in its own region counts; one that came before it is read with it."""
    answers = ORACLE.answers([incident("25 10:00", "25 09:00"), *words], END)
    assert answers.statuses == {("kaltim", "i-1"): status}
    assert answers.dismissals == {("kaltim", "i-1"): changes}
    alert = "quiet-period-violation:kaltim:i-1"
    assert answers.dismissed_alerts() == ({alert} if status == "dismissed" else set())
    told = {"raised": 1, "resolved": changes.count("dismissed"), "raised_again": changes.count("raised_again")}
    assert {change: answers.changes()[alert, change] for change in told} == told


def test_what_is_said_of_an_unknown_incident_is_an_orphan() -> None:
    """It is listed, and no alert."""
    answers = ORACLE.answers([said("25 11:00", "dismissed")], END)
    assert answers.statuses == {("kaltim", "i-1"): "orphan"}
    assert (answers.incidents, answers.violation_alerts()) == ({}, {})


def test_a_region_is_judged_in_its_own_zone() -> None:
    """The election's override holds for a region and all below it, before the roster's zone and the default."""
    regions = [*REGIONS, Region("91", "province", "Asia/Jayapura"), Region("91.01", "regency")]
    oracle = Oracle(replace(RULES, zones={"64.72": "Asia/Jakarta"}), regions)
    zones = {code: oracle.zone(code).key for code in ("64", "64.72", "64.72.01", "91.01")}
    assert zones == {
        "64": "Asia/Makassar",
        "64.72": "Asia/Jakarta",
        "64.72.01": "Asia/Jakarta",
        "91.01": "Asia/Jayapura",
    }
    assert oracle.due("64.72", MONDAY) == at("19 00:00", "+07:00")
    assert oracle.judged_at("91.01", MONDAY) == at("19 02:00", "+09:00")


def test_the_first_content_under_an_id_counts_once() -> None:
    """A repeat and a conflict change neither verdict nor counters; a region's totals hold all below it."""
    first = report("18 10:00")
    again = replace(first, received_at=at("19 10:00"))
    village = replace(first, id="other", region="64.72.01")
    other = replace(incident("25 10:00", "25 09:00"), agency="another", id=first.id)
    answers = ORACLE.answers([first, again, replace(again, content="changed"), village, other], END)
    assert answers.own["64.72"] == {
        "reports": 1,
        "incidents": 1,
        "category campaigning": 1,
        "violations": 1,
        "quiet_period_violations": 1,
    }
    assert [answers.totals[code]["reports"] for code in ("64", "64.72", "64.72.01")] == [2, 2, 1]
    assert answers.obligations[MONDAY, "64.72"] == Obligation("on_time")


def test_the_shipped_elections_are_read() -> None:
    """Ten desks in East Kalimantan and 508 in the nation owe the reports of the three Mondays."""
    for election, many in ((KALTIM, 10), (NATIONAL, 508)):
        oracle = Oracle(read_rules(election), read_regions(election))
        answers = oracle.answers([], END)
        assert len(answers.missing_alerts()) == 3 * many
        assert oracle.rules.grace == timedelta(hours=2)
        assert oracle.rules.quiet_from == date(2024, 11, 24)
