"""What agencies say of an incident, and what becomes of its alert: a dismissed violation rings no bell."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier import changes
from services.notifier.alerts import alerts
from services.notifier.rules import incident_alert
from shared.events.codec import decode, encode
from shared.events.envelope import Envelope
from shared.events.incident_status import IncidentStatus, IncidentStatusEvent
from shared.exactly_once.cursors import empty
from shared.exactly_once.sightings import Sighting
from shared.records import Position, Record
from shared.topics import ALERTS
from tests.builders import a_calendar, a_status, an_incident, utc

Document = dict[str, Any]
AT = utc("2024-11-25T02:00:00Z")
HOUR = timedelta(hours=1)
CHANGES = changes.changes_of(a_calendar())
VIOLATION = an_incident(AT - HOUR, AT)
DISMISSED, VERIFIED = IncidentStatus.DISMISSED, IncidentStatus.VERIFIED
FORWARDED, RESOLVED = IncidentStatus.FORWARDED, IncidentStatus.RESOLVED


def said(status: IncidentStatus, hours: int, region: str = "64.72", at: datetime | None = None) -> IncidentStatusEvent:
    """A word on the violation, received so many hours after it."""
    return a_status(at or AT + hours * HOUR, status, region=region, event_id=f"{status}.{hours}.{region}", note="Cek.")


def after(*events: Envelope) -> Document:
    """The alert's document after these events, in this order."""
    document = empty("quiet-period-violation:bawaslu:i1")
    for offset, event in enumerate(events):
        position = Position("desk.incidents", 3, offset)
        changed = CHANGES(Sighting(position, event, Record(position, b"64.72", b"")))
        (change,) = [c for c in changed if c.document_id == document["_id"]]
        assert change.collection == "alerts"
        document = change.apply(document)
    return document


@pytest.mark.parametrize(
    ("events", "state", "history"),
    [
        ([VIOLATION, said(DISMISSED, 1)], "resolved", ["raised", "resolved"]),
        ([VIOLATION, said(VERIFIED, 1)], "firing", ["raised"]),
        ([VIOLATION, said(FORWARDED, 1)], "firing", ["raised"]),
        ([VIOLATION, said(RESOLVED, 1)], "firing", ["raised"]),  # dealt with, and a violation all the same
        ([VIOLATION, said(VERIFIED, 1), said(DISMISSED, 2)], "resolved", ["raised", "resolved"]),
        ([VIOLATION, said(DISMISSED, 1), said(DISMISSED, 2)], "resolved", ["raised", "resolved"]),
        *(
            ([VIOLATION, said(DISMISSED, 1), said(other, 2)], "firing", ["raised", "resolved", "raised_again"])
            for other in (VERIFIED, FORWARDED, RESOLVED)
        ),
        (
            [VIOLATION, said(DISMISSED, 1), said(VERIFIED, 2), said(DISMISSED, 3)],
            "resolved",
            ["raised", "resolved", "raised_again", "resolved"],
        ),
        # a word that is read after a later one
        ([VIOLATION, said(VERIFIED, 2), said(DISMISSED, 1)], "firing", ["raised"]),
        ([VIOLATION, said(DISMISSED, 2), said(VERIFIED, 1)], "resolved", ["raised", "resolved"]),
        # before the incident
        ([said(DISMISSED, 1), VIOLATION], "resolved", ["raised", "resolved"]),
        ([said(DISMISSED, -1), VIOLATION], "resolved", ["raised", "resolved"]),
        ([said(VERIFIED, 1), VIOLATION], "firing", ["raised"]),
        ([said(DISMISSED, 1), said(VERIFIED, 2), VIOLATION], "firing", ["raised"]),
        ([said(VERIFIED, 2), said(DISMISSED, 1), VIOLATION], "firing", ["raised"]),
        (
            [said(DISMISSED, 1), VIOLATION, said(VERIFIED, 2)],
            "firing",
            ["raised", "resolved", "raised_again"],
        ),
        # of an incident elsewhere
        ([VIOLATION, said(DISMISSED, 1, "64.71")], "firing", ["raised"]),
        ([VIOLATION, said(DISMISSED, 1, "64.72.01")], "firing", ["raised"]),
        ([said(DISMISSED, 1, "64.71"), VIOLATION], "firing", ["raised"]),
        ([said(DISMISSED, 1), said(VERIFIED, 2, "64.71"), VIOLATION], "resolved", ["raised", "resolved"]),
        ([VIOLATION, said(DISMISSED, 1), said(VERIFIED, 2, "64.71")], "resolved", ["raised", "resolved"]),
    ],
)
def test_order_of_events(events: list[Envelope], state: str, history: list[str]) -> None:
    """The last word on the incident counts, wherever it stands in the log; only `dismissed` ends the alert."""
    alert = after(*events)
    assert alert["state"] == state
    assert [h["what"] for h in alert["history"]] == history
    assert [n["change"] for n in alert["to_notice"]] == history  # whoever got the alarm is told of each change
    assert alert["resolution"] == ("dismissed" if state == "resolved" else None)
    assert (alert["resolved_at"] is None) is (state == "firing")
    assert sorted(dates := [h["at"] for h in alert["history"]]) == dates
    assert decode(ALERTS.name, encode(alerts.to_event(alert)))


