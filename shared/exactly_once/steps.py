"""Steps 1 to 3 and 5 in a row: one batch of records into a service's documents."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shared.exactly_once.cursors import CannotFold, Change
from shared.exactly_once.dead_letters import DeadLetters
from shared.exactly_once.documents import Documents
from shared.exactly_once.guard import Guard
from shared.exactly_once.journal import Journal
from shared.exactly_once.sightings import BadRecord, Sighting, Standing, read_records
from shared.logs import get_logger
from shared.metrics import Metrics
from shared.records import Record

log = get_logger(__name__)

Changes = Callable[[Sighting], Sequence[Change]]


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


class Steps:
    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._bad_run = 0

    async def process(self, records: Sequence[Record]) -> None:
        """Fold one batch. Afterwards, and only then, its offsets may be committed.

        Raises Poisoned and OtherLog (permanent: stop), anything else is passing: rewind and try again.
        """
        parts = self._parts
        await parts.guard.check(records)
        sightings, bad = read_records(records)
        bad_run = self._checked_run(records, bad)
        await self._put_aside(bad)
        standings = await parts.journal.register(sightings)
        to_fold = [s for s, standing in zip(sightings, standings, strict=True) if standing.is_to_be_folded]
        if to_fold:
            with parts.metrics.fold_seconds.time():
                await self._fold(to_fold)
        pairs = zip(sightings, standings, strict=True)
        await parts.guard.advance(records, [s for s, standing in pairs if standing is Standing.FIRST])
        self._bad_run = bad_run
        for (topic, outcome), count in Counter(
            (s.position.topic, standing.value) for s, standing in zip(sightings, standings, strict=True)
        ).items():
            parts.metrics.records.labels(topic, outcome).inc(count)

    def _checked_run(self, records: Sequence[Record], bad: list[BadRecord]) -> int:
        """How many bad records in a row this batch ends with. Raises Poisoned before the first is put aside."""
        reasons = {one.record.position: one.reason for one in bad}
        run = self._bad_run
        for record in records:
            run = run + 1 if record.position in reasons else 0
            if run >= self._parts.dead_letter_run:
                raise Poisoned(f"{run} records in a row are no events; the last one: {reasons[record.position]}")
        return run

    async def _put_aside(self, bad: list[BadRecord]) -> None:
        for one in bad:
            await self._parts.dead_letters.put(one)
            self._parts.metrics.dead_letters.labels(one.record.position.topic).inc()
            log.error("dead_letter", position=str(one.record.position), reason=one.reason)

    async def _fold(self, sightings: list[Sighting]) -> None:
        """Fold all; one that cannot be folded is marked dead, put aside, and the rest is folded without it."""
        left = list(sightings)
        while left:
            try:
                await self._parts.documents.fold(self._all_changes(left))
            except CannotFold as error:
                stuck = next(s for s in left if s.position == error.position)
                await self._parts.dead_letters.put(BadRecord(stuck.record, f"cannot be folded: {error}"))
                await self._parts.journal.mark_dead(stuck, str(error))
                self._parts.metrics.dead_letters.labels(stuck.position.topic).inc()
                log.error("cannot_fold", position=str(stuck.position), reason=str(error), exc_info=error)
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
