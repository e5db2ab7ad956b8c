"""In whose trace something was changed: kept from the record to the delivery, however much later that is sent."""

from __future__ import annotations

from typing import Any

from services.notifier import causes, changes
from services.notifier.alerts import alerts
from services.notifier.alerts.settling import _alert_after
from services.notifier.notices import notices
from shared.events.envelope import Envelope
from shared.events.incident_status import IncidentStatus
from shared.exactly_once.cursors import empty
from shared.exactly_once.sightings import Sighting
from shared.records import Position, Record
from shared.tracing.places import TRACEPARENT, Place, place_named
from tests.builders import MONDAY, a_calendar, a_report, a_status, an_incident, utc

Document = dict[str, Any]
CALENDAR = a_calendar()
ALERT = "quiet-period-violation:bawaslu:i1"
ONE, OTHER = (Place(n * 32, "b7ad6b7169203331", is_sampled=True) for n in "12")


def seen(event: Envelope, place: Place | None, offset: int = 0) -> Sighting:
    headers = ((TRACEPARENT, place.traceparent.encode()),) if place else ()
    position = Position("desk.incidents", 0, offset)
    return Sighting(position, event, Record(position, b"64.72", b"", headers))


def after(document: Document, *sightings: Sighting) -> Document:
    """The document with what these did to it."""
    for sighting in sightings:
        for change in changes.changes_of(CALENDAR)(sighting):
            if change.document_id == document["_id"]:
                document = change.apply(document)
    return document


def violation(place: Place | None) -> Sighting:
    return seen(an_incident(utc("2024-11-25T01:00")), place)


def dismissal(place: Place | None) -> Sighting:
    return seen(a_status(utc("2024-11-25T03:00"), IncidentStatus.DISMISSED), place, 1)


def test_each_change_keeps_its_own_cause() -> None:
    """The alarm goes on in the trace of the violation, its end in that of the word that ended it."""
    alert = after(empty(ALERT), violation(ONE), dismissal(OTHER))
    assert [change["trace"] for change in alert["to_notice"]] == [ONE.traceparent, OTHER.traceparent]
    assert causes.place_of(alert, "x") == OTHER
    assert after(alert, violation(ONE))["trace"] == OTHER.traceparent  # changes nothing


def test_the_delivery_goes_on_where_the_change_was_made() -> None:
    """Out of the database, at any time."""
    alert = after(empty(ALERT), violation(ONE), dismissal(OTHER))
    for change, place in zip(alert["to_notice"], (ONE, OTHER), strict=True):
        notice = notices.of_alert(alert, change, CALENDAR)
        assert notice.traces == (place.traceparent,)
        assert causes.places_of({"traces": list(notice.traces)}) == (place, [])


def test_a_record_without_a_trace_leaves_none() -> None:
    """Somebody else's, or an alert of before: the trace is named after what is told."""
    alert = after(empty(ALERT), violation(None))
    assert "trace" not in alert
    assert causes.place_of(alert, f"{ALERT}#1") == place_named(f"{ALERT}#1")
    assert causes.places_of({}) == (None, [])


def test_a_missing_report_that_comes_ends_its_alert_in_its_own_trace() -> None:
    """Settled later: the obligation remembers whose report it was."""
    late = a_report(utc("2024-11-18T17:00"))
    obligation = after(empty(f"{MONDAY}:64.72"), seen(late, ONE))
    assert obligation["trace"] == ONE.traceparent
    fresh = empty("missing-report:2024-11-18:64.72")
    at = utc("2024-11-18T18:00")
    firing = alerts.raised(fresh, region="64.72", period=MONDAY, at=at, why="", details={})
    ended = _alert_after(firing, obligation)
    assert (ended["state"], ended["to_notice"][-1]["trace"]) == ("resolved", ONE.traceparent)
    assert "trace" not in ended["to_notice"][0]


def test_a_digest_names_some_of_its_causes() -> None:
    """Each once, the first first, no more than the bound."""
    told = [{"trace": ONE.traceparent}, {}, *({"trace": f"00-{n:032x}-{1:016x}-01"} for n in range(1, 100))]
    found = causes.traces_of([*told, *told])
    assert (len(found), found[0]) == (causes.MOST, ONE.traceparent)
    below, others = causes.places_of({"traces": [*found, "nonsense"]})
    assert below == ONE
    assert len(others) == causes.MOST - 1
