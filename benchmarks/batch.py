"""A batch of 500 NDJSON lines to its last answer, by real processes over sockets, beside validating the same lines and
nothing else, and beside `gather(send_and_wait)` behind FastAPI."""

from __future__ import annotations

import asyncio
import time
from functools import partial

from pydantic import TypeAdapter

from benchmarks.intake import AGENCIES, REGIONS, sample, three
from benchmarks.load import Load, report
from benchmarks.measure import LIMIT, OURS, PEER, Result, Row, Sample, Target, Way, at_least, interleave
from benchmarks.peers.fastapi_intake import Report
from benchmarks.running import Run
from benchmarks.servers import Servers, agencies, servers
from desk.stack.process import Process
from shared.garbage import settle_garbage
from shared.topics import REPORTS

LINES = 500
METHOD = (
    f"Batches of {LINES} lines, each to its last answer: 8 at a time, one of each agency. The limit validates the "
    "same lines with a plain strict pydantic model, without HTTP, keys, ids that are remembered, or Kafka."
)


def main(run: Run) -> list[Result]:
    """The table."""
    with servers([REPORTS]) as found:
        return asyncio.run(_measured(found, run))


async def _measured(found: Servers, run: Run) -> list[Result]:
    (_, ours, peer) = await three(found)
    keys = await agencies(found.mongo, AGENCIES)
    settle_garbage()
    ways = [
        Way("validating the lines alone", LIMIT, partial(_validated, run)),
        Way("intake", OURS, partial(_sent, found, ours[2], ours[3], keys, run)),
        Way("FastAPI, gather(send_and_wait)", PEER, partial(_sent, found, peer[2], peer[3], keys, run)),
    ]
    rows = await interleave(ways, run.rounds(3, 5))
    return [Result(f"A batch of {LINES} lines", METHOD, rows, _targets(rows))]


async def _validated(run: Run) -> Sample:
    lines = [report(f"bench-{n:010}", REGIONS[n % len(REGIONS)], "report") for n in range(LINES)]
    text, validate = b"\n".join(lines), TypeAdapter(Report).validate_json
    began, cpu, batches = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - began < run.seconds(0.7, 3.0):
        found = [validate(line) for line in text.split(b"\n")]
        batches += 1
    assert len(found) == LINES
    used = {"server": time.process_time() - cpu}
    return Sample(batches * LINES, time.perf_counter() - began, {**used, "mongod": 0, "Kafka": 0, "load": 0})


async def _sent(found: Servers, process: Process, port: int, keys: list[str], run: Run) -> Sample:
    load = Load(port, "/v1/batch", keys, REGIONS, AGENCIES, run.seconds(6.0, 15.0), LINES, wanted=200, warm_up_s=1.0)
    return await sample(found, process, load)


def _targets(rows: list[Row]) -> list[Target]:
    ours, peer = rows[1], rows[2]
    return [
        at_least(0.7, "of the limit's lines/s", ours.ratio),
        at_least(4.0, "times the peer's lines/s", ours.figures["events/s"] / peer.figures["events/s"]),
    ]
