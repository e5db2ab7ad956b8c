"""What ten million past events cost each event that comes after them: the aggregator's steps, in turn on a database
that has them and on one that has none, of the same mongod; by itself, since it takes a quarter of an hour and six
gigabytes of disk: `python -m benchmarks.past [events]`."""

from __future__ import annotations

import asyncio
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil

from benchmarks import growth, nation
from benchmarks.processes import used_s
from desk.stack import mongod
from desk.stack.ports import free_ports
from services.aggregator import indexes
from shared import mongo
from shared.election.calendar import Calendar
from shared.election.config import Level
from shared.election.files import read_roster
from shared.exactly_once import journal
from shared.garbage import settle_garbage

PAST = 10_000_000
_ROSTER = Path(__file__).resolve().parent.parent / "deploy" / "roster" / "nasional.csv"
TURNS, WARM_UP = 40, 5

Figures = tuple[float, float, float]  # us an event: ours, mongod's, from beginning to end


async def measured(past: int) -> tuple[dict[str, list[Figures]], str]:
    """The figures of each turn, with a past and without; how large the past is."""
    calendar = Calendar(nation.election(Level.REGENCY), read_roster(_ROSTER))
    with ExitStack() as stack:
        data = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="desk-bench-")))
        (port,) = free_ports(1)
        process = mongod.start(data, port, lambda started: stack.callback(started.stop))
        client = mongo.connect(mongod.url(port), timeout_ms=60_000, repeats_writes=False)  # as the aggregator
        try:
            databases = {name: mongo.database(client, name) for name in ("without", "with")}
            for name, database in databases.items():
                await indexes.ensure_indexes(database)
                await journal.keep_for(database[journal.COLLECTION], timedelta(days=400))
                await growth.fill(database, calendar, past if name == "with" else 1)  # both: regions' full documents
            return await _turns(databases, calendar, past, psutil.Process(process.pid)), await _size(databases["with"])
        finally:
            await mongo.close(client)


async def _turns(
    databases: dict[str, Any], calendar: Calendar, past: int, process: psutil.Process
) -> dict[str, list[Figures]]:
    codes = [region.code for region in calendar.roster if region.level is not Level.PROVINCE]
    steps = {name: growth.steps_on(database, calendar) for name, database in databases.items()}
    records = {name: iter(growth.batches(codes, past if name == "with" else 1)) for name in databases}
    found: dict[str, list[Figures]] = {name: [] for name in databases}
    for turn in range(WARM_UP + TURNS):
        for name in databases:
            batch = next(records[name])
            began, cpu, database_cpu = time.perf_counter(), time.process_time(), used_s(process)
            await steps[name].process(batch)
            spent = (time.process_time() - cpu, used_s(process) - database_cpu, time.perf_counter() - began)
            if turn >= WARM_UP:
                ours, mongods, all_told = (seconds / len(batch) * 1e6 for seconds in spent)
                found[name].append((ours, mongods, all_told))
    return found


async def _size(database: Any) -> str:
    told = await database.command("dbstats", scale=1_000_000)
    return f"{told['objects']:,.0f} documents, {told['dataSize']:,.0f} MB, indexes {told['indexSize']:,.0f} MB"


def table(found: dict[str, list[Figures]], past: int, size: str) -> str:
    """Means of mongod's, which works in bursts; medians of ours and of the whole."""
    about = f"508 regions, whose documents are there either way; {past:,} events before: {size}"
    lines = [f"| {about} | ours, us/event | mongod, us/event | all told, us/event |", "| --- | --- | --- | --- |"]
    for name, turns in found.items():
        ours, mongods, all_told = zip(*turns, strict=True)
        cells = (statistics.median(ours), statistics.mean(mongods), statistics.median(all_told))
        lines.append(f"| {name} | " + " | ".join(f"{cell:,.0f}" for cell in cells) + " |")
    return "\n".join(lines) + "\n"


def main(past: int) -> None:
    """The table, on stdout."""
    settle_garbage()
    found, size = asyncio.run(measured(past))
    sys.stdout.write(table(found, past, size))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else PAST)
