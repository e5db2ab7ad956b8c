"""What was told a moment ago, for those who come back. Pure. Tokens compare as positions do."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from services.aggregator.stream.events import Event

MOST = 2_000


class Ring:
    """All events after `begin` and up to `end`, `most` of them."""

    def __init__(self, position: str, most: int = MOST) -> None:
        self.begin = self.end = position
        self._events: deque[Event] = deque()
        self._most = most

    def add(self, events: Sequence[Event], position: str) -> None:
        """What came after `end`, in order, up to `position`."""
        self._events.extend(events)
        while len(self._events) > self._most:
            self.begin = self._events.popleft().token
        self.end = max(self.end, position)

    def reaches(self, token: str) -> bool:
        """Whether it holds everything after a position."""
        return token >= self.begin

    def after(self, token: str) -> list[Event]:
        return [event for event in self._events if event.token > token]
