"""How fast a log is caught up with, whoever reads it: from the start of the process to the last event, less what the
same start takes where a single batch waits.

A clock that starts at the first batch that is written lets everybody off what he read ahead by then, and one that
starts with the process asks everybody for his imports and his join of a group. The difference of a long log and a
short one has neither, and asks nothing of anybody's insides.
"""

from __future__ import annotations

import statistics
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from benchmarks.measure import Row, Sample, Way, interleave

SHORT = 2_000  # events: one batch
START_ROUNDS = 3
START = "start, s"

CatchUp = Callable[[int], Awaitable[Sample]]  # reads so many events, from the start of its process on
Fill = Callable[[int, int], Awaitable[None]]  # events from the first number up to the second


@dataclass(frozen=True)
class Reader:
    """One way of reading the log."""

    name: str
    role: str
    catch_up: CatchUp


async def compared(readers: list[Reader], fill: Fill, events: int, rounds: int) -> list[Row]:
    """A row for each, in turn; the log is filled as far as is needed."""
    await fill(0, SHORT)
    starts: dict[str, list[Sample]] = {reader.name: [] for reader in readers}
    for _ in range(START_ROUNDS):
        for reader in readers:
            starts[reader.name].append(await reader.catch_up(SHORT))
    await fill(SHORT, events)
    return await interleave([_way(r, middle(starts[r.name]), events) for r in readers], rounds, warm_up=0)


def _way(reader: Reader, start: Sample, events: int) -> Way:
    async def beyond_the_start() -> Sample:
        return less(await reader.catch_up(events), start)

    return Way(reader.name, reader.role, beyond_the_start)


def middle(samples: list[Sample]) -> Sample:
    """The medians of samples of the same events."""
    cpu = {name: statistics.median(s.cpu_s[name] for s in samples) for name in samples[0].cpu_s}
    return Sample(samples[0].events, statistics.median(s.seconds for s in samples), cpu)


def less(whole: Sample, start: Sample) -> Sample:
    """What a longer log took beyond a short one. The start is told beside it."""
    cpu = {name: used - start.cpu_s.get(name, 0.0) for name, used in whole.cpu_s.items()}
    seconds = max(whole.seconds - start.seconds, 1e-6)
    return Sample(whole.events - start.events, seconds, cpu, {START: start.seconds})
