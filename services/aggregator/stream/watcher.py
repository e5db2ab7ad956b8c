"""One who watches: what waits to be sent to them, bounded, and how far they have come."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence

from services.aggregator.stream.events import RESET, Event, Wanted, beat, ready

MOST_WAITING = 500
# What waits is shared by all watchers; what is taken is a copy for one, who may be slow to read it.
MOST_BYTES = 64 * 1024


class Watcher:
    """`position` is how far everything was told or is not wanted; None until the first position is known."""

    def __init__(self, wanted: Wanted, after: str | None, most: int = MOST_WAITING) -> None:
        self.position = after
        self.has_ended = False
        self.is_new = True  # nothing was promised to them yet
        self._wanted, self._most = wanted, most
        self._waiting: deque[bytes] = deque()
        self._news, self._room = asyncio.Event(), asyncio.Event()

    def welcome(self, position: str) -> None:
        """From this position on nothing is left out."""
        self.position, self.is_new = position, False
        self._put(ready(position))

    def offer(self, events: Sequence[Event], position: str) -> None:
        """What came next; whatever lies before the watcher's own position was told by another replica. Whoever takes
        too little of it is let go, and comes back with the position they have."""
        assert self.position is not None
        for event in events:
            if event.token > self.position and self._wanted.takes(event):
                self._put(event.frame)
        self.position = max(self.position, position)
        if len(self._waiting) > self._most:
            self.end()

    def reset(self) -> None:
        """What happened in between cannot be told: they have to load anew."""
        self._waiting.clear()
        self.position, self.is_new = None, True
        self._put(RESET)

    @property
    def room(self) -> int:
        """How many more may wait."""
        return max(self._most - len(self._waiting), 0)

    def end(self) -> None:
        self.has_ended = True
        self._news.set()
        self._room.set()

    async def has_room(self) -> None:
        """Until most of what waits was taken."""
        while len(self._waiting) > self._most // 2 and not self.has_ended:
            self._room.clear()
            await self._room.wait()

    async def take(self, within_s: float) -> bytes:
        """What waits, a piece at a time; a sign of life if nothing came within that time; nothing at the end."""
        if not self._waiting and not self.has_ended:
            self._news.clear()
            try:
                async with asyncio.timeout(within_s):
                    await self._news.wait()
            except TimeoutError:
                return beat(None if self.is_new else self.position)
        if self.has_ended:
            return b""
        size, taken = 0, list[bytes]()
        while self._waiting and size < MOST_BYTES:
            taken.append(self._waiting.popleft())
            size += len(taken[-1])
        self._room.set()
        return b"".join(taken)

    def _put(self, frame: bytes) -> None:
        self._waiting.append(frame)
        self._news.set()
