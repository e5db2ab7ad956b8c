"""Whose turn it is: of each agency a request begins in each turn of the event loop, whoever else waits.

The loop runs what is ready in order of arrival. Without this, an agency that keeps 200 connections busy is 200
requests ahead of everybody else; with it, it is one ahead, and its others wait in a queue of their own.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial

Turn = Callable[[], object]  # begins; False if there is nothing to begin any more


class Turnstile:
    """Passing costs nothing while nobody else of the same agency is there. Remembers nobody who does not wait."""

    def __init__(self) -> None:
        self._queues: dict[str, deque[Turn]] = {}  # of those who began or wait in this turn of the loop

    async def pass_through(self, who: str) -> None:
        """Return when it is the turn of this request among those of `who`."""
        if (queue := self._queue(who)) is not None:
            turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            queue.append(partial(_wake, turn))
            await turn

    def enter(self, who: str, begin: Turn) -> None:
        """As `pass_through`, for whom no task waits: `begin` is called when it is its turn, maybe at once. It raises
        nothing."""
        if (queue := self._queue(who)) is None:
            begin()
        else:
            queue.append(begin)

    def _queue(self, who: str) -> deque[Turn] | None:
        """The queue to wait in; None for whoever passes at once."""
        if not self._queues:
            asyncio.get_running_loop().call_soon(self._next)
        queue = self._queues.get(who)
        if queue is None:
            self._queues[who] = deque()
        return queue

    def _next(self) -> None:
        """The loop's next turn has come: the first of each queue pass."""
        self._queues = {who: queue for who, queue in self._queues.items() if _pass(queue)}
        if self._queues:
            asyncio.get_running_loop().call_soon(self._next)


def _pass(queue: deque[Turn]) -> bool:
    """Whether there was somebody to pass."""
    while queue:
        if queue.popleft()() is not False:
            return True
    return False


def _wake(turn: asyncio.Future[None]) -> bool:
    """False where its request has been cancelled meanwhile."""
    if turn.done():
        return False
    turn.set_result(None)
    return True
