"""Repeats and order, through the journal's rule: whatever stands twice in the log, wherever, and however its
partitions are read, the documents are those of each identity's first sighting; of ties what the events say decides.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise, permutations
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.election.calendar import Calendar
from shared.election.loaded import load_calendar
from shared.events.envelope import Envelope
from shared.events.incident_status import IncidentStatus
from shared.events.report import Condition
from shared.exactly_once.sightings import Sighting, standing_of
from shared.records import Position
from shared.settings import Settings
from tests.builders import a_report, a_status, a_stock, a_withdrawal, an_incident, utc
from tests.unit.test_aggregator_folding import World, content, event_lists, folded, one_by_one, sightings_of

AT = utc("2024-11-18 08:00")


@pytest.fixture(scope="module")
def calendar() -> Calendar:
    return load_calendar(Settings().election, None, None)


def to_be_folded(read: Iterable[Sighting]) -> list[Sighting]:
    """What the journal lets through, sighting after sighting (`Journal.register` is this, over a database)."""
    entries: dict[str, Sighting] = {}
    let_through = []
    for seen in read:
        first = entries.setdefault(seen.event.identity, seen)
        if standing_of(first.position, first.event.contenthash, seen, first is seen).is_to_be_folded:
            let_through.append(seen)
    return let_through


def interleaved(sightings: Sequence[Sighting], data: Any) -> list[Sighting]:
    """An order in which consumers may read: each partition in its own order, in any mixture."""
    queues: dict[str, list[Sighting]] = defaultdict(list)
    for sighting in sightings:
        queues[sighting.position.log].append(sighting)
    return [queues[log].pop(0) for log in data.draw(st.permutations([s.position.log for s in sightings]))]


def batched(sightings: Sequence[Sighting], data: Any) -> list[list[Sighting]]:
    """The same, cut into batches."""
    cuts = sorted(data.draw(st.sets(st.integers(0, len(sightings)))) | {0, len(sightings)})
    return [list(sightings[begin:end]) for begin, end in pairwise(cuts)]


@given(events=event_lists(), data=st.data())
@settings(deadline=None)
def test_repeats_inside_and_across_partitions_do_not_show(
    calendar: Calendar, events: list[Envelope], data: Any
) -> None:
    """Any events sent again, any number of times, into their own or any other partition, read in any mixture and any
    batches, and some of it read twice: the documents of a log without repeats."""
    log = sightings_of(events)
    expected = content(folded(calendar, one_by_one(log)))
    for number in data.draw(st.lists(st.integers(0, len(log) - 1), max_size=8)) if log else ():
        again, partition = log[number], data.draw(st.integers(0, 3))
        end = sum(s.position.topic == again.position.topic and s.position.partition == partition for s in log)
        log.append(Sighting(Position(again.position.topic, partition, end), again.event, again.record))
    read = interleaved(log, data)
    reread = data.draw(st.integers(0, len(read)))
    assert content(folded(calendar, batched(to_be_folded([*read, *read[reread:]]), data))) == expected


@given(events=event_lists(), data=st.data())
@settings(deadline=None)
def test_other_content_under_a_known_identity_leaves_no_trace(
    calendar: Calendar, events: list[Envelope], data: Any
) -> None:
    """What follows under the same identity with other content, in the same partition, changes no document."""
    log = sightings_of(events)
    expected = content(folded(calendar, one_by_one(log)))
    for number in data.draw(st.lists(st.integers(0, len(log) - 1), max_size=4)) if log else ():
        first = log[number]
        other = first.event.model_copy(update={"contenthash": "f" * 64, "receivedat": AT})
        end = sum(s.position.log == first.position.log for s in log)
        position = Position(first.position.topic, first.position.partition, end)
        log.append(Sighting(position, other, first.record))
    assert content(folded(calendar, batched(to_be_folded(interleaved(log, data)), data))) == expected


def _agency(event: Envelope, agency: str) -> Envelope:
    return event.model_copy(update={"source": f"/agencies/{agency}"})


# Three events of one instant that rival for the same thing, and which of them holds, by (agency, id).
TIES: dict[str, tuple[list[Envelope], Any, Any]] = {
    "the report in force": (
        [
            _agency(a_report(AT, event_id="a", condition=Condition.NORMAL), "kpu"),
            _agency(a_report(AT, event_id="c", condition=Condition.CRITICAL), "bawaslu"),
            _agency(a_report(AT, event_id="b", condition=Condition.ATTENTION), "kpu"),
        ],
        lambda world: world["regions", "64.72"]["own"]["recent_reports"][0]["condition"],
        "attention",
    ),
    "an incident's status": (
        [
            an_incident(AT),
            _agency(a_status(AT, IncidentStatus.VERIFIED, event_id="z"), "bawaslu"),
            _agency(a_status(AT, IncidentStatus.RESOLVED, event_id="a"), "kpu"),
            _agency(a_status(AT, IncidentStatus.DISMISSED, event_id="b"), "kpu"),
        ],
        lambda world: world["incidents", "/agencies/bawaslu/i1"]["status"],
        "dismissed",
    ),
    "the stock of an item": (
        [
            _agency(a_stock(AT, 1, received=AT, event_id="z"), "bawaslu"),
            _agency(a_stock(AT, 2, received=AT, event_id="a"), "kpu"),
            _agency(a_stock(AT, 3, received=AT, event_id="b"), "kpu"),
        ],
        lambda world: world["logistics", "64.72/ballot_boxes"]["received"],
        3,
    ),
    "the withdrawal that holds": (
        [
            a_report(AT),
            a_withdrawal(AT, event_id="w3", reason="third"),
            a_withdrawal(AT, event_id="w1", reason="first"),
            a_withdrawal(AT, event_id="w2", reason="second"),
        ],
        lambda world: world["reports", "/agencies/samarinda-desk/r1"]["withdrawn"]["reason"],
        "first",
    ),
}


@pytest.mark.parametrize("tie", TIES.values(), ids=TIES)
def test_of_one_instant_agency_and_id_decide(calendar: Calendar, tie: tuple[list[Envelope], Any, Any]) -> None:
    """In every order of reading, alone or in one batch, the same one holds, and every document is the same."""
    events, held, expected = tie
    worlds: list[World] = []
    for order in permutations(events):
        sightings = sightings_of(order)
        worlds += [folded(calendar, one_by_one(sightings)), folded(calendar, [sightings])]
    assert {held(world) for world in worlds} == {expected}
    assert all(content(world) == content(worlds[0]) for world in worlds)
