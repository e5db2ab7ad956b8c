"""What other processes use of time, CPU and memory."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping

import psutil

from benchmarks.measure import Sample

_GIVEN_UP_S = 240.0


class Cpu:
    """The CPU seconds that processes used since it was made; one that has ended counts up to the last look."""

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._processes = {name: psutil.Process(pid) for name, pid in pids.items()}
        self._began = {name: used_s(process) for name, process in self._processes.items()}

    def used(self) -> dict[str, float]:
        return {name: used_s(process) - self._began[name] for name, process in self._processes.items()}


def used_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def resident_mb(pid: int) -> float:
    return float(psutil.Process(pid).memory_info().rss) / 1e6


async def timed(
    pids: Mapping[str, int], began: float, counted: Callable[[], Awaitable[int]], wanted: int, pause_s: float
) -> Sample:
    """From `began`, by the performance counter, until so many are counted. Raises TimeoutError."""
    cpu = Cpu(pids)
    async with asyncio.timeout(_GIVEN_UP_S):
        while True:
            found = await counted()
            if found >= wanted:
                return Sample(found, time.perf_counter() - began, cpu.used())
            await asyncio.sleep(pause_s)
