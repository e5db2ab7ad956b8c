"""Steps 1 to 3 and 5 in a row: one batch of records into a service's documents."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Sequence, Set
from dataclasses import dataclass
from typing import Any

from shared.errors import LONGEST
from shared.exactly_once.cursors import CannotFold, Change
from shared.exactly_once.dead_letters import DeadLetters
from shared.exactly_once.documents import Documents
from shared.exactly_once.guard import Guard
from shared.exactly_once.journal import Journal
from shared.exactly_once.lanes import in_lanes
from shared.exactly_once.sightings import BadRecord, Sighting, Standing, read_records
from shared.garbage import no_look_for_garbage
from shared.logs import get_logger
from shared.metrics import Metrics
from shared.records import Record
from shared.tracing.places import place_of

log = get_logger(__name__)

# While one waits for the database the other computes; a third one would add memory (20 MB), and no speed.
_MOST_LANES = 2

Changes = Callable[[Sighting], Sequence[Change]]
AfterFold = Callable[[Set[str]], None]  # hears the topics that something was read of


def nobody(_topics: Set[str]) -> None:
    """Who follows most batches."""


class Poisoned(Exception):
    """A run of nothing but bad records: stop and alarm, or a bad deploy would drain the whole topic. A person must
    decide (docs/runbooks/dead-letters.md)."""


@dataclass(frozen=True)
class Parts:
    """The live parts of a service's steps, made by its `app.py`."""

    journal: Journal
    documents: Documents
    dead_letters: DeadLetters
    guard: Guard
    changes: Changes  # pure: what one event does to which documents
    metrics: Metrics
    dead_letter_run: int


@dataclass(frozen=True, slots=True)
class Counted:
    """What became of a lane's records: how many, by topic and outcome, and the last new event of each partition."""

    outcomes: Counter[tuple[str, str]]
    news: dict[str, Sighting]


class BadRun:
    """How many bad records in a row were read, in the order of reading, over a batch's lanes."""

    def __init__(self, length: int, most: int) -> None:
        self.length, self._most = length, most

    def note(self, records: Sequence[Record], bad: Sequence[BadRecord]) -> None:
        """Raises Poisoned before the first of them is put aside."""
        reasons = {one.record.position: one.reason for one in bad}
        for record in records:
            self.length = self.length + 1 if record.position in reasons else 0
            if self.length >= self._most:
                raise Poisoned(
                    f"{self.length} records in a row are no events; the last one: {reasons[record.position]}"
                )


class Steps:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._bad_run = 0

    async def process(self, records: Sequence[Record], after_fold: AfterFold = nobody) -> None:
        """Fold one batch. Afterwards, and only then, its offsets may be committed. Whoever follows what was folded
        hears of it when it stands in the documents: before our place in the log is written, which is for ourselves.

        Raises Poisoned and OtherLog (permanent: stop), anything else is passing: rewind and try again.
        """
        with no_look_for_garbage():
            await self._process(records, after_fold)

    async def _process(self, records: Sequence[Record], after_fold: AfterFold) -> None:
        parts = self._parts
        await parts.guard.check(records)
        run = BadRun(self._bad_run, parts.dead_letter_run)
        lanes = await _all([self._through(lane, run) for lane in in_lanes(records, _MOST_LANES)])
        after_fold({record.position.topic for record in records})
        await parts.guard.advance(records, [seen for lane in lanes for seen in lane.news.values()])
        self._bad_run = run.length
        for (topic, outcome), count in sum((lane.outcomes for lane in lanes), Counter()).items():
            parts.metrics.records.labels(topic, outcome).inc(count)

    async def _through(self, records: Sequence[Record], run: BadRun) -> Counted:
        """One lane, from its records to the documents. It reads before it asks anybody, so lanes are read in order."""
        sightings, bad = read_records(records)
        run.note(records, bad)
        await self._put_aside(bad)
        standings = await self._parts.journal.register(sightings)
        pairs = list(zip(sightings, standings, strict=True))
        to_fold = [s for s, standing in pairs if standing.is_to_be_folded]
        if to_fold:
            with self._parts.metrics.fold_seconds.time():
                await self._fold(to_fold, {s.event.identity for s, standing in pairs if standing is Standing.FIRST})
        return Counted(
            Counter((s.position.topic, standing.value) for s, standing in pairs),
            {s.position.log: s for s, standing in pairs if standing is Standing.FIRST},
        )

    async def _put_aside(self, bad: list[BadRecord]) -> None:
        for one in bad:
            await self._parts.dead_letters.put(one)
            self._parts.metrics.dead_letters.labels(one.record.position.topic).inc()
            log.error("dead_letter", **_where(one.record), reason=one.reason[:LONGEST])

    async def _fold(self, sightings: list[Sighting], news: set[str]) -> None:
        """Fold all; one that cannot be folded is marked dead, put aside, and the rest is folded without it. A document
        that has the name of an event that is new to the journal (`news`) is hardly there yet."""
        left = list(sightings)
        while left:
            try:
                await self._parts.documents.fold(self._all_changes(left), news)
            except CannotFold as error:
                stuck = next(s for s in left if s.position == error.position)
                await self._parts.dead_letters.put(BadRecord(stuck.record, f"cannot be folded: {error}"))
                await self._parts.journal.mark_dead(stuck, str(error))
                self._parts.metrics.dead_letters.labels(stuck.position.topic).inc()
                log.error("cannot_fold", **_where(stuck.record), reason=str(error), exc_info=error)
                left.remove(stuck)
            else:
                return

    def _all_changes(self, sightings: list[Sighting]) -> list[Change]:
        changes: list[Change] = []
        for sighting in sightings:
            try:
                changes.extend(self._parts.changes(sighting))
            except Exception as error:
                raise CannotFold(sighting.position, error) from error
        return changes


async def _all(lanes: Sequence[Coroutine[Any, Any, Counted]]) -> list[Counted]:
    """All of them to their ends, also where one fails: then the whole batch is tried again, and what is done by then
    is past its cursors."""
    if len(lanes) == 1:
        return [await lanes[0]]
    ended = await asyncio.gather(*lanes, return_exceptions=True)
    failures = [one for one in ended if isinstance(one, BaseException)]
    if failures:
        raise next((one for one in failures if isinstance(one, Poisoned)), failures[0])
    return [one for one in ended if isinstance(one, Counted)]


def _where(record: Record) -> dict[str, str]:
    """A record in a log line: of a batch's other records each has a trace of its own."""
    place = place_of(record.headers)
    return {"position": str(record.position), **({"trace_id": place.trace_id} if place else {})}
