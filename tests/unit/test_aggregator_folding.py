"""The aggregator's folding: duplicates change nothing, order is irrelevant, totals are what a recount says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import bson
import pytest
from bson.codec_options import CodecOptions
from hypothesis import given, settings
from hypothesis import strategies as st

from services.aggregator.changes import COLLECTIONS, changes_of
from services.aggregator.state import region_state
from shared.election.calendar import Calendar
from shared.election.loaded import load_calendar
from shared.events.alert import AlertData, AlertEvent, AlertState
from shared.events.envelope import Envelope
from shared.events.incident import IncidentData, IncidentEvent, Severity
from shared.events.incident_status import IncidentStatus, IncidentStatusData, IncidentStatusEvent
from shared.events.logistics import LogisticsData, LogisticsEvent
from shared.events.report import Condition, ReportData, ReportEvent
from shared.events.verdict import Verdict, VerdictData, VerdictEvent
from shared.events.withdrawal import WithdrawalData, WithdrawalEvent
from shared.exactly_once.cursors import Document, empty, fold, is_past
from shared.exactly_once.sightings import Sighting
from shared.records import Position, Record
from shared.settings import Settings

# A province, two regencies, a district and a village of one of them.
REGIONS = ("64", "64.01", "64.72", "64.72.01", "64.72.01.1001")
MONDAYS = (date(2024, 11, 18), date(2024, 11, 25))
# Around the quiet period's first instant, and twice within one millisecond, which MongoDB cannot tell apart.
QUIET_FROM = datetime(2024, 11, 23, 16, tzinfo=UTC)
INSTANTS = tuple(QUIET_FROM + timedelta(microseconds=us) for us in (-86_400_000_000, -1, 0, 100, 200, 5_000))
CATEGORIES = ("campaigning", "security", "with.dots")
AGENCIES = ("kpu", "bawaslu")
TOPICS = {
    ReportEvent: "desk.reports",
    WithdrawalEvent: "desk.reports",
    IncidentEvent: "desk.incidents",
    IncidentStatusEvent: "desk.incidents",
    LogisticsEvent: "desk.logistics",
}

World = dict[tuple[str, str], Document]


@pytest.fixture(scope="module")
def calendar() -> Calendar:
    return load_calendar(Settings().election, None, None)


def _envelope(number: int, draw: Any) -> dict[str, Any]:
    at = draw(st.sampled_from(INSTANTS))
    return {
        "id": f"e{number}",
        "source": f"/agencies/{draw(st.sampled_from(AGENCIES))}",
        "subject": draw(st.sampled_from(REGIONS)),
        "time": at,
        "receivedat": at,
        "contenthash": "0" * 64,
    }


def _report(number: int, draw: Any) -> ReportEvent:
    condition = draw(st.sampled_from(list(Condition)))
    data = ReportData(period=draw(st.sampled_from(MONDAYS)), condition=condition, summary=f"summary {number}")
    return ReportEvent(**_envelope(number, draw), data=data)


def _incident(number: int, draw: Any) -> IncidentEvent:
    data = IncidentData(
        category=draw(st.sampled_from(CATEGORIES)),
        occurred_at=draw(st.sampled_from(INSTANTS)),
        description="seen",
        severity=draw(st.sampled_from(list(Severity))),
    )
    return IncidentEvent(**_envelope(number, draw), data=data)


def _withdrawal(number: int, draw: Any) -> WithdrawalEvent:
    report = f"e{draw(st.integers(0, number + 2))}"  # some come before their report, some mean none
    data = WithdrawalData(report=report, period=draw(st.sampled_from(MONDAYS)), reason="by mistake")
    return WithdrawalEvent(**_envelope(number, draw), data=data)


def _status(number: int, draw: Any) -> IncidentStatusEvent:
    data = IncidentStatusData(
        incident_agency=draw(st.sampled_from(AGENCIES)),
        incident_id=f"e{draw(st.integers(0, number + 2))}",
        status=draw(st.sampled_from(list(IncidentStatus))),
        forwarded_to=draw(st.sampled_from([None, "KPU"])),
    )
    return IncidentStatusEvent(**_envelope(number, draw), data=data)


def _stock(number: int, draw: Any) -> LogisticsEvent:
    data = LogisticsData(
        item=draw(st.sampled_from(["ink", "seals"])),
        required=10,
        received=draw(st.integers(0, 10)),
        as_of=draw(st.sampled_from(INSTANTS)),
    )
    return LogisticsEvent(**_envelope(number, draw), data=data)


def _verdict(number: int, draw: Any) -> VerdictEvent:
    data = VerdictData(
        election="kaltim-2024",
        period=draw(st.sampled_from(MONDAYS)),
        verdict=draw(st.sampled_from(list(Verdict))),
        revision=draw(st.integers(1, 3)),
        reason="because",
        judged_at=draw(st.sampled_from(INSTANTS)),
        due_at=INSTANTS[0],
    )
    return VerdictEvent(**{**_envelope(number, draw), "source": "/notifier"}, data=data)


def _alert(number: int, draw: Any) -> AlertEvent:
    data = AlertData(
        alert=f"missing-report:2024-11-18:{draw(st.sampled_from(REGIONS))}",
        rule="missing-report",
        revision=draw(st.integers(1, 3)),
        period=MONDAYS[0],
        state=draw(st.sampled_from(list(AlertState))),
        raised_at=INSTANTS[0],
        details={"number": number},
    )
    return AlertEvent(**{**_envelope(number, draw), "source": "/notifier"}, data=data)


@st.composite
def event_lists(draw: Any) -> list[Envelope]:
    kinds = [_report, _report, _withdrawal, _incident, _incident, _status, _stock, _verdict, _alert]
    makers = draw(st.lists(st.sampled_from(kinds), max_size=14))
    return [make(number, draw) for number, make in enumerate(makers)]


def sightings_of(events: Sequence[Envelope], partitions: int = 3) -> list[Sighting]:
    """The events in this order in the log, one regency's in one partition."""
    ends: Counter[tuple[str, int]] = Counter()
    found = []
    for event in events:
        topic = TOPICS.get(type(event), "desk.alerts")
        partition = sum(map(ord, event.subject[:5])) % partitions
        position = Position(topic, partition, ends[topic, partition])
        ends[topic, partition] += 1
        found.append(Sighting(position, event, Record(position, None, b"")))
    return found


