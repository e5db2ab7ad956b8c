"""Log to read model, with many regions and a long past: the aggregator's steps on a real mongod, beside writing the
same documents raw, in the same batches, without reading, comparing or deciding anything.

`DESK_BENCH_PAST` is how many events there are already (20,000; a million takes two minutes to make),
`DESK_BENCH_BATCH` how many records are folded in one go."""

from __future__ import annotations

import itertools
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path as FilePath
from typing import Any

from benchmarks import nation
from desk.stack import mongod
from desk.stack.ports import free_ports
from services.aggregator import changes, store
from shared import mongo
from shared.election.calendar import Calendar
from shared.election.config import Level
from shared.election.files import read_roster
from shared.election.roster import Roster
from shared.events.codec import encode
from shared.events.report import Condition, ReportData, ReportEvent
from shared.exactly_once import journal
from shared.exactly_once.cursors import Document, empty, fold
from shared.exactly_once.dead_letters import DeadLetters
from shared.exactly_once.documents import Documents
from shared.exactly_once.guard import Guard, Look
from shared.exactly_once.journal import Journal
from shared.exactly_once.records import Position, Record, Sighting
from shared.exactly_once.steps import Parts, Steps
from shared.http.serve import settle_garbage
from shared.metrics import Metrics

PAST = int(os.environ.get("DESK_BENCH_PAST", "20000"))
BATCH = int(os.environ.get("DESK_BENCH_BATCH", "2000"))
ROUNDS = 8
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


class _NoLog:
    """A log that nobody asks: the guard has nothing to verify on a fresh database."""

    async def look(self, positions: Sequence[Position]) -> list[Look]:
        return [Look(0, None) for _ in positions]


class _NoLetters:
    async def publish(self, *_record: object) -> Position:
        raise AssertionError("no record here is bad")


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
            partition = hash(region[:5]) % 12
            found.append(_record(n, region, Position("desk.reports", partition, offsets[partition])))
            offsets[partition] += 1
        yield found


def _event(n: int, region: str) -> ReportEvent:
    at = _BEGIN + timedelta(milliseconds=n)
    return ReportEvent(
        id=f"bench-{n}",
        source="/agencies/bench",
        subject=region,
        time=at,
        receivedat=at,
        contenthash="0" * 64,
        data=ReportData(period=date(2024, 11, 18), condition=Condition.NORMAL, summary="Aman dan terkendali."),
    )


def _record(n: int, region: str, position: Position) -> Record:
    return Record(position, region[:5].encode(), encode(_event(n, region)))


async def main() -> str:
    """The table of this path."""
    settle_garbage()
    real = _DEPLOY / "roster"
    rosters: list[Callable[[], Roster]] = [
        lambda: Roster(r for r in read_roster(real / "kaltim.csv") if r.level in (Level.PROVINCE, Level.REGENCY)),
        lambda: read_roster(real / "nasional.csv"),
        lambda: Roster(nation.regions()),
    ]
    rows = []
    for roster, past in itertools.product(rosters, (0, PAST)):
        calendar = Calendar(nation.election(Level.REGENCY), roster())
        rows.append(await measured(calendar, past))
    lines = [
        f"## Log to read model, batches of {BATCH:,}",
        "",
        "| regions | events before | ratio to the same writes, raw | events/s | CPU, us/event |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += [f"| {r.regions:,} | {r.past:,} | {r.ratio:.2f} | {r.events_per_s:,.0f} | {r.cpu_us:.0f} |" for r in rows]
    return "\n".join(lines) + "\n"


async def measured(calendar: Calendar, past: int) -> Measured:
    """On a mongod of its own."""
    with ExitStack() as stack:
        data = FilePath(stack.enter_context(tempfile.TemporaryDirectory()))
        (port,) = free_ports(1)
        mongod.start(data, port, lambda process: stack.callback(process.stop))
        client = mongo.connect(mongod.url(port), timeout_ms=60_000)
        try:
            ours, raw = Recorded(mongo.database(client, "ours")), mongo.database(client, "raw")
            for database in (ours._database, raw):
                await store.ensure_indexes(database)
                await journal.keep_for(database[journal.COLLECTION], timedelta(days=400))
                await _fill(database, calendar, past)
            return await _compared(calendar, past, ours, raw)
        finally:
            await mongo.close(client)


async def _compared(calendar: Calendar, past: int, ours: Recorded, raw: Any) -> Measured:
    codes = [r.code for r in calendar.roster if r.level is not Level.PROVINCE]
    steps, took, took_raw, cpu = _steps(ours, calendar), [], [], []
    for turn, records in zip(range(ROUNDS + 1), batches(codes, past), strict=False):
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


async def _fill(database: Any, calendar: Calendar, past: int) -> None:
    """The journal and the reports of events before; the regions' documents as large as they get."""
    region = next(r.code for r in calendar.roster.at_level(Level.REGENCY))
    position = Position("desk.reports", 0, 0)
    changed = changes.changes_of(calendar)
    event = _event(0, region)
    (report, state) = changed(Sighting(position, event, Record(position, None, b"")))
    document = fold(empty(event.identity), [report])
    entry = {**document, "written_at": _BEGIN}
    for begin in range(0, past, 10_000):
        ids = [f"/agencies/bench/bench-{n}" for n in range(begin, min(begin + 10_000, past))]
        await database[journal.COLLECTION].insert_many([{**entry, "_id": i} for i in ids], ordered=False)
        await database["reports"].insert_many([{**document, "_id": i} for i in ids], ordered=False)
    whole: Document = fold(empty(region), [replace(state, position=Position("desk.reports", 0, n)) for n in range(30)])
    codes = (r.code for r in calendar.roster if r.level is not Level.PROVINCE)
    regions = [{**whole, "_id": code, "cursors": {}} for code in codes] if past else []
    if regions:
        await database["regions"].insert_many(regions, ordered=False)


def _steps(database: Any, calendar: Calendar) -> Steps:
    return Steps(
        Parts(
            journal=Journal(database[journal.COLLECTION]),
            documents=Documents(database, changes.COLLECTIONS),
            dead_letters=DeadLetters(_NoLetters(), "bench"),
            guard=Guard(database["positions"], _NoLog()),
            changes=changes.changes_of(calendar),
            metrics=Metrics("bench"),
            dead_letter_run=100,
        )
    )
