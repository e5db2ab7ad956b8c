"""Interleaved rounds, medians, ratios first."""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

ROUNDS = 7


@dataclass(frozen=True)
class Path:
    """One way of doing the same work. `run` does it once over `events` events; seconds are measured around it."""

    name: str
    run: Callable[[], Awaitable[None]]


@dataclass(frozen=True)
class Figure:
    """Medians over the rounds. `ratio` is this path's events a second over the first path's (the limit); `cpu_us` is
    what an event costs this process, servers not counted."""

    name: str
    events_per_s: float
    ratio: float
    cpu_us: float


async def compare(paths: list[Path], events: int, rounds: int = ROUNDS) -> list[Figure]:
    """Run all paths in turn, `rounds` times after one warm-up; the first path is the limit."""
    seconds: dict[str, list[float]] = {path.name: [] for path in paths}
    cpu: dict[str, list[float]] = {path.name: [] for path in paths}
    for turn in range(rounds + 1):
        for path in paths:
            began, cpu_began = time.perf_counter(), time.process_time()
            await path.run()
            if turn > 0:
                seconds[path.name].append(time.perf_counter() - began)
                cpu[path.name].append(time.process_time() - cpu_began)
    limit = seconds[paths[0].name]
    return [
        Figure(
            path.name,
            events / statistics.median(seconds[path.name]),
            statistics.median(a / b for a, b in zip(limit, seconds[path.name], strict=True)),
            statistics.median(cpu[path.name]) / events * 1e6,
        )
        for path in paths
    ]


def table(title: str, figures: list[Figure]) -> str:
    """The figures as Markdown, ratios first."""
    lines = [
        f"## {title}",
        "",
        "| path | ratio to the limit | events/s | CPU, us/event |",
        "| --- | --- | --- | --- |",
    ]
    lines += [f"| {f.name} | {f.ratio:.2f} | {f.events_per_s:,.0f} | {f.cpu_us:.1f} |" for f in figures]
    return "\n".join(lines) + "\n"