def _as_read_back(document: Document) -> Document:
    """The document after a trip through MongoDB."""
    return bson.decode(bson.encode(document), CodecOptions(tz_aware=True))


def folded(calendar: Calendar, batches: Sequence[Sequence[Sighting]], world: World | None = None) -> World:
    """The documents after these batches, each document written once a batch."""
    world, changes = dict(world or {}), changes_of(calendar)
    for batch in batches:
        grouped: dict[tuple[str, str], list[Any]] = {}
        for change in [c for sighting in batch for c in changes(sighting)]:
            grouped.setdefault((change.collection, change.document_id), []).append(change)
        for key, wanted in grouped.items():
            world[key] = _as_read_back(fold(world.get(key, empty(key[1])), wanted))
    return world


def content(world: World) -> World:
    """The documents without what tells the order of folding."""
    return {key: {f: v for f, v in d.items() if f not in ("rev", "cursors")} for key, d in world.items()}


def one_by_one(sightings: Sequence[Sighting]) -> list[list[Sighting]]:
    return [[sighting] for sighting in sightings]


@given(events=event_lists(), data=st.data())
@settings(deadline=None)
def test_folding_a_record_again_changes_nothing(calendar: Calendar, events: list[Envelope], data: Any) -> None:
    """Any stretch of the log folded a second time leaves every document as it is, its revision too."""
    sightings = sightings_of(events)
    world = folded(calendar, one_by_one(sightings))
    begin = data.draw(st.integers(0, len(sightings)))
    assert folded(calendar, [sightings[begin:]], world) == world


@given(events=event_lists())
@settings(deadline=None)
def test_borders_of_batches_do_not_show(calendar: Calendar, events: list[Envelope]) -> None:
    """One batch gives what single records give, though the latter are read back from MongoDB in between."""
    sightings = sightings_of(events)
    assert content(folded(calendar, [sightings])) == content(folded(calendar, one_by_one(sightings)))


