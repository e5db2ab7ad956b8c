"""Step 1, pure: raw records to sightings of events, the bad ones with their reasons."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from shared.events.codec import BadEvent, decode
from shared.events.envelope import Envelope
from shared.records import Position, Record


class Sighting(NamedTuple):
    """One event seen at one position."""

    position: Position
    event: Envelope
    record: Record


@dataclass(frozen=True, slots=True)
class BadRecord:
    """A record that is no event: permanent, so it goes to the dead letters."""

    record: Record
    reason: str


class Standing(StrEnum):
    """What a sighting is to the journal. FIRST and RETRY are to be folded, the others are not."""

    FIRST = "first"
    RETRY = "retry"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    DEAD = "dead"  # our own retry of one that was put aside: its dead letter is the only way back

    @property
    def is_to_be_folded(self) -> bool:
        return self in (Standing.FIRST, Standing.RETRY)


def read_records(records: Iterable[Record]) -> tuple[list[Sighting], list[BadRecord]]:
    """Each record as a sighting or as a bad record: a bad one never spoils a good one."""
    sightings: list[Sighting] = []
    bad: list[BadRecord] = []
    for record in records:
        try:
            event = decode(record.position.topic, record.value)
        except BadEvent as error:
            bad.append(BadRecord(record, str(error)))
        else:
            sightings.append(Sighting(record.position, event, record))
    return sightings, bad


def standing_of(stored_at: Position, stored_hash: str, seen: Sighting, is_new: bool) -> Standing:
    """What a sighting is, given what the journal holds for its identity.

    The *same* position is our own retry after a crash between journal and fold; only another position is a true
    duplicate. (Skipping on any known identity would lose the event that the crash interrupted.)
    """
    if stored_at == seen.position:
        return Standing.FIRST if is_new else Standing.RETRY
    return Standing.DUPLICATE if stored_hash == seen.event.contenthash else Standing.CONFLICT
