"""How far this process's clock is from the database's: `received_at` decides who reported on time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta

from shared.clock import real
from shared.election.config import ALLOWED_CLOCK_SKEW
from shared.mongo import DatabaseError

ServerTime = Callable[[], Awaitable[datetime]]


class ClockSkew:
    """Real time against the database's, which is the clock of all verdicts. While the database is away the last
    known skew holds: clocks drift by seconds a week."""

    def __init__(self, server_time: ServerTime, own_time: Callable[[], datetime] = real) -> None:
        self._server_time = server_time
        self._own_time = own_time
        self._last: timedelta = timedelta(0)

    async def check(self) -> str | None:
        """None while the clock is right within ALLOWED_CLOCK_SKEW as far as anybody knows, else what is wrong."""
        try:
            async with asyncio.timeout(1.0):
                self._last = await self._measure()
        except (DatabaseError, TimeoutError):
            pass
        if abs(self._last) <= ALLOWED_CLOCK_SKEW:
            return None
        return f"this clock is {self._last.total_seconds():+.1f} s off the database's"

    async def _measure(self) -> timedelta:
        """Own time less the database's, which was read somewhere between asking and hearing: zero if it fits."""
        asked_at = self._own_time()
        theirs = await self._server_time()
        heard_at = self._own_time()
        if theirs < asked_at:
            return asked_at - theirs
        return min(heard_at - theirs, timedelta(0))
