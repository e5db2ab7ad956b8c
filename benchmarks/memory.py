"""Memory of the three services while a nation reports down to its villages: 90,000 regions at 121 events a second, for
so many minutes (`MINUTES=30 make bench PATHS=memory`)."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchmarks.aggregate import roster_of
from benchmarks.desk_up import accepted, desk_up, read
from benchmarks.load import Load, loaded
from benchmarks.measure import OURS, Result, Row, Target, at_most
from benchmarks.outage import PER_S
from benchmarks.processes import resident_mb
from benchmarks.running import Run
from benchmarks.servers import agencies

REGIONS, AGENCIES, LINES = 90_000, 8, 40
GOAL_MB = 150
FLAT_PER_HOUR = 0.1  # of what it is
EVERY_S = 5.0
ARRIVED = "events/s arrived"
LEAST_SHARE = 0.9  # of the load, or nothing is said of memory under it
SERVICES = ("intake", "aggregator", "notifier")


def main(run: Run) -> list[Result]:
    """The table."""
    return asyncio.run(_measured(run))


async def _measured(run: Run) -> list[Result]:
    minutes = run.minutes or {"tiny": 0.1, "quick": 1.0, "full": 30.0}[run.mode]
    with tempfile.TemporaryDirectory(prefix="desk-bench-") as name:
        settings, codes = roster_of(Path(name), REGIONS)
        options = [part for key, value in settings.items() for part in (f"--{key}", str(value))]
        async with desk_up(Path(name) / "up", *options) as ready:
            port = int(ready["intake"].rpartition(":")[2])
            keys = await agencies(ready["mongo"], AGENCIES)
            load = Load(port, "/v1/batch", keys, codes, AGENCIES, 24 * 3_600, LINES, PER_S / LINES, 200)
            before = _seen(ready["pids"])
            busy = asyncio.create_task(loaded(load))
            try:
                seen, arrived = await _sampled(ready, minutes * 60, busy)
            finally:
                busy.cancel()
                with suppress(asyncio.CancelledError):
                    await busy
    rows = [_row(name, before[name], [s[name] for s in seen], arrived[name]) for name in SERVICES]
    method = (
        f"{minutes:g} minutes of {PER_S} reports a second in batches of {LINES}, by {len(codes):,} regions; resident "
        "memory every 5 s. Slope (Theil and Sen) and what arrived, "
        "as each service itself counted it, are of the second half."
    )
    return [
        Result(f"Memory under load at {REGIONS:,} regions", method, rows, _targets(rows, minutes), "at the end, MB")
    ]


async def _sampled(
    ready: dict[str, Any], seconds: float, busy: asyncio.Task[object]
) -> tuple[list[dict[str, float]], dict[str, float]]:
    """Memory, and how many events a second arrived at each service in the second half: memory that stays flat says
    nothing where nothing came."""
    began, half = time.monotonic(), time.monotonic() + seconds / 2
    seen: list[dict[str, float]] = []
    before: dict[str, int] | None = None
    counted_from = began
    while time.monotonic() - began < seconds or before is None or len(seen) < 2:
        await asyncio.sleep(min(EVERY_S, seconds / 4))
        assert not busy.done(), "the load has ended"
        seen.append(_seen(ready["pids"]))
        if before is None and time.monotonic() >= half:
            before, counted_from = await _counted(ready), time.monotonic()
            await asyncio.sleep(min(EVERY_S, seconds / 4))
    after, took = await _counted(ready), time.monotonic() - counted_from
    return seen, {name: (after[name] - before[name]) / took for name in SERVICES}


async def _counted(ready: dict[str, Any]) -> dict[str, int]:
    return {name: await (accepted(ready) if name == "intake" else read(ready, name)) for name in SERVICES}


def _seen(pids: dict[str, int]) -> dict[str, float]:
    return {name: resident_mb(pids[name]) for name in SERVICES}


def _row(name: str, before: float, seen: Sequence[float], arrived: float) -> Row:
    later = seen[len(seen) // 2 :]
    figures = {"before the load, MB": before, "at most, MB": max(seen), "at the end, MB": seen[-1]}
    figures[ARRIVED] = arrived
    return Row(name, OURS, None, {**figures, "slope, MB/hour": _slope(later) * 3_600 / EVERY_S})


def _slope(values: Sequence[float]) -> float:
    """The median of the slopes between all pairs: a single jump does not make a line."""
    pairs = [(b - a) / (j - i) for i, a in enumerate(values) for j, b in enumerate(values) if j > i]
    return statistics.median(pairs) if pairs else 0.0


def _targets(rows: Sequence[Row], minutes: float) -> list[Target]:
    is_loaded = all(row.figures[ARRIVED] >= LEAST_SHARE * PER_S for row in rows)
    ends = [row.figures["at the end, MB"] if is_loaded else None for row in rows]
    found = [at_most(GOAL_MB, f"MB: {row.name}", end) for row, end in zip(rows, ends, strict=True)]
    for row in rows:
        slope, end = row.figures["slope, MB/hour"], row.figures["at the end, MB"]
        is_long = minutes >= 10 and is_loaded
        found.append(
            Target(f"flat: {row.name}", f"{slope:+.0f} MB/hour", slope < FLAT_PER_HOUR * end if is_long else None)
        )
    return found
