"""Alerts: raised and resolved once, with who, when and why; and what each event does to the notifier's documents."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import pytest

from services.notifier import changes
from services.notifier.alerts import alerts
from services.notifier.rules import RULES, cannot_evaluate, quiet_period_violation
from shared.election import quiet_period
from shared.events.alert import AlertEvent, AlertState, alert_json
from shared.events.codec import decode, encode
from shared.events.envelope import NOTIFIER, Envelope
from shared.exactly_once.cursors import empty
from shared.exactly_once.sightings import Sighting
from shared.records import Position, Record
from shared.topics import ALERTS
from tests.builders import MONDAY, a_calendar, a_report, an_incident, utc

Document = dict[str, Any]
AT = utc("2024-11-25T02:00:00Z")
HOUR = timedelta(hours=1)


def firing(alert_id: str = "missing-report:2024-11-18:64.72", **details: Any) -> Document:
    return alerts.raised(empty(alert_id), region="64.72", period=MONDAY, at=AT, why="because", details=details)


def test_raising() -> None:
    """An alert that fires says since when and why, and waits for its notice and its publication."""
    alert = firing(x=1)
    assert (alert["rule"], alert["state"], alert["revision"], alert["unpublished"]) == (
        "missing-report",
        "firing",
        1,
        1,
    )
    assert alert["history"] == [{"at": AT, "by": NOTIFIER, "what": "raised", "why": "because"}]
    told = {"revision": 1, "change": "raised", "at": AT, "resolution": None, "details": {"x": 1}}
    assert alert["to_notice"] == [told]
    assert (alert["raised_at"], alert["resolved_at"], alert["resolution"]) == (AT, None, None)


def test_raising_twice_changes_nothing() -> None:
    """The id is a value: the same alert again is the one there is, also when it is resolved already."""
    alert = firing()
    ended = alerts.resolved(alert, at=AT + HOUR, resolution="judged", why="done")
    for known in (alert, ended):
        again = alerts.raised(known, region="x", period=None, at=AT + HOUR, why="again", details={})
        assert again is known


def test_resolving() -> None:
    """The end has its time and reason, once; another reason corrects it; what never fired has no end."""
    alert = firing()
    ended = alerts.resolved(alert, at=AT + HOUR, resolution="judged", why="done")
    assert (ended["state"], ended["resolved_at"], ended["resolution"]) == ("resolved", AT + HOUR, "judged")
    assert ended["history"][:1] == alert["history"]
    assert [(h["what"], h["why"]) for h in ended["history"]] == [("raised", "because"), ("resolved", "done")]
    assert (ended["revision"], ended["unpublished"]) == (2, 2)
    assert [n["revision"] for n in ended["to_notice"]] == [1, 2]
    assert alerts.resolved(ended, at=AT, resolution="judged", why="x") is ended
    corrected = alerts.resolved(ended, at=AT + HOUR, resolution="other", why="x", details={"more": 1})
    assert (corrected["resolution"], corrected["revision"], corrected["details"]["more"]) == ("other", 3, 1)
    nothing = empty("x:y")
    assert alerts.resolved(nothing, at=AT, resolution="judged", why="x") is nothing


def test_raising_again() -> None:
    """An end that no longer holds: it fires, with its history and its first moment; told alone, with the new facts."""
    alert = firing(x=1)
    ended = alerts.resolved(alert, at=AT + HOUR, resolution="judged", why="done", details={"end": 1})
    again = alerts.raised_again(ended, at=AT + 2 * HOUR, why="undone", details={"x": 2}, by="/agencies/a")
    assert (again["state"], again["raised_at"]) == ("firing", AT)
    assert (again["resolved_at"], again["resolution"]) == (None, None)
    assert again["details"] == {"x": 2}
    assert again["history"][:2] == ended["history"]
    assert again["history"][2] == {
        "at": AT + 2 * HOUR,
        "by": "/agencies/a",
        "what": "raised_again",
        "why": "undone",
    }
    assert (again["revision"], again["unpublished"]) == (3, 3)
    told = {"revision": 3, "change": "raised_again", "at": AT + 2 * HOUR, "resolution": None, "details": {"x": 2}}
    assert again["to_notice"][2:] == [told]
    assert decode(ALERTS.name, encode(alerts.to_event(again)))
    for other in (again, alert, empty("x:y")):
        assert alerts.raised_again(other, at=AT + 3 * HOUR, why="x", details={}) is other
    once_more = alerts.resolved(again, at=AT + 3 * HOUR, resolution="judged", why="done")
    assert (once_more["state"], once_more["revision"], once_more["resolved_at"]) == ("resolved", 4, AT + 3 * HOUR)


def test_a_change_is_never_dated_before_the_one_it_follows() -> None:
    """Clocks of replicas differ: an end that was received earlier is dated as its beginning."""
    ended = alerts.resolved(firing(), at=AT - HOUR, resolution="judged", why="done")
    assert ended["resolved_at"] == ended["history"][-1]["at"] == ended["to_notice"][-1]["at"] == AT
    again = alerts.raised_again(ended, at=AT - HOUR, why="undone", details={})
    assert again["history"][-1]["at"] == AT


def test_history_without_end() -> None:
    """The first change and the latest ones are kept, however often an alert ends and fires again."""
    alert = firing()
    for n in range(alerts.MOST_HISTORY):
        alert = alerts.resolved(alert, at=AT + n * HOUR, resolution="judged", why=f"done {n}")
        alert = alerts.raised_again(alert, at=AT + n * HOUR, why=f"undone {n}", details={})
    assert alert["revision"] == 2 * alerts.MOST_HISTORY + 1
    assert len(alert["history"]) == alerts.MOST_HISTORY
    assert alert["history"][0]["why"] == "because"
    assert [h["why"] for h in alert["history"][-2:]] == ["done 199", "undone 199"]
    assert len(encode(alerts.to_event(alert))) < 100_000


@pytest.mark.parametrize(("up_to", "left"), [(0, [1, 2]), (1, [2]), (2, []), (9, [])])
def test_noticed(up_to: int, left: list[int]) -> None:
    """Notices that are planned are taken off; those of later changes stay."""
    ended = alerts.resolved(firing(), at=AT, resolution="judged", why="x")
    assert [n["revision"] for n in alerts.noticed(ended, up_to)["to_notice"]] == left


@pytest.mark.parametrize(
    ("alert_id", "rule"),
    [
        ("missing-report:2024-11-18:64.72", "missing-report"),
        ("quiet-period-violation:bawaslu:a.b-c", "quiet-period-violation"),
        ("cannot-evaluate:2024-11-18", "cannot-evaluate"),
    ],
)
def test_rule_is_the_part_before_the_colon(alert_id: str, rule: str) -> None:
    """An alert's id begins with its rule, and each such rule is known."""
    assert alerts.rule_of(alert_id) == rule
    assert rule in RULES


