"""The log to exact state: the aggregator as compose runs it, catching up with a full log, beside those who count the
same events into the same database: raw, and by FastStream, Bytewax and Quix Streams. None of them is exactly once."""

from __future__ import annotations

import asyncio
import csv
import itertools
import re
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import aiohttp

from benchmarks import nation
from benchmarks.catching_up import RATE, Reader, compared
from benchmarks.filling import fill_with_reports
from benchmarks.measure import LIMIT, OURS, PEER, Result, Row, Sample, Target, at_least, at_most
from benchmarks.processes import timed
from benchmarks.running import Run
from benchmarks.servers import ROOT, Servers, forget_group, servers
from desk.stack.ports import HOST
from desk.stack.process import Command, Process, start_process
from shared import mongo
from shared.election.config import Level
from shared.election.files import read_roster
from shared.settings import Settings
from shared.topics import AGGREGATOR_GROUP, ALERTS, INCIDENTS, LOGISTICS, REPORTS

TOPICS = (REPORTS, INCIDENTS, LOGISTICS, ALERTS)
METHOD = (
    "Each reads the same log of reports from its beginning and writes with majority and journal, in batches of 2,000 "
    "or what it takes by default; the time runs from the start of its process to the last event, less what the start "
    "alone takes (the same log with one batch in it); no speed is told of a way whose start varies by more than half "
    "of that. The ratio is to the raw journal and counts. Only ours counts exactly once, keeps the reports, and "
    "writes what a region's page shows."
)
_PEERS = ROOT / ".venv" / "peers" / "bin" / "python"
_DEPLOY = ROOT / "deploy"
_GROUPS = itertools.count()
_COUNTED = re.compile(rb'^desk_records_total\{outcome="(?:first|retry)".*\} (\S+)$', re.MULTILINE)


def main(run: Run) -> list[Result]:
    """One table for each number of regions."""
    results, ours = [], {}
    for regions, events in (
        (10, run.events(120_000, 400_000)),
        (508, run.events(120_000, 400_000)),
        (90_000, run.events(80_000, 300_000)),
    ):
        with servers(TOPICS) as found:
            rows = asyncio.run(_measured(found, run, regions, events))
        ours[regions] = rows[1]
        results.append(Result(f"Log to exact state, {regions:,} regions", METHOD, rows, _targets(rows, regions, ours)))
    return results


async def _measured(found: Servers, run: Run, regions: int, events: int) -> list[Row]:
    election, codes = roster_of(found.directory, regions)
    own = str(ROOT / ".venv" / "bin" / "python")
    count = partial(_counting, found)
    readers = [
        Reader("raw insert_many and bulk_write", LIMIT, partial(count, [own, "-m", "benchmarks.peers.raw_counts"])),
        Reader("aggregator", OURS, partial(_ours, found, election)),
        Reader(
            "FastStream batch and bulk_write", PEER, partial(count, [own, "-m", "benchmarks.peers.faststream_counts"])
        ),
        *(
            Reader(name, PEER, partial(count, [str(_PEERS), f"benchmarks/peers/{script}.py"]))
            for name, script in (("Bytewax", "bytewax_counts"), ("Quix Streams", "quix_counts"))
            if _PEERS.exists()
        ),
    ]
    return await compared(readers, partial(fill_with_reports, found.kafka, codes), events, run.rounds(2, 3))


def roster_of(directory: Path, regions: int) -> tuple[dict[str, object], list[str]]:
    """The settings of an election with so many regions, and those that report."""
    if regions == 10:
        codes = [r.code for r in read_roster(_DEPLOY / "roster" / "kaltim.csv").at_level(Level.REGENCY)]
        return {"election": _DEPLOY / "elections" / "kaltim-2024.yaml"}, codes
    election = _DEPLOY / "elections" / "nasional-2024.yaml"
    if regions == 508:
        return {"election": election}, [
            r.code for r in read_roster(_DEPLOY / "roster" / "nasional.csv").at_level(Level.REGENCY)
        ]
    every = list(nation.regions())
    path = directory / "roster.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["code", "parent_code", "level", "name", "zone"])
        writer.writerows([r.code, r.parent or "", r.level.value, r.name, r.zone or ""] for r in every)
    return {"election": election, "roster": path}, [r.code for r in every if r.level is not Level.PROVINCE]


