"""Documents that are written with every event: whatever is sent, and however long it goes on, each stays small. The
table of `docs/performance.md` names what grows, and by which bound."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, timedelta
from random import Random
from typing import Any

import bson
import pytest

from services.aggregator.changes import changes_of
from services.aggregator.state import attendance
from shared.election.calendar import Calendar
from shared.events.envelope import Envelope
from shared.events.incident_status import IncidentStatus
from shared.events.verdict import Verdict
from shared.exactly_once.cursors import Document, empty, fold
from shared.exactly_once.sightings import Sighting
from shared.records import Position, Record
from tests.builders import MONDAY, a_calendar, a_report, a_status, a_stock, a_withdrawal, an_incident, utc
from tests.service.aggregator.november import a_verdict

AT = utc("2024-11-18 00:00")
WEEK = timedelta(days=7)
MANY = 1_000
PARTITIONS = 24  # after a doubling: keys have moved, and old cursors stay
_LONG = "x" * 64  # the longest id


def long_id(kind: str, n: int) -> str:
    return f"{kind}{n:05}{_LONG}"[:64]


def reports() -> Iterator[Envelope]:
    """Of one village, each for a period of its own, with withdrawals that are read first and some for nothing."""
    for n in range(MANY):
        about: dict[str, Any] = {"region": "64.72.01.1001", "period": MONDAY + n * WEEK}
        at = AT + timedelta(minutes=n)
        if n % 2:
            yield a_withdrawal(at, long_id("r", n), event_id=long_id("w", n), **about)
        if n % 4:
            yield a_report(at, event_id=long_id("r", n), summary="x" * 4000, **about)


def withdrawals() -> Iterator[Envelope]:
    """Of one report, over and over, for another region now and then."""
    yield a_report(AT)
    for n in range(MANY):
        region = "64.72" if n % 2 else "64.71"
        yield a_withdrawal(AT + timedelta(minutes=n), event_id=long_id("w", n), region=region, reason="x" * 500)


def statuses() -> Iterator[Envelope]:
    yield an_incident(AT)
    for n in range(MANY):
        status = (IncidentStatus.VERIFIED, IncidentStatus.DISMISSED)[n % 2]
        yield a_status(AT + timedelta(minutes=n), status, event_id=long_id("s", n), note="x" * 500)


def incidents() -> Iterator[Envelope]:
    """In every category, in villages below one regency."""
    categories = list(a_calendar().election.categories)
    for n in range(MANY):
        category, region = categories[n % len(categories)], f"64.72.{n % 90 + 1:02}"
        yield an_incident(AT, event_id=long_id("i", n), region=region, category=category)


def statements() -> Iterator[Envelope]:
    for n in range(MANY):
        yield a_stock(AT + timedelta(minutes=n), event_id=long_id("l", n))


def verdicts() -> Iterator[Envelope]:
    """One region's on one period, corrected without end."""
    for n in range(1, MANY + 1):
        yield a_verdict("64.72", (Verdict.MISSING, Verdict.LATE)[n % 2], revision=n)


GROWING: list[tuple[Callable[[], Iterator[Envelope]], dict[str, int]]] = [
    (reports, {"regions": 8_000, "reports": 6_000}),
    (withdrawals, {"regions": 8_000, "reports": 60_000}),
    (statuses, {"regions": 8_000, "incidents": 200_000}),
    (incidents, {"regions": 8_000, "incidents": 2_000}),
    (statements, {"regions": 8_000, "logistics": 2_000}),
    (verdicts, {"attendance": 80_000}),
]


def largest(calendar: Calendar, events: Iterator[Envelope]) -> dict[str, int]:
    """The largest document of each collection, in bytes of BSON, after events out of ever other partitions."""
    documents: dict[tuple[str, str], Document] = {}
    changes = changes_of(calendar)
    for n, event in enumerate(events):
        where = Position(("desk.reports", "desk.incidents", "desk.logistics")[n % 3], n % PARTITIONS, n)
        for change in changes(Sighting(where, event, Record(where, None, b""))):
            key = change.collection, change.document_id
            documents[key] = fold(documents.get(key) or empty(change.document_id), [change])
    sizes: dict[str, int] = {}
    for (collection, _), document in documents.items():
        sizes[collection] = max(sizes.get(collection, 0), len(bson.encode(document)))
    return sizes


@pytest.mark.parametrize(("events", "most"), GROWING, ids=[row[0].__name__ for row in GROWING])
def test_no_document_grows_beyond_its_bound(events: Callable[[], Iterator[Envelope]], most: dict[str, int]) -> None:
    """A thousand events of one kind about the same thing, in the longest words that pass."""
    sizes = largest(a_calendar(), events())
    assert sizes.keys() == most.keys()
    assert all(sizes[name] <= most[name] for name in most), sizes


def test_the_first_and_the_latest_verdicts_stay_in_whatever_order_they_come() -> None:
    """Of too many those in the middle are left out; the same ones, however they are read."""
    found = [a_verdict("64.72", Verdict.MISSING, revision=n) for n in range(1, attendance.MOST_VERDICTS + 50)]
    kept = None
    for seed in range(5):
        Random(seed).shuffle(found)
        document: Document = empty(attendance.attendance_id(date(2024, 11, 18), "64.72"))
        for verdict in found:
            document = attendance.after_verdict(document, verdict)
        kept = kept or document
        assert document == kept
    assert kept is not None
    revisions = [v["revision"] for v in kept["verdicts"]]
    assert revisions == [1, *range(51, attendance.MOST_VERDICTS + 50)]