@pytest.mark.parametrize("period", [MONDAY, None])
def test_event_of_an_alert(period: date | None) -> None:
    """The event carries the whole alert under an id with its revision, and every reader can read it."""
    alert = alerts.raised(
        empty("quiet-period-violation:bawaslu:i1"),
        region="64.72",
        period=period,
        at=AT,
        why="occurred",
        details={"a": AT},
    )
    for revision, known in enumerate(
        [alert, alerts.resolved(alert, at=AT + HOUR, resolution="dismissed", why="x")], 1
    ):
        event = alerts.to_event(known)
        assert event == alerts.to_event(known)
        assert event.id == f"quiet-period-violation:bawaslu:i1#{revision}"
        read = decode(ALERTS.name, encode(event))
        assert isinstance(read, AlertEvent)
        assert read.data.period == period
        assert read.data.state is AlertState(known["state"])
        assert read.data.details == {"a": "2024-11-25T02:00:00Z"}
        assert [h.what for h in read.data.history] == ["raised", "resolved"][:revision]


def test_longest_alert_fits_the_wire() -> None:
    """Agency and event id of 64 characters each, and a revision, are still an event id."""
    alert = alerts.raised(
        empty(quiet_period_violation.alert_id("a" * 64, "b" * 64)),
        region="64.72.01.1001",
        period=None,
        at=AT,
        why="occurred",
        details={},
    )
    assert decode(ALERTS.name, encode(alerts.to_event(alert)))


def test_cannot_evaluate() -> None:
    """One alert about the system itself for a period, with the problem; it ends when the log has been read."""
    unread = cannot_evaluate.Unproven(cannot_evaluate.PARTITIONS_UNREAD, {"topic": "desk.reports", "partitions": [3]})
    alert = cannot_evaluate.raised(empty(cannot_evaluate.alert_id(MONDAY)), MONDAY, AT, unread)
    assert (alert["_id"], alert["region"], alert["period"]) == ("cannot-evaluate:2024-11-18", "system", "2024-11-18")
    assert alert["details"] == {"reason": "partitions_unread", "values": {"topic": "desk.reports", "partitions": [3]}}
    assert decode(ALERTS.name, encode(alerts.to_event(alert)))
    assert cannot_evaluate.resolved(alert, AT)["resolution"] == "judged"


