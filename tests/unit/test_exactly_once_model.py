"""An exhaustive check of the exactly-once algorithm: every interleaving of two consumers, two crashes at any step,
commits that go backwards, one identity at several positions within a partition and across two.

The consumers below make the same calls in the same order as `shared/exactly_once/steps.py`, each call one step that
others may come before or after, and decide with the real `standing_of` and `fold`. Any consumer may take any partition
at any time, from what is committed: that covers rebalances and zombies. Variants that leave one thing out must fail.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import pytest

from shared.exactly_once.cursors import Change, Document, empty, fold
from shared.exactly_once.sightings import Sighting, standing_of
from shared.records import Position, Record
from tests.builders import a_report, utc

TOPIC = "desk.reports"
NOON = utc("2024-11-18 04:00")
# Partition -> the ids of its records: `a` stands twice in the first one, `b` in both.
LOG = (("a", "b", "a"), ("b",))
IDS = {"a", "b"}

Journal = tuple[tuple[str, Position], ...]  # by id, the first sighting
Pairs = tuple[tuple[str, Any], ...]


@dataclass(frozen=True, slots=True)
class Stored:
    """What both databases and the broker keep: the journal, the region's document, the commits."""

    journal: Journal = ()
    rev: int = 0
    cursors: Pairs = ()
    counted: tuple[str, ...] = ()
    committed: tuple[int, ...] = (0, 0)


@dataclass(frozen=True, slots=True)
class Working:
    """A consumer in the middle of a batch: what is journaled of it, what is to be folded, the document it has read."""

    batch: tuple[Position, ...]
    journaled: int = 0
    to_fold: tuple[Position, ...] = ()
    read: Stored | None = None
    is_folded: bool = False


@dataclass(frozen=True, slots=True)
class Model:
    """`retries`: a known identity at its own position is folded. `compares`: writes compare `rev`. `has_cursors`: what
    is at or below a cursor is skipped."""

    retries: bool = True
    compares: bool = True
    has_cursors: bool = True


@cache
def sighting(position: Position) -> Sighting:
    event = a_report(NOON, event_id=LOG[position.partition][position.offset])
    return Sighting(position, event, Record(position, b"64.72", b""))


def batches(stored: Stored) -> Iterator[tuple[Position, ...]]:
    """What a consumer may take: one or two records of a partition, from its commit."""
    for number, ids in enumerate(LOG):
        begin = stored.committed[number]
        for end in range(begin + 1, min(begin + 2, len(ids)) + 1):
            yield tuple(Position(TOPIC, number, offset) for offset in range(begin, end))


def journaled(model: Model, stored: Stored, working: Working) -> tuple[Stored, Working]:
    """One insert into the journal, and what it says."""
    position = working.batch[working.journaled]
    seen, known = sighting(position), dict(stored.journal)
    first = known.setdefault(seen.event.id, position)
    is_new = len(known) > len(stored.journal)
    standing = standing_of(first, seen.event.contenthash, seen, is_new)
    folds = standing.is_to_be_folded and (is_new or model.retries)
    to_fold = (*working.to_fold, position) if folds else working.to_fold
    after = replace(stored, journal=tuple(sorted(known.items())))
    return after, replace(working, journaled=working.journaled + 1, to_fold=to_fold)


def written(model: Model, stored: Stored, working: Working) -> tuple[Stored, Working]:
    """The document folded and written, if nobody wrote in between; else it is to be read again."""
    read = working.read
    assert read is not None
    if model.compares and read.rev != stored.rev:
        return stored, replace(working, read=None)
    cursors: Mapping[str, int] = dict(read.cursors) if model.has_cursors else {}
    old: Document = {**empty("64.72"), "rev": read.rev, "cursors": cursors, "counted": read.counted}
    new = fold(old, [Change("regions", "64.72", p, partial(_count, p)) for p in working.to_fold])
    if new is old:
        return stored, replace(working, is_folded=True)
    after = replace(stored, rev=new["rev"], cursors=tuple(sorted(new["cursors"].items())), counted=new["counted"])
    return after, replace(working, is_folded=True)


def _count(position: Position, document: Document) -> Document:
    return {**document, "counted": tuple(sorted((*document["counted"], sighting(position).event.id)))}


def committed(stored: Stored, working: Working) -> Stored:
    """The batch's offset committed, also below a later one: a zombie's may come late."""
    last = working.batch[-1]
    commits = list(stored.committed)
    commits[last.partition] = last.offset + 1
    return replace(stored, committed=tuple(commits))


State = tuple[Stored, tuple[Working | None, Working | None], int]  # stored, the consumers, crashes left


def next_states(model: Model, state: State) -> Iterator[State]:
    stored, consumers, crashes = state
    for number, working in enumerate(consumers):
        for after, now in _steps(model, stored, working):
            yield after, _with(consumers, number, now), crashes
        if working is not None and crashes:
            yield stored, _with(consumers, number, None), crashes - 1


def _steps(model: Model, stored: Stored, working: Working | None) -> Iterator[tuple[Stored, Working | None]]:
    if working is None:
        for batch in batches(stored):
            yield stored, Working(batch)
    elif working.journaled < len(working.batch):
        yield journaled(model, stored, working)
    elif working.read is None:
        yield stored, replace(working, read=stored)
    elif not working.is_folded:
        yield written(model, stored, working)
    else:
        yield committed(stored, working), None


def _with(
    consumers: tuple[Working | None, Working | None], number: int, working: Working | None
) -> tuple[Working | None, Working | None]:
    changed: Sequence[Working | None] = [working if n == number else c for n, c in enumerate(consumers)]
    return changed[0], changed[1]


def explore(model: Model, crashes: int) -> tuple[int, str | None]:
    """How many states there are, and what is wrong in the first one that is."""
    start: State = (Stored(), (None, None), crashes)
    seen, waiting = {start}, [start]
    while waiting:
        state = waiting.pop()
        stored = state[0]
        if len(set(stored.counted)) < len(stored.counted):
            return len(seen), f"counted twice: {stored.counted}"
        following = list(next_states(model, state))
        if not following and set(stored.counted) != IDS:
            return len(seen), f"lost: {IDS - set(stored.counted)}"
        for one in following:
            if one not in seen:
                seen.add(one)
                waiting.append(one)
    return len(seen), None


def test_every_interleaving_counts_each_identity_once() -> None:
    """Whatever comes between, nothing is counted twice, and where all is committed nothing is lost."""
    states, wrong = explore(Model(), crashes=2)
    assert wrong is None
    assert states > 50_000


@pytest.mark.parametrize(
    ("model", "wrong"),
    [
        (Model(retries=False), "lost"),
        (Model(compares=False), "lost"),
        (Model(has_cursors=False), "counted twice"),
    ],
    ids=["duplicate key, so skip", "no compare-and-set", "no cursors"],
)
def test_leaving_one_thing_out_is_found(model: Model, wrong: str) -> None:
    """The check can fail: each part of the algorithm is needed."""
    _, found = explore(model, crashes=1)
    assert found is not None
    assert found.startswith(wrong)