def test_who_when_and_why() -> None:
    """The history names who said it, the details what was said, when and why; what told of the end is replaced."""
    ended = after(VIOLATION, said(DISMISSED, 1))
    assert ended["history"][1] == {
        "at": AT + HOUR,
        "by": "/agencies/province-desk",
        "what": "resolved",
        "why": "dismissed",
    }
    told = {"status": "dismissed", "agency": "province-desk", "id": "dismissed.1.64.72", "note": "Cek."}
    assert ended["details"]["last_status"] == {**told, "at": AT + HOUR}
    assert ended["details"]["category"] == "money_politics"
    again = after(VIOLATION, said(DISMISSED, 1), said(VERIFIED, 2))
    assert again["details"]["last_status"]["status"] == "verified"
    assert again["history"][2]["why"] == "verified"


def test_nothing_is_shown_before_the_incident() -> None:
    """What is said of an incident that nobody knows waits in a document that is no alert."""
    stub = after(said(DISMISSED, 1), said(VERIFIED, 2))
    assert not alerts.exists(stub)
    assert {"unpublished", "to_notice"}.isdisjoint(stub)


def test_words_on_other_incidents_raise_nothing() -> None:
    """An incident that never alerts leaves the words on it alone."""
    ordinary = an_incident(AT, category="security")
    position = Position("desk.incidents", 3, 0)
    assert not CHANGES(Sighting(position, ordinary, Record(position, b"64.72", b"")))
    assert not alerts.exists(after(said(DISMISSED, 1)))


@pytest.mark.parametrize("before_the_incident", [True, False])
def test_equal_instants_are_told_apart_by_agency_and_id(before_the_incident: bool) -> None:
    """To the millisecond, which is all that the database keeps: whichever is read first."""
    first = said(DISMISSED, 1, at=AT + timedelta(microseconds=900))
    second = said(VERIFIED, 1, at=AT + timedelta(microseconds=100))
    for words in ([first, second], [second, first]):
        alert = after(*words, VIOLATION) if before_the_incident else after(VIOLATION, *words)
        assert alert["state"] == "firing"  # `verified` comes after `dismissed` in the alphabet


words = st.builds(
    said, st.sampled_from(list(IncidentStatus)), st.integers(-1, 4), st.sampled_from(["64.72", "64.71", "64.72.01"])
)


@given(data=st.data(), said_of_it=st.lists(words, max_size=7))
def test_the_state_does_not_depend_on_the_order_of_reading(
    data: st.DataObject, said_of_it: Sequence[IncidentStatusEvent]
) -> None:
    """However the words and the incident stand in the log: the last word in the incident's own region counts."""
    read = data.draw(st.permutations([VIOLATION, *said_of_it]))
    alert = after(*read)
    of_it = sorted((s.receivedat, s.agency, s.id, s.data.status) for s in said_of_it if s.subject == "64.72")
    is_dismissed = bool(of_it) and of_it[-1][3] is DISMISSED
    assert alert["state"] == ("resolved" if is_dismissed else "firing")
    changes_of_state = [h["what"] for h in alert["history"]]
    assert changes_of_state[0] == "raised"
    assert all(one != other for one, other in itertools.pairwise(changes_of_state))
    again = after(*read, *read)
    assert again == alert


def test_stubs_and_alerts_stay_bounded() -> None:
    """Words from everywhere, without end: of each region the last one, of at most so many regions."""
    many = [said(VERIFIED, n, f"64.{n:02}") for n in range(1, 100)]
    stub = after(*many, *(said(DISMISSED, 200 + n, "64.05") for n in range(100)))
    assert len(stub["statuses"]) == incident_alert.MOST_REGIONS
    alert = after(*many, VIOLATION, *many, *(said([DISMISSED, VERIFIED][n % 2], n) for n in range(500)))
    assert len(alert["statuses"]) == 1
    assert len(alert["history"]) == alerts.MOST_HISTORY