def test_json_of_an_alert() -> None:
    """What the API and the webhooks show: the fields of the contract, no marks of ours."""
    shown = alert_json(firing())
    assert list(shown) == [
        "id",
        "rule",
        "region",
        "period",
        "state",
        "raised_at",
        "resolved_at",
        "resolution",
        "details",
        "history",
    ]


# what an event does


def sighting(event: Envelope, offset: int = 7) -> Sighting:
    position = Position("desk.reports", 3, offset)
    return Sighting(position, event, Record(position, b"64.72", b""))


def test_violation_in_the_quiet_period_raises_at_once() -> None:
    """The incident becomes an alert of its own, raised at its receipt, with both flags and where it came from."""
    incident = an_incident(AT, AT + HOUR, place="Pasar Pagi")
    (change,) = changes.changes_of(a_calendar())(sighting(incident))
    assert (change.collection, change.document_id) == ("alerts", "quiet-period-violation:bawaslu:i1")
    assert change.position == sighting(incident).position
    alert = change.apply(empty(change.document_id))
    assert (alert["raised_at"], alert["region"], alert["period"]) == (AT + HOUR, "64.72", None)
    assert alert["details"]["occurred_in_quiet_period"] is alert["details"]["reported_in_quiet_period"] is True
    assert alert["details"]["event"] == {"agency": "bawaslu", "id": "i1"}
    assert [(n["revision"], n["change"], n["at"]) for n in alert["to_notice"]] == [(1, "raised", AT + HOUR)]
    assert change.apply(alert) is alert


@pytest.mark.parametrize(
    ("occurred", "received", "category", "why"),
    [
        ("2024-11-25T02:00Z", "2024-11-28T02:00Z", "campaigning", "occurred"),
        ("2024-11-01T02:00Z", "2024-11-25T02:00Z", "campaigning", "reported"),
        ("2024-11-25T02:00Z", "2024-11-25T02:00Z", "security", None),
        ("2024-11-01T02:00Z", "2024-11-02T02:00Z", "campaigning", None),
    ],
)
def test_which_incidents_alert(occurred: str, received: str, category: str, why: str | None) -> None:
    """Violations that occurred in the quiet period or were reported in it; others leave no trace here."""
    found = changes.changes_of(a_calendar())(sighting(an_incident(utc(occurred), utc(received), category=category)))
    reasons = [change.apply(empty(change.document_id))["history"][0]["why"] for change in found]
    assert reasons == ([why] if why else [])


def test_flags_are_those_of_the_pure_rule() -> None:
    """The alert shows the flags as the rule of the quiet period gives them."""
    incident = an_incident(utc("2024-11-25T02:00Z"), utc("2024-11-28T02:00Z"))
    found = quiet_period.flags(a_calendar(), incident)
    details = quiet_period_violation.raised(empty("quiet-period-violation:a:b"), incident, found)["details"]
    assert (details["occurred_in_quiet_period"], details["reported_in_quiet_period"]) == (True, False)


@pytest.mark.parametrize(
    ("region", "period", "owes"),
    [
        ("64.72", "2024-11-18", True),
        ("64.72", "2024-11-11", True),
        ("64.72", "2024-11-04", False),  # before obligations_from
        ("64.72", "2024-12-23", False),  # after the last
        ("64", "2024-11-18", False),  # no rule for provinces
        ("64.72.01", "2024-11-18", False),
        ("64.99", "2024-11-18", False),  # has left the roster
    ],
)
def test_which_reports_fulfil_an_obligation(region: str, period: str, owes: bool) -> None:
    """A report that nobody owed is welcome and no obligation."""
    received = utc(f"{period}T02:00Z")
    report = a_report(received, region=region, period=date.fromisoformat(period))
    found = changes.changes_of(a_calendar())(sighting(report))
    assert [c.document_id for c in found] == ([f"{period}:{region}"] if owes else [])
    if owes:
        assert found[0].apply(empty(found[0].document_id))["verdicts"][0]["report"] == report.identity
