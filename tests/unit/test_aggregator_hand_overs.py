"""By when an incident is to be handed over: the election file's times, as they stood when it was received."""

from __future__ import annotations

from datetime import date, timedelta
from functools import partial
from typing import Any

import pytest

from services.aggregator import views
from services.aggregator.changes import changes_of
from services.aggregator.state import hand_overs
from shared.election.calendar import Calendar
from shared.election.categories import Category
from shared.events.envelope import Envelope
from shared.events.incident_status import IncidentStatus
from shared.exactly_once.cursors import Document, empty
from shared.exactly_once.sightings import Sighting
from shared.records import Position, Record
from tests.builders import a_calendar, a_status, an_incident, utc

AT = utc("2024-11-20 03:00")
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
MICROSECOND = timedelta(microseconds=1)


def a_category(**fields: Any) -> dict[str, Any]:
    return {"violation": True, "label": {"id": "Lain", "en": "Other"}, **fields}


def folded(calendar: Calendar, *events: Envelope) -> Document:
    """The incident's document, as the aggregator folds it."""
    document: Document | None = None
    for offset, event in enumerate(events):
        position = Position("desk.incidents", 0, offset)
        change = changes_of(calendar)(Sighting(position, event, Record(position, None, b"")))[0]
        document = change.apply(document or empty(change.document_id))
    assert document is not None
    return document


@pytest.mark.parametrize(
    ("category", "within"),
    [
        ("money_politics", DAY),  # criminal: the police within 24 hours
        ("neutrality", 7 * DAY),  # a violation without a time of its own: 7 days
        ("campaign_props", 7 * DAY),
        ("security", None),  # no violation, and nobody is named
        ("unheard_of", None),
    ],
)
def test_the_standard_times_are_counted_from_receipt(category: str, within: timedelta | None) -> None:
    """24 hours for what is criminal, 7 days for the other violations; not from when it occurred."""
    document = folded(a_calendar(), an_incident(AT - 9 * DAY, AT, category=category))
    assert document[hand_overs.DUE_AT] == (AT + within if within else None)


def test_what_is_no_violation_has_its_own_time_alone() -> None:
    """And a category may name nobody."""
    calendar = a_calendar(
        violation_report_within="3d",
        categories={
            "power_internet": a_category(
                violation=False, hand_over={"to": {"id": "PLN", "en": "PLN"}, "within": "2h"}
            ),
            "security": a_category(violation=False, hand_over={"to": {"id": "Polri", "en": "Police"}}),
            "intimidation": a_category(),
        },
    )
    due = partial(hand_overs.due_at, calendar, "64.72", received_at=AT)
    assert [due(c) for c in ("power_internet", "security", "intimidation", "neutrality")] == [
        AT + 2 * HOUR,
        None,
        None,
        AT + 3 * DAY,
    ]


def test_the_first_version_s_form_still_says_to_whom() -> None:
    """`hand_over: {id, en}`, without a time."""
    old = Category.model_validate(a_category(hand_over={"id": "KPU", "en": "KPU"}))
    assert old.hand_over is not None
    assert (old.hand_over.to.id, old.hand_over.within) == ("KPU", None)
    assert old == Category.model_validate(a_category(hand_over={"to": {"id": "KPU", "en": "KPU"}}))


def test_an_amendment_changes_nothing_of_what_was_received_before_it() -> None:
    """To the microsecond of the local midnight on which it takes effect: time, addressee and legal basis."""
    calendar = a_calendar(
        amendments=[
            {
                "effective": date(2024, 11, 24),
                "violation_report_within": "1d",
                "categories": {
                    "money_politics": a_category(
                        hand_over={"to": {"id": "Gakkumdu", "en": "Gakkumdu"}, "within": "6h"},
                        legal_basis={"id": "Baru", "en": "New"},
                    )
                },
            }
        ]
    )
    midnight = utc("2024-11-23 16:00")  # of the 24th in Samarinda
    shown = {}
    for received in (midnight - MICROSECOND, midnight):
        money = folded(calendar, an_incident(AT, received))
        neutrality = folded(calendar, an_incident(AT, received, category="neutrality"))
        view = views.incident(calendar, money, received)
        told = (view["hand_over"]["to"]["en"], view["legal_basis"]["id"])
        whole = money["received_at"]
        shown[received] = (money["hand_over_due_at"] - whole, neutrality["hand_over_due_at"] - whole, *told)
    assert list(shown.values()) == [
        (DAY, 7 * DAY, "Bawaslu; criminal cases to the police", "UU 10/2016 pasal 73 dan 187A"),
        (6 * HOUR, DAY, "Gakkumdu", "Baru"),
    ]


@pytest.mark.parametrize(
    ("status", "after", "is_overdue"),
    [
        (None, DAY, False),  # at the very instant it is still in time
        (None, DAY + MICROSECOND, True),
        (IncidentStatus.VERIFIED, 2 * DAY, True),
        (IncidentStatus.FORWARDED, 2 * DAY, False),
        (IncidentStatus.DISMISSED, 2 * DAY, False),
        (IncidentStatus.RESOLVED, 2 * DAY, False),
    ],
)
def test_overdue_until_somebody_has_done_something(
    status: IncidentStatus | None, after: timedelta, is_overdue: bool
) -> None:
    """Verifying is no handing over; forwarding, dismissing and resolving are the end of it, be they late."""
    statuses = [a_status(AT + HOUR, status)] if status else []
    document = folded(a_calendar(), an_incident(AT, AT), *statuses)
    hand_over = views.incident(a_calendar(), document, AT + after)["hand_over"]
    assert (hand_over["due_at"], hand_over["is_overdue"]) == (AT + DAY, is_overdue)


def test_of_an_incident_that_has_not_come_nothing_is_known() -> None:
    """A status alone has no label, no law, no hand-over; once the incident comes it has all of them."""
    stub = folded(a_calendar(), a_status(AT))
    shown = views.incident(a_calendar(), stub, AT + 9 * DAY)
    assert (shown["label"], shown["legal_basis"], shown["hand_over"]) == (None, None, None)
    known = views.incident(a_calendar(), folded(a_calendar(), a_status(AT), an_incident(AT, AT)), AT + 9 * DAY)
    assert known["label"] == {"id": "Politik uang", "en": "Money politics"}
    assert known["hand_over"]["is_overdue"]
