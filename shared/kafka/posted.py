"""A record whose sender waits until it is confirmed, and a partition's queue of them."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Headers = list[tuple[str, bytes]]


class PublishFailed(Exception):
    """Kafka did not confirm within the deadline. The record may be in the log all the same."""


# Hears once what became of a record: its offset after all in-sync replicas confirmed it, or why there is none
# (PublishFailed; TypeError or ValueError for what cannot be encoded).
Settled = Callable[[int | Exception], object]


@dataclass(eq=False, slots=True)
class Posted:
    """A record, and who hears of it. `deadline` is the loop's time."""

    key: bytes | None
    value: bytes
    headers: Headers
    deadline: float
    settled: Settled
    partition: int = -1  # not known yet
    is_over: bool = False

    def end(self, outcome: int | Exception) -> None:
        """Tell it, if nobody has, and if somebody still waits."""
        if not self.is_over:
            self.is_over = True
            self.settled(outcome)


@dataclass(eq=False, slots=True)
class Lane:
    """One partition's queue."""

    topic: str
    partition: int
    waiting: deque[Posted] = field(default_factory=deque)
    writer: asyncio.Task[None] | None = None
    silent_since: float | None = None  # the first attempt since Kafka last answered

    def drop_settled(self) -> None:
        """Let go of records at the head whose callers have left."""
        while self.waiting and self.waiting[0].is_over:
            self.waiting.popleft()


def append(batch: Any, record: Posted) -> bool:
    """Whether there was room in the batch; for the first one there always is. Raises TypeError, ValueError."""
    added = batch.append(timestamp=None, key=record.key, value=record.value, headers=record.headers)
    return added is not None


def tell(waiting: asyncio.Future[int], outcome: int | Exception) -> None:
    """To one who may have left."""
    if waiting.done():
        return
    if isinstance(outcome, Exception):
        waiting.set_exception(outcome)
    else:
        waiting.set_result(outcome)


def failed(error: Exception, deadline_s: float) -> PublishFailed:
    """What a sender is told of an error."""
    if isinstance(error, TimeoutError):
        return PublishFailed(f"no confirmation within {deadline_s:g} s")
    told = PublishFailed(f"{type(error).__name__}: {error}")
    told.__cause__ = error
    return told