async def _ours(found: Servers, settings: dict[str, object], wanted: int) -> Sample:
    """A fresh database and a fresh group, as on the first day."""
    await forget(found, AGGREGATOR_GROUP, mongo.AGGREGATOR_DB)
    began = time.perf_counter()
    process, port = found.service("aggregator", **settings)
    try:
        return await until_counted(found, {process: port}, began, wanted)
    finally:
        await asyncio.to_thread(process.stop)
        await forget(found, AGGREGATOR_GROUP, mongo.AGGREGATOR_DB)


async def until_counted(found: Servers, replicas: dict[Process, int], began: float, wanted: int) -> Sample:
    """Until the replicas together say that so many records are counted."""
    pids = {("server" if len(replicas) == 1 else f"server {n}"): p.pid for n, p in enumerate(replicas, 1)}
    async with aiohttp.ClientSession() as asking:

        async def counted() -> int:
            return sum([await _counted(asking, process, port) for process, port in replicas.items()])

        return await timed({**pids, **found.pids}, began, counted, wanted, 0.2)  # asking costs the service 6 ms


async def _counted(asking: aiohttp.ClientSession, process: Process, port: int) -> int:
    assert process.alive, process.tail()
    try:
        async with asking.get(f"http://{HOST}:{port}/metrics") as answer:
            return sum(int(float(found)) for found in _COUNTED.findall(await answer.read()))
    except aiohttp.ClientError:
        return 0  # it does not listen yet


async def _counting(found: Servers, argv: Sequence[str], wanted: int) -> Sample:
    """A process that writes how much it has counted, a line for each batch."""
    group = f"peer-{next(_GROUPS)}"
    log = found.directory / f"{group}.log"
    arguments = [*argv, found.kafka, found.mongo, REPORTS.name, group, str(Settings().batch_max_records)]
    began = time.perf_counter()
    process = start_process(Command(group, arguments, log, ROOT), lambda p: found.stack.callback(p.stop))

    async def counted() -> int:
        assert process.alive, process.tail()
        return _last_number(log)

    try:
        return await timed({"server": process.pid, **found.pids}, began, counted, wanted, 0.02)
    finally:
        process.kill()
        await _drop(found, group)


def _last_number(log: Path) -> int:
    lines = log.read_bytes().rsplit(b"\n", 2)
    return int(lines[-2]) if len(lines) > 1 and lines[-2].strip().isdigit() else 0


async def forget(found: Servers, group: str, database: str) -> None:
    await forget_group(found.kafka, group, TOPICS)
    await _drop(found, database)


async def _drop(found: Servers, name: str) -> None:
    client = mongo.connect(found.mongo)
    try:
        await client.drop_database(name)
    finally:
        await mongo.close(client)


def _targets(rows: Sequence[Row], regions: int, ours: dict[int, Row]) -> list[Target]:
    mine, peers = rows[1], rows[2:]
    rate = mine.figures.get(RATE)
    times = {p.name: rate / p.figures[RATE] if rate and RATE in p.figures else None for p in peers}
    targets = [at_least(1.6, f"times {peers[0].name}", times[peers[0].name])]
    targets += [at_least(1, f"times {name}", ratio) for name, ratio in times.items()]
    targets.append(at_least({10: 50_000, 508: 50_000, 90_000: 15_000}[regions], RATE, rate))
    if regions == 508:
        cost = _cost(mine) / _cost(ours[10])
        targets.append(at_most(1.2, "times the CPU of 10 regions", cost))
    return targets


def _cost(row: Row) -> float:
    return row.figures["CPU of server, us/event"] + row.figures["CPU of mongod, us/event"]