@given(events=event_lists(), data=st.data())
@settings(deadline=None)
def test_order_is_irrelevant(calendar: Calendar, events: list[Envelope], data: Any) -> None:
    """Any permutation of independent events gives the same documents but for revision and cursors."""
    shuffled = data.draw(st.permutations(events))
    left = folded(calendar, one_by_one(sightings_of(events)))
    right = folded(calendar, one_by_one(sightings_of(shuffled)))
    assert content(left) == content(right)


@given(events=event_lists(), data=st.data())
@settings(deadline=None)
def test_order_across_partitions_does_not_show_at_all(calendar: Calendar, events: list[Envelope], data: Any) -> None:
    """However the partitions interleave, the cursors too end the same."""
    sightings = sightings_of(events)
    order = data.draw(st.permutations([s.position.log for s in sightings]))
    queues = {log: [s for s in sightings if s.position.log == log] for log in order}
    interleaved = [queues[log].pop(0) for log in order]
    assert folded(calendar, one_by_one(interleaved)) == folded(calendar, one_by_one(sightings))


@given(events=event_lists())
@settings(deadline=None)
def test_totals_are_what_a_recount_says(calendar: Calendar, events: list[Envelope]) -> None:
    """The roll-up of every region counts each report, incident and violation at or below it, once."""
    world = folded(calendar, one_by_one(sightings_of(events)))
    documents = [d for (collection, _), d in world.items() if collection == region_state.COLLECTION]
    totals = region_state.roll_ups(REGIONS, documents)
    for region in REGIONS:
        below = [e for e in events if e.subject == region or e.subject.startswith(region + ".")]
        reports = [e for e in below if isinstance(e, ReportEvent)]
        withdrawals = [e for e in below if isinstance(e, WithdrawalEvent)]
        incidents = [e for e in below if isinstance(e, IncidentEvent)]
        violations = [e for e in incidents if e.data.category == "campaigning"]
        in_quiet_period = [e for e in violations if max(e.receivedat, e.data.occurred_at) >= QUIET_FROM]
        assert totals[region] == {
            "reports": {"count": len(reports), "by_condition": Counter(e.data.condition.value for e in reports)},
            "withdrawals": len(withdrawals),
            "incidents": {
                "count": len(incidents),
                "by_category": Counter(e.data.category for e in incidents),
                "by_severity": Counter(e.data.severity.value for e in incidents),
            },
            "violations": len(violations),
            "quiet_period_violations": len(in_quiet_period),
        }


@given(events=event_lists())
@settings(deadline=None)
def test_an_event_changes_two_region_documents_at_most(calendar: Calendar, events: list[Envelope]) -> None:
    """Its own region's and its regency's, each by one change: a cursor admits one change a record."""
    for sighting in sightings_of(events):
        changes = changes_of(calendar)(sighting)
        keys = [(c.collection, c.document_id) for c in changes]
        assert len(set(keys)) == len(keys)
        assert sum(collection == region_state.COLLECTION for collection, _ in keys) <= 2


@given(events=event_lists())
@settings(deadline=None)
def test_an_event_an_agency_sent_moves_its_region_s_cursor_and_does_so_last(
    calendar: Calendar, events: list[Envelope]
) -> None:
    """The cursor in its region's document says that it is counted, so that document is written after all others."""
    assert COLLECTIONS[-1] == region_state.COLLECTION
    for sighting in sightings_of(events):
        if sighting.event.source != "/notifier":
            world = folded(calendar, [[sighting]])
            assert is_past(world[region_state.COLLECTION, sighting.event.subject], sighting.position)


def test_a_tally_does_not_tell_in_which_order_it_was_added() -> None:
    """Its fields stand in one order, in the answers too."""
    one, other = {"by_category": {"ink": 1}}, {"by_category": {"apk": 2}}
    for sum_ in (region_state.add(one, other), region_state.add(other, one)):
        assert list(sum_["by_category"].items()) == [("apk", 2), ("ink", 1)]
