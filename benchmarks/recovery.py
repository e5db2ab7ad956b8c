"""Kill -9 of one of two aggregators at 1,000 events a second: how long until nothing waits any more. Real processes on
a real broker and a real database, all on this machine; by itself, since it takes two minutes:
`python -m benchmarks.recovery` (RECOVERY_PER_S=250 for a busy machine)."""

from __future__ import annotations

import asyncio
import logging
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from signal import SIGKILL

from shared.kafka.log_reader import LogReader
from shared.topics import AGGREGATOR_GROUP
from tests.e2e.chaos_desk import TOPICS, ChaosDesk, running_servers
from tests.e2e.chaos_events import Stream
from tests.e2e.chaos_load import loading
from tests.e2e.scenario_files import KALTIM, read_regions

PER_S = float(os.environ.get("RECOVERY_PER_S", "1000"))
PARTITIONS = 12
TRIALS = 3
STEADY_S = 5.0
GIVEN_UP_S = 90.0
REPEATED = 0.12  # of the stream's events; they are records too
# While events flow some are always on their way: nothing waits if it is no more than arrives in a second.
ZERO = int(PER_S)


async def lag(reader: LogReader) -> int:
    """How many records the group has not committed."""
    total = 0
    for topic in TOPICS:
        ends = {partition: end for partition, (_, end) in (await reader.ends(topic.name)).items()}
        committed = await reader.committed(topic.name, ends)
        total += sum(end - committed[partition] for partition, end in ends.items())
    return total


async def until_zero(reader: LogReader) -> tuple[float, int]:
    """Seconds from now until the lag is zero and stays so for a second, and the largest lag on the way."""
    began, zero_since, worst = time.monotonic(), None, 0
    while time.monotonic() - began < GIVEN_UP_S:
        waits, now = await lag(reader), time.monotonic()
        worst = max(worst, waits)
        zero_since = None if waits > ZERO else zero_since or now
        if zero_since is not None and now - zero_since > 1.0 and worst > ZERO:
            return zero_since - began, worst
        if worst <= ZERO and now - began > GIVEN_UP_S / 3:
            return 0.0, worst  # nobody noticed
        await asyncio.sleep(0.1)
    return GIVEN_UP_S, worst


async def _trial(desk: ChaosDesk, reader: LogReader, victim: str) -> tuple[float, int]:
    await desk.until_ready(*desk.replicas)
    await asyncio.sleep(STEADY_S)
    async with asyncio.timeout(GIVEN_UP_S):
        while await lag(reader) > ZERO:  # noqa: ASYNC110 - what other processes do
            await asyncio.sleep(0.2)
    desk.hit(victim, SIGKILL)
    return await until_zero(reader)


async def measure(desk: ChaosDesk, say: Callable[[str], object], is_restarted: bool) -> list[tuple[float, int]]:
    """`TRIALS` kills, of each replica in turn; the killed one is started again at once, or after the measurement."""
    regions = [region.code for region in read_regions(KALTIM)]
    reader, found = LogReader(desk.kafka, AGGREGATOR_GROUP, "recovery"), []
    stream = Stream(1, regions, f"b{is_restarted:d}-", breaks=False)
    async with loading(desk.kafka, stream) as load, load.flowing(PER_S / (1 + REPEATED)):
        for number in range(TRIALS):
            victim = ("one", "two")[number % 2]
            if is_restarted:
                async with desk.looked_after():
                    found.append(await _trial(desk, reader, victim))
            else:
                found.append(await _trial(desk, reader, victim))
                desk.replicas[victim].start()
            say(f"restarted {is_restarted}: {found[-1][0]:.1f} s, at most {found[-1][1]:,} records waited\n")
    await reader.stop()
    return found


def main() -> None:
    """The table, on stdout."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # it tells of partitions that have no leader yet
    rows = []
    with tempfile.TemporaryDirectory() as data, running_servers(Path(data), PARTITIONS) as desk:
        for name in ("one", "two"):
            desk.add(name)
        for is_restarted in (True, False):
            found = asyncio.run(measure(desk, sys.stderr.write, is_restarted))
            seconds = [took for took, _ in found]
            told = "is started again at once" if is_restarted else "stays away"
            median, worst = statistics.median(seconds), max(waits for _, waits in found)
            rows.append(f"| the killed one {told} | {median:.1f} | {max(seconds):.1f} | {worst:,} |")
    lines = [f"| kill -9 of one of two aggregators, {PER_S:,.0f} events/s | median, s | worst, s | most that waited |"]
    sys.stdout.write("\n".join([*lines, "| --- | --- | --- | --- |", *rows]) + "\n")


if __name__ == "__main__":
    main()
