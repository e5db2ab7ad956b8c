"""What was worked out of the database, kept until the logs that it follows from were read further: as many people look
as there are desks, and each page that is open asks again when something has changed, all at the same moment."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Any, TypeVar

MOST_KEPT = 1_000

T = TypeVar("T")


class Keeping:
    """What is kept is as old as the positions of logs that were read before it: whoever finds them unmoved finds
    nothing that is not in it, but for what a batch has changed that is being folded. Those who ask at the same time
    are answered by one work."""

    def __init__(self, most: int = MOST_KEPT) -> None:
        self._most = most
        self._kept: dict[Hashable, tuple[Hashable, asyncio.Task[Any]]] = {}

    async def of(self, key: Hashable, as_of: Hashable, work: Callable[[], Awaitable[T]]) -> T:
        """What is kept under a key, if it is as of these positions, else what `work` gives. What it raises is not
        kept."""
        found = self._kept.get(key)
        if found is None or found[0] != as_of or _has_failed(found[1]):
            found = as_of, asyncio.create_task(_awaited(work))
            self._kept.pop(key, None)
            self._kept[key] = found
            if len(self._kept) > self._most:
                self._kept.pop(next(iter(self._kept)))
        # Shielded: one who gives up must not take the answer from the others.
        value: T = await asyncio.shield(found[1])
        return value

    def latest(self, key: Hashable) -> Any:
        """What is kept under a key, however old it is; None without any."""
        found = self._kept.get(key)
        return found[1].result() if found is not None and found[1].done() and not _has_failed(found[1]) else None


async def _awaited(work: Callable[[], Awaitable[T]]) -> T:
    return await work()


def _has_failed(task: asyncio.Task[Any]) -> bool:
    return task.done() and (task.cancelled() or task.exception() is not None)
