"""What many regions and a long past cost: the aggregator's steps in this process, on a real mongod, beside writing the
same documents raw, in the same batches, without reading, comparing or deciding anything.

`DESK_BENCH_PAST` is how many events there are already (a million takes two minutes to make), `DESK_BENCH_BATCH` how
many records are folded in one go."""

from __future__ import annotations

import asyncio
import itertools
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path as FilePath
from typing import Any

from benchmarks import nation
from benchmarks.events import NoLetters, NoLog, report, report_record
from benchmarks.measure import OURS, Result, Row, at_most
from benchmarks.running import Run
from desk.stack import mongod
from desk.stack.ports import free_ports
from services.aggregator import changes, indexes
from shared import mongo
from shared.election.calendar import Calendar
from shared.election.config import Level
from shared.election.files import read_roster
from shared.election.roster import Roster
from shared.exactly_once import journal
from shared.exactly_once.cursors import Document, empty, fold
from shared.exactly_once.dead_letters import DeadLetters
from shared.exactly_once.documents import Documents
from shared.exactly_once.guard import Guard
from shared.exactly_once.journal import Journal
from shared.exactly_once.sightings import Sighting
from shared.exactly_once.steps import Parts, Steps
from shared.garbage import settle_garbage
from shared.kafka.partitioning import choose_partition
from shared.metrics import Metrics
from shared.records import Position, Record

