"""Moves the scenario clock: it stands, and is put forward in small steps.

It never runs by itself, so that nothing that takes real time (a service that is killed and comes back) can carry it
past a boundary.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

from shared.clock import ScenarioClock

TICK_S = 0.1
PACE = timedelta(hours=12)  # of the scenario in a real second


class Stepper:
    """`show` is told of each instant. `now` is the scenario's time."""

    def __init__(self, clock: ScenarioClock, show: Callable[[datetime], None], pace: timedelta = PACE) -> None:
        self._clock, self._show, self._pace = clock, show, pace
        self.now = clock.now()

    async def to(self, at: datetime) -> None:
        """Let the time pass until `at` and hold there. Never goes back."""
        while self.now < at:
            self.now = min(self.now + self._pace * TICK_S, at)
            self._clock.hold(self.now)
            self._show(self.now)
            await asyncio.sleep(TICK_S)
