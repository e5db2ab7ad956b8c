"""What other processes use of CPU and memory."""

from __future__ import annotations

from collections.abc import Mapping

import psutil


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
