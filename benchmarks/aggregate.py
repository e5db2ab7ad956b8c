"""The log to exact state: the aggregator as compose runs it, catching up with a full log, beside those who count the
same events into the same database: raw, and by FastStream, Bytewax and Quix Streams. None of them is exactly once."""

from __future__ import annotations

import asyncio
import csv
import itertools
import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import aiohttp

from benchmarks import nation
from benchmarks.filling import fill_with_reports
from benchmarks.measure import LIMIT, OURS, PEER, Result, Row, Sample, Target, Way, at_least, at_most, interleave
from benchmarks.processes import Cpu
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
    "Each reads the same log of reports from its beginning and writes with majority and journal, in batches of 2,000; "
    "the time runs from the first batch that is counted to the last. The ratio is to the raw journal and counts. Only "
    "ours counts exactly once, keeps the reports, and writes what a region's page shows."
)
_PEERS = ROOT / ".venv" / "peers" / "bin" / "python"
_DEPLOY = ROOT / "deploy"
_GROUPS = itertools.count()
_GIVEN_UP_S = 240.0
_LONGER = 4
_COUNTED = re.compile(rb'^desk_records_total\{outcome="(?:first|retry)".*\} (\S+)$', re.MULTILINE)


@dataclass
class Progress:
    """When how much was counted: the first word of it, and the word that reached the end."""

    wanted: int
    cpu: Callable[[], dict[str, float]]
    first: tuple[float, int, dict[str, float]] | None = None
    last: tuple[float, int, dict[str, float]] | None = field(default=None)

    def note(self, counted: int) -> bool:
        """Whether all is counted."""
        if counted and self.first is None:
            self.first = (time.perf_counter(), counted, self.cpu())
        if counted >= self.wanted and self.last is None:
            self.last = (time.perf_counter(), counted, self.cpu())
        return self.last is not None

    def sample(self) -> Sample:
        assert self.first is not None
        assert self.last is not None
        (began, before, used), (ended, after, used_then) = self.first, self.last
        cpu = {name: used_then[name] - used[name] for name in used}
        return Sample(max(after - before, 1), max(ended - began, 1e-6), cpu)


def main(run: Run) -> list[Result]:
    """One table for each number of regions."""
    results, ours = [], {}
    for regions, events in (
        (10, run.events(24_000, 200_000)),
        (508, run.events(24_000, 200_000)),
        (90_000, run.events(16_000, 200_000)),
    ):
        with servers(TOPICS) as found:
            rows = asyncio.run(_measured(found, run, regions, events))
        ours[regions] = rows[1]
        results.append(Result(f"Log to exact state, {regions:,} regions", METHOD, rows, _targets(rows, regions, ours)))
    return results


async def _measured(found: Servers, run: Run, regions: int, events: int) -> list[Row]:
    election, codes = roster_of(found.directory, regions)
    # Whoever reads ahead has done most of a short log before the first batch is written, when the clock starts: the
    # fast ones get a longer one.
    longer = events * (_LONGER if regions <= 508 else 1)
    await fill_with_reports(found.kafka, longer, codes)
    count = partial(_counting, found, longer)
    ways = [
        Way("raw insert_many and bulk_write", LIMIT, partial(count, [_own(), "-m", "benchmarks.peers.raw_counts"])),
        Way("aggregator", OURS, partial(_ours, found, events, election)),
        Way(
            "FastStream batch and bulk_write",
            PEER,
            partial(count, [_own(), "-m", "benchmarks.peers.faststream_counts"]),
        ),
        *(
            Way(name, PEER, partial(count, [str(_PEERS), f"benchmarks/peers/{script}.py"]))
            for name, script in (("Bytewax", "bytewax_counts"), ("Quix Streams", "quix_counts"))
            if _PEERS.exists()
        ),
    ]
    return await interleave(ways, run.rounds(2 if regions == 508 else 1, 3), warm_up=0)


def _own() -> str:
    return str(ROOT / ".venv" / "bin" / "python")


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


async def _ours(found: Servers, wanted: int, settings: dict[str, object]) -> Sample:
    """A fresh database and a fresh group, as on the first day."""
    await forget(found, AGGREGATOR_GROUP, mongo.AGGREGATOR_DB)
    process, port = found.service("aggregator", **settings)
    try:
        return await until_counted(found, {process: port}, wanted)
    finally:
        await asyncio.to_thread(process.stop)
        await forget(found, AGGREGATOR_GROUP, mongo.AGGREGATOR_DB)


async def until_counted(found: Servers, replicas: dict[Process, int], wanted: int) -> Sample:
    """Until the replicas together say that so many records are counted."""
    pids = {("server" if len(replicas) == 1 else f"server {n}"): p.pid for n, p in enumerate(replicas, 1)}
    progress = Progress(wanted, Cpu({**pids, **found.pids}).used)
    async with asyncio.timeout(_GIVEN_UP_S), aiohttp.ClientSession() as asking:
        while True:
            counted = [await _counted(asking, process, port) for process, port in replicas.items()]
            if progress.note(sum(counted)):
                return progress.sample()
            await asyncio.sleep(0.4)  # asking costs the service 6 ms


async def _counted(asking: aiohttp.ClientSession, process: Process, port: int) -> int:
    assert process.alive, process.tail()
    try:
        async with asking.get(f"http://{HOST}:{port}/metrics") as answer:
            return sum(int(float(found)) for found in _COUNTED.findall(await answer.read()))
    except aiohttp.ClientError:
        return 0  # it does not listen yet


async def _counting(found: Servers, wanted: int, argv: Sequence[str]) -> Sample:
    """A process that writes how much it has counted, a line for each batch."""
    group = f"peer-{next(_GROUPS)}"
    log = found.directory / f"{group}.log"
    arguments = [*argv, found.kafka, found.mongo, REPORTS.name, group, str(Settings().batch_max_records)]
    process = start_process(Command(group, arguments, log, ROOT), lambda p: found.stack.callback(p.stop))
    progress = Progress(wanted, Cpu({"server": process.pid, **found.pids}).used)
    try:
        async with asyncio.timeout(_GIVEN_UP_S):
            while not progress.note(_last_number(log)):
                assert process.alive, process.tail()
                await asyncio.sleep(0.02)
        return progress.sample()
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
    rate = mine.figures["events/s"]
    targets = [at_least(1.6, "times FastStream batch and bulk_write", rate / peers[0].figures["events/s"])]
    targets += [
        Target(f"faster than {p.name}", f"{rate / p.figures['events/s']:.2f}", rate > p.figures["events/s"])
        for p in peers
    ]
    targets.append(at_least({10: 50_000, 508: 50_000, 90_000: 15_000}[regions], "events/s", rate))
    if regions == 508:
        cost = _cost(mine) / _cost(ours[10])
        targets.append(at_most(1.2, "times the CPU of 10 regions", cost))
    return targets


def _cost(row: Row) -> float:
    return row.figures["CPU of server, us/event"] + row.figures["CPU of mongod, us/event"]
