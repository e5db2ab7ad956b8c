"""An incident's life: whatever order its statuses come in, and before it or after it, the same is in force."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.aggregator import views
from services.aggregator.state import incidents
from shared.election import quiet_period
from shared.election.calendar import Calendar
from shared.events.incident import IncidentEvent
from shared.events.incident_status import IncidentStatus, IncidentStatusEvent
from shared.exactly_once.cursors import Document, empty
from tests.builders import a_calendar, a_status, an_incident, utc

CALENDAR: Calendar = a_calendar()
AT = utc("2024-11-25 01:00")
NOW = utc("2024-11-25 05:00")
HOUR = timedelta(hours=1)

Event = IncidentEvent | IncidentStatusEvent

INCIDENT = an_incident(AT - HOUR, AT)
VERIFIED = a_status(AT + HOUR, IncidentStatus.VERIFIED, event_id="s1", note="Dua saksi.")
FORWARDED = a_status(AT + 2 * HOUR, IncidentStatus.FORWARDED, event_id="s2", forwarded_to="Polres Samarinda")
RESOLVED = a_status(AT + 3 * HOUR, IncidentStatus.RESOLVED, event_id="s3")
ELSEWHERE = a_status(AT + 9 * HOUR, IncidentStatus.DISMISSED, event_id="s9", region="64.71")


def after(*events: Event) -> Document:
    """The incident's document after these events."""
    document = empty(INCIDENT.identity)
    for event in events:
        if isinstance(event, IncidentEvent):
            document = incidents.after_incident(document, event, quiet_period.flags(CALENDAR, event))
        else:
            document = incidents.after_status(document, event)
    return document


@pytest.mark.parametrize("order", list(permutations([INCIDENT, VERIFIED, FORWARDED, ELSEWHERE])))
def test_any_order_tells_the_same_life(order: Sequence[Event]) -> None:
    """The latest status for its own region is in force, and the history says who did what where and when."""
    shown = views.incident(CALENDAR, after(*order), NOW)
    assert (shown["status"], shown["forwarded_to"]) == ("forwarded", "Polres Samarinda")
    assert (shown["category"], shown["region"], shown["received_at"]) == ("money_politics", "64.72", AT)
    assert shown["is_quiet_period_violation"]
    assert [(e["status"], e["by"], e["id"], e["is_orphan"]) for e in shown["history"]] == [
        ("reported", "bawaslu", "i1", False),
        ("verified", "province-desk", "s1", False),
        ("forwarded", "province-desk", "s2", False),
        ("dismissed", "province-desk", "s9", True),
    ]
    assert shown["history"][1]["note"] == "Dua saksi."
    assert shown["history"][3]["region"] == "64.71"


@pytest.mark.parametrize(
    ("events", "status", "forwarded_to"),
    [
        ([INCIDENT], "reported", None),
        ([INCIDENT, ELSEWHERE], "reported", None),
        ([INCIDENT, VERIFIED], "verified", None),
        ([INCIDENT, FORWARDED, VERIFIED], "forwarded", "Polres Samarinda"),
        ([INCIDENT, RESOLVED, FORWARDED], "resolved", "Polres Samarinda"),
        ([FORWARDED], "orphan", None),
        ([FORWARDED, ELSEWHERE], "orphan", None),
    ],
)
def test_status_in_force(events: list[Event], status: str, forwarded_to: str | None) -> None:
    """The latest one counts, to whom it was handed over stays known, and nothing is in force of an orphan."""
    document = after(*events)
    assert (document["status"], document["forwarded_to"]) == (status, forwarded_to)


@pytest.mark.parametrize("order", [(RESOLVED, ELSEWHERE), (ELSEWHERE, RESOLVED)])
def test_stub_stands_where_and_when_it_was_first_spoken_of(order: Sequence[Event]) -> None:
    """So that lists, filters and cursors find it; whatever the incident itself would say is null."""
    shown = views.incident(CALENDAR, after(*order), NOW)
    assert (shown["agency"], shown["id"]) == ("bawaslu", "i1")
    assert (shown["region"], shown["regency"], shown["received_at"]) == ("64.72", "64.72", AT + 3 * HOUR)
    assert (shown["category"], shown["is_violation"], shown["is_in_quiet_period"]) == (None, None, None)
    assert [(e["status"], e["is_orphan"]) for e in shown["history"]] == [("resolved", True), ("dismissed", True)]


def test_status_of_the_same_instant_stands_after_the_report() -> None:
    """A history begins with what was reported."""
    at_once = a_status(AT, IncidentStatus.VERIFIED, event_id="a")
    assert [e["status"] for e in views.incident(CALENDAR, after(at_once, INCIDENT), NOW)["history"]] == [
        "reported",
        "verified",
    ]


def test_history_is_bounded_and_orphans_go_first() -> None:
    """Those for its own region stay before those for others, the latest of them; the one in force is always there."""
    strays = [a_status(AT + n * HOUR, event_id=f"x{n}", region="64.71") for n in range(30)]
    own = [a_status(AT + n * HOUR, event_id=f"s{n}") for n in range(incidents.MOST_STATUSES - 10)]
    kept = after(*own, INCIDENT, *strays)["statuses"]
    assert len(kept) == incidents.MOST_STATUSES
    assert sorted(s["id"] for s in kept if s["region"] == "64.71") == sorted(f"x{n}" for n in range(20, 30))
    more = [a_status(AT + (500 + n) * HOUR, IncidentStatus.RESOLVED, event_id=f"z{n}") for n in range(20)]
    document = after(*own, INCIDENT, *strays, *more)
    assert {s["region"] for s in document["statuses"]} == {"64.72"}
    assert (len(document["statuses"]), document["status"]) == (incidents.MOST_STATUSES, "resolved")


@st.composite
def lives(draw: Any) -> list[Event]:
    """An incident, or none, and statuses of two regions, several within one millisecond."""
    instants = [AT + timedelta(microseconds=us) for us in (-5_000, 0, 100, 200, 5_000)]
    found: list[Event] = [INCIDENT] if draw(st.booleans()) else []
    for n in range(draw(st.integers(0, 8))):
        status = a_status(
            draw(st.sampled_from(instants)),
            draw(st.sampled_from(list(IncidentStatus))),
            region=draw(st.sampled_from(["64.72", "64.72", "64.71"])),
            event_id=f"s{n}",
            forwarded_to=draw(st.sampled_from([None, "DKPP", "BKN"])),
        )
        found.append(status)
    return found


@given(events=lives(), data=st.data())
def test_any_order_gives_the_same_document(events: list[Event], data: Any) -> None:
    """To the last field, with the incident before, between or after its statuses, or never."""
    assert after(*data.draw(st.permutations(events))) == after(*events)


@given(events=lives())
def test_the_status_in_force_is_what_a_search_finds(events: list[Event]) -> None:
    """The latest by receipt, agency and id of those for the incident's own region."""
    if not events:
        return
    said = [e for e in events if isinstance(e, IncidentStatusEvent) and e.subject == INCIDENT.subject]
    ranked = sorted(said, key=lambda e: (e.receivedat.replace(microsecond=e.receivedat.microsecond // 1000), e.id))
    known = INCIDENT in events
    expected = (ranked[-1].data.status.value if ranked else "reported") if known else "orphan"
    assert after(*events)["status"] == expected
