"""How much an agency may send: so many events a minute, more of them in the rush around a deadline.

Counted by the library `limits` in this process's memory, since the write path needs no database: each replica counts
for itself. Windows run in real time; the election's time only says whether there is a rush.
"""

from __future__ import annotations

import asyncio
import math
import threading
import time
from collections.abc import Callable
from datetime import datetime
from functools import lru_cache

from limits import RateLimitItem, RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from services.intake.door.rush import RushHours
from shared.access.keys import Grant
from shared.http.problems import Problem
from shared.metrics import Metrics

# Batches go by shorter windows and leave a quarter: a large file neither stands still for a minute nor keeps its own
# agency's single calls out.
_BATCH_WINDOW_S = 10
_BATCH_SHARE = 0.75
_PORTIONS = 10
LONGEST_PACE_S = 65.0  # longer than a minute, after which every window is new


class _NoSweeper(threading.Timer):
    """Instead of the thread that the storage starts at nearly every hit, to sweep out what has expired: it costs more
    than the hit. Nothing gathers without it: there is one counter for each agency and limit, and one that has expired
    begins anew when it is asked."""

    def __init__(self) -> None:
        super().__init__(0, lambda: None)

    def is_alive(self) -> bool:
        return True


@lru_cache(1_000)  # there are as many as there are numbers in grants
def _a_minute(events: int) -> RateLimitItem:
    return RateLimitItemPerMinute(events)


class RateLimits:
    """`per_minute` is for agencies whose grant names no number of its own."""

    def __init__(self, per_minute: int, rush_factor: float, rush: RushHours, metrics: Metrics) -> None:
        self._per_minute, self._rush_factor, self._rush = per_minute, rush_factor, rush
        self._metrics = metrics
        storage = MemoryStorage()
        storage.timer.cancel()
        storage.timer = _NoSweeper()
        self._limiter = FixedWindowRateLimiter(storage)

    def allowance(self, grant: Grant, now: datetime) -> int:
        """Events a minute at an instant of the election's time."""
        usual = grant.events_per_minute or self._per_minute
        return int(usual * self._rush_factor) if self._rush.is_rush(now) else usual

    def admit(self, grant: Grant, now: datetime) -> None:
        """Let one event pass. Raises Problem 429."""
        item = _a_minute(self.allowance(grant, now))
        if not self._limiter.hit(item, grant.holder):
            raise self._too_many(item, grant, item.amount, "rate")

    async def pace(self, grant: Grant, events: int, now: Callable[[], datetime]) -> None:
        """Let a batch's next `events` lines pass, as soon as it is their turn. They share the minute with the agency's
        single calls. Raises Problem 429 where nothing could pass for LONGEST_PACE_S."""
        while events > 0:
            allowance = self.allowance(grant, now())
            window = max(1, int(allowance * _BATCH_SHARE * _BATCH_WINDOW_S / 60))
            portion = min(events, max(1, window // _PORTIONS))
            items = RateLimitItemPerMinute(allowance), RateLimitItemPerSecond(window, _BATCH_WINDOW_S, "BATCH")
            await self._turn(grant, portion, *items)
            events -= portion

    async def _turn(self, grant: Grant, cost: int, minute: RateLimitItem, window: RateLimitItem) -> None:
        give_up_at = time.monotonic() + LONGEST_PACE_S
        while full := [i for i in (minute, window) if not self._limiter.test(i, grant.holder, cost=cost)]:
            if time.monotonic() > give_up_at:
                raise self._too_many(full[0], grant, minute.amount, "batch_rate")
            await asyncio.sleep(max(0.05, max(self._seconds_left(item, grant) for item in full)))
        for item in (minute, window):
            self._limiter.hit(item, grant.holder, cost=cost)

    def _too_many(self, item: RateLimitItem, grant: Grant, limit: int, reason: str) -> Problem:
        self._metrics.turned_away.labels(reason).inc()
        seconds = max(1, math.ceil(self._seconds_left(item, grant)))
        return Problem(
            429, "too_many_requests", "too_many_a_minute", retry_after_s=seconds, limit=limit, seconds=seconds
        )

    def _seconds_left(self, item: RateLimitItem, grant: Grant) -> float:
        """Until the window ends and the next one begins."""
        return self._limiter.get_window_stats(item, grant.holder).reset_time - time.time()