BATCH = int(os.environ.get("DESK_BENCH_BATCH", "2000"))
_DEPLOY = FilePath(__file__).resolve().parent.parent / "deploy"
_BEGIN = datetime(2024, 11, 18, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Measured:
    """Medians. `ratio` is our events a second over those of the raw writes; `cpu_us` is what an event costs this
    process, mongod not counted."""

    regions: int
    past: int
    events_per_s: float
    ratio: float
    cpu_us: float


class Recorded:
    """A database that remembers what was written, to be written once more elsewhere."""

    def __init__(self, database: Any) -> None:
        self._database, self.writes = database, list[tuple[str, str, Any]]()

    def __getitem__(self, name: str) -> Any:
        recorded, collection = self.writes, self._database[name]

        class Recording:
            def __getattr__(self, method: str) -> Any:
                if method not in ("insert_many", "bulk_write"):
                    return getattr(collection, method)

                def write(what: Any, **options: Any) -> Any:
                    recorded.append((name, method, what))
                    return getattr(collection, method)(what, **options)

                return write

        return Recording()


def batches(codes: Sequence[str], first: int) -> Iterable[list[Record]]:
    """Reports of the regions in turn, twelve partitions, fresh ids."""
    offsets = [first] * 12
    for begin in itertools.count(first, BATCH):
        found = []
        for n in range(begin, begin + BATCH):
            region = codes[n * 7919 % len(codes)]
            partition = choose_partition(region[:5].encode(), range(12))
            found.append(report_record(n, region, Position("desk.reports", partition, offsets[partition])))
            offsets[partition] += 1
        yield found


def main(run: Run) -> list[Result]:
    """The table."""
    return asyncio.run(_measured(run))


async def _measured(run: Run) -> list[Result]:
    settle_garbage()
    real = _DEPLOY / "roster"
    rosters: list[Callable[[], Roster]] = [
        lambda: Roster(r for r in read_roster(real / "kaltim.csv") if r.level in (Level.PROVINCE, Level.REGENCY)),
        lambda: read_roster(real / "nasional.csv"),
        lambda: Roster(nation.regions()),
    ]
    past = int(os.environ.get("DESK_BENCH_PAST", run.events(30_000, 1_000_000)))
    rows = []
    for roster, before in itertools.product(rosters, (0, past)):
        calendar = Calendar(nation.election(Level.REGENCY), roster())
        found = await measured(calendar, before, run.rounds(3, 8))
        figures = {"events/s": found.events_per_s, "CPU of steps, us/event": found.cpu_us}
        rows.append(Row(f"{found.regions:,} regions, {before:,} events before", OURS, found.ratio, figures))
    cost = [row.figures["CPU of steps, us/event"] for row in rows]
    targets = [
        at_most(1.2, "times the CPU of 10 regions, at 508", cost[2] / cost[0]),
        at_most(1.2, f"times the CPU without a past, at 508 and {past:,} events", cost[3] / cost[2]),
    ]
    method = (
        f"Batches of {BATCH:,}; the ratio is to the same writes, raw. With a past each region's document is there."
    )
    return [Result("What regions and past events cost", method, rows, targets, "CPU of steps, us/event")]


async def measured(calendar: Calendar, past: int, rounds: int) -> Measured:
    """On a mongod of its own."""
    with ExitStack() as stack:
        data = FilePath(stack.enter_context(tempfile.TemporaryDirectory()))
        (port,) = free_ports(1)
        mongod.start(data, port, lambda process: stack.callback(process.stop))
        client = mongo.connect(mongod.url(port), timeout_ms=60_000, repeats_writes=False)  # as the aggregator
        try:
            ours, raw = Recorded(mongo.database(client, "ours")), mongo.database(client, "raw")
            for database in (ours._database, raw):
                await indexes.ensure_indexes(database)
                await journal.keep_for(database[journal.COLLECTION], timedelta(days=400))
                await fill(database, calendar, past)
            return await _compared(calendar, past, ours, raw, rounds)
        finally:
            await mongo.close(client)


async def _compared(calendar: Calendar, past: int, ours: Recorded, raw: Any, rounds: int) -> Measured:
    codes = [r.code for r in calendar.roster if r.level is not Level.PROVINCE]
    steps, took, took_raw, cpu = steps_on(ours, calendar), [], [], []
    for turn, records in zip(range(rounds + 1), batches(codes, past), strict=False):
        ours.writes.clear()
        began, cpu_began = time.perf_counter(), time.process_time()
        await steps.process(records)
        ended, cpu_ended = time.perf_counter(), time.process_time()
        for name, method, what in ours.writes:
            await getattr(raw[name], method)(what, ordered=False)
        if turn:
            took.append(ended - began)
            cpu.append(cpu_ended - cpu_began)
            took_raw.append(time.perf_counter() - ended)
    ratio = statistics.median(there / here for here, there in zip(took, took_raw, strict=True))
    cpu_us = statistics.median(cpu) / BATCH * 1e6
    return Measured(len(codes), past, BATCH / statistics.median(took), ratio, cpu_us)


async def fill(database: Any, calendar: Calendar, past: int) -> None:
    """The journal and the reports of events before; the regions' documents as large as they get."""
    region = next(r.code for r in calendar.roster.at_level(Level.REGENCY))
    position = Position("desk.reports", 0, 0)
    changed = changes.changes_of(calendar)
    event = report(0, region)
    (sent, state) = changed(Sighting(position, event, Record(position, None, b"")))
    document = fold(empty(event.identity), [sent])
    entry = {**document, "written_at": _BEGIN}
    for begin in range(0, past, 10_000):
        ids = [f"/agencies/bench/bench-{n}" for n in range(begin, min(begin + 10_000, past))]
        await database[journal.COLLECTION].insert_many([{**entry, "_id": i} for i in ids], ordered=False)
        await database["reports"].insert_many([{**document, "_id": i} for i in ids], ordered=False)
    whole: Document = fold(empty(region), [state._replace(position=Position("desk.reports", 0, n)) for n in range(30)])
    codes = (r.code for r in calendar.roster if r.level is not Level.PROVINCE)
    regions = [{**whole, "_id": code, "cursors": {}} for code in codes] if past else []
    if regions:
        await database["regions"].insert_many(regions, ordered=False)


def steps_on(database: Any, calendar: Calendar) -> Steps:
    """The aggregator's own, without a log behind them."""
    return Steps(
        Parts(
            journal=Journal(database[journal.COLLECTION]),
            documents=Documents(database, changes.COLLECTIONS),
            dead_letters=DeadLetters(NoLetters(), "bench"),
            guard=Guard(database["positions"], NoLog()),
            changes=changes.changes_of(calendar),
            metrics=Metrics("bench"),
            dead_letter_run=100,
        )
    )
