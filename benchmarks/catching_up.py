"""How fast a log is caught up with, whoever reads it: from the start of the process to the last event, less what the
same start takes where a single batch waits.

A clock that starts at the first batch that is written lets everybody off what he read ahead by then, and one that
starts with the process asks everybody for his imports and his join of a group. The difference of a long log and a
short one has neither, and asks nothing of anybody's insides. Where the start itself varies by more than half of what
the rest takes, the difference says nothing, and no speed is told.
"""

from __future__ import annotations

import statistics
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import partial

from benchmarks.measure import Row, Sample, Way, interleave

SHORT = 2_000  # events: one batch
START_ROUNDS = 3
START = "start, s"
RATE = "events/s"

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
    clocks = [_Clock(reader) for reader in readers]
    for _ in range(START_ROUNDS):
        for clock in clocks:
            clock.starts.append(await clock.reader.catch_up(SHORT))
    await fill(SHORT, events)
    ways = [Way(clock.reader.name, clock.reader.role, partial(clock.beyond_the_start, events)) for clock in clocks]
    rows = await interleave(ways, rounds, warm_up=0)
    return [row if clock.holds else _without_speed(row) for clock, row in zip(clocks, rows, strict=True)]


@dataclass
class _Clock:
    """A reader's starts, and what each round took beyond them, in seconds."""

    reader: Reader
    starts: list[Sample] = field(default_factory=list)
    beyond_s: list[float] = field(default_factory=list)

    async def beyond_the_start(self, events: int) -> Sample:
        found = less(await self.reader.catch_up(events), middle(self.starts))
        self.beyond_s.append(found.seconds)
        return found

    @property
    def holds(self) -> bool:
        taken = [start.seconds for start in self.starts]
        return min(self.beyond_s) > 2 * (max(taken) - min(taken))


def _without_speed(row: Row) -> Row:
    """What is left where the clock says nothing: CPU."""
    figures = {name: figure for name, figure in row.figures.items() if name not in (RATE, "spread")}
    return Row(row.name, row.role, None, figures)


def middle(samples: list[Sample]) -> Sample:
    """The medians of samples of the same events."""
    cpu = {name: statistics.median(s.cpu_s[name] for s in samples) for name in samples[0].cpu_s}
    return Sample(samples[0].events, statistics.median(s.seconds for s in samples), cpu)


def less(whole: Sample, start: Sample) -> Sample:
    """What a longer log took beyond a short one. The start is told beside it."""
    cpu = {name: used - start.cpu_s.get(name, 0.0) for name, used in whole.cpu_s.items()}
    seconds = max(whole.seconds - start.seconds, 1e-6)
    return Sample(whole.events - start.events, seconds, cpu, {START: start.seconds})
