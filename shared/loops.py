"""Background loops: each turns until cancelled, shows that it turns, survives failures, and can be woken early."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import sys
import time
from collections.abc import Awaitable, Callable
from typing import NoReturn

from shared.logs import get_logger
from shared.metrics import Metrics

log = get_logger(__name__)

CRASHED = 70  # EX_SOFTWARE: the supervisor (compose, `desk up`) starts us again


def leave_process(reason: str, cause: Exception | None) -> NoReturn:
    """Crash-only: end at once; the restart replays what was not committed."""
    log.critical("leaving", reason=reason, exc_info=cause)
    sys.stderr.flush()
    os._exit(CRASHED)


def back_off_s(first_s: float, failures: int, longest_s: float) -> float:
    """Twice as long after each failure, up to a limit; after any number of them (2**1024 is no float)."""
    return float(min(first_s * 2 ** min(failures, 20), longest_s))


class Loop:
    """Runs `step` again and again. A step does one unit of work and returns whether there was any; without work the
    loop sleeps `idle_s` or until `wake` is called. A failing step backs off and is tried again."""

    def __init__(self, name: str, step: Callable[[], Awaitable[bool]], metrics: Metrics, idle_s: float = 1.0) -> None:
        self.name = name
        self._step = step
        self._metrics = metrics
        self._metrics.loop_failures.labels(name)  # so that its first failure is an increase
        self._idle_s = idle_s
        self._woken = asyncio.Event()
        self._turned_at = time.monotonic()
        self._failures = 0

    def wake(self) -> None:
        self._woken.set()

    def is_turning(self, within_s: float = 60.0) -> bool:
        return time.monotonic() - self._turned_at < within_s

    async def run(self) -> None:
        while True:
            self._turned_at = time.monotonic()
            self._metrics.loop_turned_at.labels(self.name).set_to_current_time()
            try:
                had_work = await self._step()
                self._failures = 0
            except Exception as error:  # noqa: BLE001 - the loop's top: whatever failed is tried again
                had_work = False
                self._failures += 1
                self._metrics.loop_failures.labels(self.name).inc()
                log.warning("loop_failed", loop=self.name, error=f"{type(error).__name__}: {error}")
            if not had_work:
                await self._rest()

    async def _rest(self) -> None:
        rest_s = back_off_s(self._idle_s, self._failures, 15.0) * random.uniform(0.8, 1)  # noqa: S311
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(rest_s):  # not wait_for: Python 3.11's may swallow a cancellation
                await self._woken.wait()
        self._woken.clear()


async def supervise(name: str, run: Callable[[], Awaitable[None]], metrics: Metrics) -> None:
    """Run something that should never end, again whenever it fails, with back-off."""
    metrics.loop_failures.labels(name)
    failures = 0
    while True:
        began = time.monotonic()
        try:
            await run()
        except Exception as error:  # noqa: BLE001 - the loop's top
            metrics.loop_failures.labels(name).inc()
            log.warning("restarting", loop=name, error=f"{type(error).__name__}: {error}")
        failures = 0 if time.monotonic() - began > 60 else failures + 1
        await asyncio.sleep(back_off_s(0.2, failures, 10.0))
