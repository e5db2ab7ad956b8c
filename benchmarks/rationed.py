"""Processes that may run for a share of the time only, as if each had a small core of its own: whether two replicas
do twice the work of one cannot be seen where one of them fills the machine."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from signal import SIGCONT, SIGSTOP, Signals

_TURN_S = 0.03


@asynccontextmanager
async def rationed(pids: Iterable[int], share: float) -> AsyncIterator[None]:
    """While the context lasts each process is stopped for `1 - share` of each 30 ms, if that is less than 1."""
    tasks = [asyncio.create_task(_ration(pid, share)) for pid in pids if share < 1]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _ration(pid: int, share: float) -> None:
    try:
        while True:
            await asyncio.sleep(_TURN_S * share)
            _send(pid, SIGSTOP)
            await asyncio.sleep(_TURN_S * (1 - share))
            _send(pid, SIGCONT)
    finally:
        _send(pid, SIGCONT)


def _send(pid: int, signal: Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal)
