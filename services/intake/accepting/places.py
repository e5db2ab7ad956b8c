"""Who may wait for Kafka, pure: a bound on the events under way, on their bytes, and on each agency's share of both.

However many connections one agency opens, three quarters of the places stay for the others.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum

MiB = 1024 * 1024


class Full(StrEnum):
    """Why there is no place."""

    SHARE = "agency_share"
    ALL = "all_places"


@dataclass(slots=True)
class Load:
    """Events under way, and their bytes as they go to Kafka."""

    events: int = 0
    size: int = 0

    def add(self, events: int, size: int) -> None:
        self.events += events
        self.size += size


class Places:
    """Room for so many events and bytes, of which one agency may take a share (at least one event). Remembers no
    agency that has nothing under way."""

    def __init__(self, most_events: int = 2_000, most_bytes: int = 32 * MiB, share: float = 0.25) -> None:
        self.taken = Load()
        self._most = Load(most_events, most_bytes)
        self._most_of_one = Load(max(1, int(most_events * share)), int(most_bytes * share))
        self._taken_by: dict[str, Load] = {}

    def why_not(self, agency: str, size: int) -> Full | None:
        """None if there is a place for one more event of an agency."""
        if not _fits(self._taken_by.get(agency, _NOTHING), size, self._most_of_one):
            return Full.SHARE
        return None if _fits(self.taken, size, self._most) else Full.ALL

    def take(self, agency: str, size: int) -> None:
        """Take a place, for which `why_not` has just said None. Each is given back."""
        own = self._taken_by.get(agency)
        if own is None:
            own = self._taken_by[agency] = Load()
        own.add(1, size)
        self.taken.add(1, size)

    def give_back(self, agency: str, size: int) -> None:
        own = self._taken_by[agency]
        own.add(-1, -size)
        self.taken.add(-1, -size)
        if not own.events:
            del self._taken_by[agency]

    @contextmanager
    def hold(self, agency: str, size: int) -> Iterator[None]:
        """A place for the length of a block."""
        self.take(agency, size)
        try:
            yield
        finally:
            self.give_back(agency, size)


_NOTHING = Load()


def _fits(taken: Load, size: int, most: Load) -> bool:
    return taken.events < most.events and taken.size + size <= most.size
