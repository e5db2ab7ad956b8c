"""Catching up after an hour's outage at national load, 121 events a second: the aggregator on one replica and on two,
the notifier on one, each with a full log and an empty database. On two cores one replica leaves little for a second;
so one and two are also measured with a third of the time for each."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from functools import partial

from benchmarks.aggregate import TOPICS, forget, until_counted
from benchmarks.catching_up import RATE, START, Reader, compared
from benchmarks.filling import fill_with_reports
from benchmarks.measure import OURS, Result, Row, Sample, Target, at_least, at_most
from benchmarks.rationed import rationed
from benchmarks.running import Run
from benchmarks.servers import ROOT, Servers, servers
from shared import mongo
from shared.election.config import Level
from shared.election.files import read_roster
from shared.topics import AGGREGATOR_GROUP, DEAD_LETTERS, NOTIFIER_GROUP

PER_S, OUTAGE_S = 121, 3_600
MISSED = PER_S * OUTAGE_S
SECONDS = "seconds for the hour"
A_THIRD = 1 / 3


@dataclass(frozen=True)
class Replicas:
    """So many of a service; `share` is how much of the time each may run."""

    name: str
    service: str
    count: int
    share: float = 1.0


def main(run: Run) -> list[Result]:
    """The table."""
    with servers([*TOPICS, DEAD_LETTERS]) as found:
        return asyncio.run(_measured(found, run))


async def _measured(found: Servers, run: Run) -> list[Result]:
    events = run.events(MISSED // 4, MISSED)
    regions = read_roster(ROOT / "deploy" / "roster" / "nasional.csv").at_level(Level.REGENCY)
    readers = [
        Reader(told.name, OURS, partial(_caught_up, found, told))
        for told in (
            Replicas("aggregator, one replica", "aggregator", 1),
            Replicas("aggregator, two replicas", "aggregator", 2),
            Replicas("notifier, one replica", "notifier", 1),
            Replicas("aggregator, one replica, a third of the time", "aggregator", 1, A_THIRD),
            Replicas("aggregator, two replicas, each a third", "aggregator", 2, A_THIRD),
        )
    ]
    fill = partial(fill_with_reports, found.kafka, [region.code for region in regions])
    rows = [_with_hour(row) for row in await compared(readers, fill, events, run.rounds(1, 3))]
    method = (
        f"{events:,} reports of {len(regions)} regions wait in the log; the time runs from the start of the process, "
        f"and is told for the {MISSED:,} of an hour, with the start. The ratio is to one replica, without it. "
        "*A third*: a replica is stopped for two thirds of each 30 ms, so that the cores are nobody's limit."
    )
    return [Result("Catching up after an hour's outage", method, rows, _targets(rows))]


async def _caught_up(found: Servers, told: Replicas, events: int) -> Sample:
    group, database = {
        "aggregator": (AGGREGATOR_GROUP, mongo.AGGREGATOR_DB),
        "notifier": (NOTIFIER_GROUP, mongo.NOTIFIER_DB),
    }[told.service]
    await forget(found, group, database)
    election = ROOT / "deploy" / "elections" / "nasional-2024.yaml"
    began = time.perf_counter()
    started = dict(found.service(told.service, election=election) for _ in range(told.count))
    try:
        async with rationed([process.pid for process in started], told.share):
            return await until_counted(found, started, began, events)
    finally:
        for process in started:
            await asyncio.to_thread(process.stop)


def _with_hour(row: Row) -> Row:
    if RATE not in row.figures:
        return row
    seconds = row.figures[START] + MISSED / row.figures[RATE]
    return Row(row.name, row.role, row.ratio, {SECONDS: seconds, **row.figures})


def _targets(rows: list[Row]) -> list[Target]:
    return [
        at_most(60, "s until the lag is zero, aggregator on one replica", rows[0].figures.get(SECONDS)),
        at_least(1.7, "times as fast on two replicas", rows[1].ratio),
        at_least(1.7, "times as fast on two replicas that have a third of the time each", _times(rows[4], rows[3])),
    ]


def _times(faster: Row, slower: Row) -> float | None:
    rates = [row.figures.get(RATE) for row in (faster, slower)]
    return rates[0] / rates[1] if rates[0] and rates[1] else None
