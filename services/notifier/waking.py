"""Who is woken when something was read: first whoever tells what presses, alone; a moment later those of the others
whom it concerns. All of them look by themselves as well."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Set

from shared.loops import Loop
from shared.topics import INCIDENTS, LOGISTICS, REPORTS, Topic

# A dozen loops that ask the database at once take 50 ms from each other, and from the one that matters.
THEN_S = 0.1
_FIRST = "plan"
_THEN = {
    REPORTS.name: ("settle", "digest", "publish", "judge", "look"),
    INCIDENTS.name: ("publish",),
    LOGISTICS.name: ("logistics", "publish", "look"),
}


class Waking:
    """Raises KeyError if one of them is not there, or a topic that is read names nobody: at the start, not in a timer
    whose failure stops the waking of all others."""

    def __init__(self, loops: Iterable[Loop], topics: Iterable[Topic]) -> None:
        by_name = {loop.name: loop for loop in loops}
        self._first = by_name[_FIRST]
        self._then = {topic.name: [by_name[name] for name in _THEN[topic.name]] for topic in topics}
        self._read: set[str] = set()
        self._soon: asyncio.TimerHandle | None = None

    def wake(self, topics: Set[str]) -> None:
        """Something was read of these topics."""
        self._first.wake()
        self._read |= topics
        if self._soon is None:
            self._soon = asyncio.get_running_loop().call_later(THEN_S, self._wake_the_others)

    def _wake_the_others(self) -> None:
        self._soon, read = None, self._read
        self._read = set()
        for loop in {loop for topic in read for loop in self._then[topic]}:
            loop.wake()
