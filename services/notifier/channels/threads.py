"""Blocking calls in a few threads of one's own.

Not a thread pool: a pool's threads are waited for at the process's end, and a shared one lets whoever hangs delay
everybody. A thread that was given up goes on until its own time limit; until then it occupies its place.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


class TooManyThreads(OSError):
    """As many calls as allowed hang already."""


class Threads:
    def __init__(self, most: int) -> None:
        self._places = threading.Semaphore(most)

    async def run(self, call: Callable[[], T]) -> T:
        """The call's result, or what it raised. Raises TooManyThreads at once if every place is taken."""
        if not self._places.acquire(blocking=False):
            raise TooManyThreads("earlier calls have not ended")
        loop = asyncio.get_running_loop()
        done: asyncio.Future[T] = loop.create_future()
        threading.Thread(target=self._work, args=(call, loop, done), daemon=True).start()
        return await done

    def _work(self, call: Callable[[], T], loop: asyncio.AbstractEventLoop, done: asyncio.Future[T]) -> None:
        settle: Callable[[Any], None]
        outcome: Any
        try:
            settle, outcome = done.set_result, call()
        except Exception as error:  # noqa: BLE001 - handed to whoever waits
            settle, outcome = done.set_exception, error
        finally:
            self._places.release()
        try:
            loop.call_soon_threadsafe(_settle_if_awaited, done, settle, outcome)
        except RuntimeError:
            return  # the loop has ended, and with it whoever waited


def _settle_if_awaited(done: asyncio.Future[Any], settle: Callable[[Any], None], outcome: Any) -> None:
    if not done.done():
        settle(outcome)
