"""Outages: an incident that cuts off a whole province or regency alerts until it is dealt with."""

from __future__ import annotations

import itertools
from datetime import date, timedelta
from typing import Any

import pytest

from services.notifier import changes, rules
from services.notifier.notices import notices
from services.notifier.rules.rule import Severity
from shared.election.calendar import Calendar
from shared.events.envelope import Envelope
from shared.events.incident_status import IncidentStatus
from shared.exactly_once.cursors import Change, empty
from shared.exactly_once.sightings import Sighting
from shared.records import Position, Record
from tests.builders import a_calendar, a_status, an_incident, utc

Document = dict[str, Any]
AT = utc("2024-11-19T02:00:00Z")
HOUR = timedelta(hours=1)
CALENDAR = a_calendar()
DARK = an_incident(AT - HOUR, AT, region="64", category="power_internet", description="Kabel laut putus.")


def changes_of(event: Envelope, offset: int = 0, calendar: Calendar = CALENDAR) -> dict[str, Change]:
    position = Position("desk.incidents", 3, offset)
    found = changes.changes_of(calendar)(Sighting(position, event, Record(position, b"64", b"")))
    return {change.document_id: change for change in found}


def after(*events: Envelope) -> Document:
    document = empty("outage:bawaslu:i1")
    for offset, event in enumerate(events):
        document = changes_of(event, offset)["outage:bawaslu:i1"].apply(document)
    return document


def said(status: IncidentStatus, hours: int) -> Envelope:
    return a_status(AT + hours * HOUR, status, region="64", event_id=f"s{hours}", note="PLN.")


@pytest.mark.parametrize(
    ("region", "category", "raised"),
    [
        ("64", "power_internet", ["outage:bawaslu:i1"]),
        ("64.72", "power_internet", ["outage:bawaslu:i1"]),
        ("64.72.01", "power_internet", []),
        ("64.72.01.1001", "power_internet", []),
        ("64", "natural_disaster", []),
        ("64", "nonsense", []),
    ],
)
def test_who_is_cut_off(region: str, category: str, raised: list[str]) -> None:
    """A whole province or regency, by a category that the election file calls an outage."""
    assert list(changes_of(an_incident(AT, region=region, category=category))) == raised


def test_the_election_file_says_what_an_outage_is() -> None:
    """From the day on which it says so; one category may be a violation and an outage, and alerts as both."""
    label = {"id": "Sabotase", "en": "Sabotage"}
    amended = a_calendar(
        amendments=[
            {
                "effective": date(2024, 11, 25),
                "categories": {"sabotage": {"violation": True, "outage": True, "label": label}},
            }
        ]
    )
    before, within = utc("2024-11-24T15:59Z"), utc("2024-11-24T16:00Z")
    assert not changes_of(an_incident(before, before, category="sabotage"), calendar=amended)
    assert list(changes_of(an_incident(within, within, category="sabotage"), calendar=amended)) == [
        "quiet-period-violation:bawaslu:i1",
        "outage:bawaslu:i1",
    ]


@pytest.mark.parametrize(
    ("events", "state", "history"),
    [
        ([DARK], "firing", ["raised"]),
        ([DARK, said(IncidentStatus.VERIFIED, 1)], "firing", ["raised"]),
        ([DARK, said(IncidentStatus.FORWARDED, 1)], "firing", ["raised"]),
        ([DARK, said(IncidentStatus.RESOLVED, 1)], "resolved", ["raised", "resolved"]),
        ([DARK, said(IncidentStatus.DISMISSED, 1)], "dismissed", ["raised", "resolved"]),
        ([said(IncidentStatus.RESOLVED, 1), DARK], "resolved", ["raised", "resolved"]),
        (
            [DARK, said(IncidentStatus.RESOLVED, 1), said(IncidentStatus.VERIFIED, 2)],
            "firing",
            ["raised", "resolved", "raised_again"],
        ),
    ],
)
def test_how_it_ends(events: list[Envelope], state: str, history: list[str]) -> None:
    """By a word that says so; the resolution is the word."""
    alert = after(*events)
    assert (alert["resolution"] or alert["state"]) == state
    assert [h["what"] for h in alert["history"]] == history


def test_what_is_told() -> None:
    """In words, of each change; it is a warning."""
    alert = after(DARK, said(IncidentStatus.RESOLVED, 1), said(IncidentStatus.VERIFIED, 2))
    told = [notices.of_alert(alert, change, CALENDAR).payload["data"]["text"]["en"] for change in alert["to_notice"]]
    category = "Power and internet, since 19-11-2024 09:00 WITA"
    assert told == [
        f"OUTAGE in Kalimantan Timur: {category}, reported 19-11-2024 10:00 WITA by bawaslu. Kabel laut putus.",
        f"The outage in Kalimantan Timur is dealt with, says province-desk (19-11-2024 11:00 WITA): {category}. "
        "Note: PLN.",
        f"OUTAGE in Kalimantan Timur stands again: {category}, reported by bawaslu; now verified, says province-desk "
        "(19-11-2024 12:00 WITA). Note: PLN.",
    ]
    assert rules.severity_of(alert) is Severity.WARNING


def test_any_order_of_reading() -> None:
    """The last word counts, whenever the incident is read."""
    words = [said(status, n) for n, status in enumerate(IncidentStatus, 1)]
    for read in itertools.permutations([DARK, *words]):
        assert after(*read)["resolution"] == "resolved"  # the last of them
