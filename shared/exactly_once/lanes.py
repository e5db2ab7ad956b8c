"""A large batch in lanes, each of which goes through the steps by itself while the others wait for the database. Pure.

Each partition is in one lane alone, in its order: a cursor passes over what is below it, so one partition's records
must be folded in order. Nothing else is asked of a lane: it is to the others what another replica would be.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeVar

from shared.records import Position

# Fewer records than this are done sooner in one go than in several.
_WORTH_IT = 500


class Positioned(Protocol):
    @property
    def position(self) -> Position: ...


T = TypeVar("T", bound=Positioned)


def in_lanes(records: Sequence[T], most: int) -> list[Sequence[T]]:
    """So many lanes at most, about as long as each other, of the order given. What one key may have in several topics
    stays together where these have as many partitions: its regency's document is of one lane then."""
    if len(records) < _WORTH_IT:
        return [records]
    by_number: dict[int, list[T]] = {}
    for record in records:
        by_number.setdefault(record.position.partition, []).append(record)
    lanes: list[list[T]] = [[] for _ in range(min(most, len(by_number)))]
    for found in sorted(by_number.values(), key=len, reverse=True):
        min(lanes, key=len).extend(found)
    return list(lanes)
