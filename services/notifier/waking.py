"""Who is woken when something was read: first whoever tells what presses, alone; a moment later the others."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from shared.loops import Loop

# A dozen loops that ask the database at once take 50 ms from each other, and from the one that matters.
THEN_S = 0.1


class Waking:
    def __init__(self, first: Sequence[Loop], then: Sequence[Loop]) -> None:
        self._first, self._then = first, then
        self._soon: asyncio.TimerHandle | None = None

    def wake(self) -> None:
        for loop in self._first:
            loop.wake()
        if self._soon is None:
            self._soon = asyncio.get_running_loop().call_later(THEN_S, self._wake_the_others)

    def _wake_the_others(self) -> None:
        self._soon = None
        for loop in self._then:
            loop.wake()
