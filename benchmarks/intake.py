"""One event from POST to 202, by real processes over sockets: intake as compose runs it (keys, rates, fingerprints in
MongoDB, acks=all), beside the same bytes through bare httptools with no Kafka at all, and beside a FastAPI body model
with `send_and_wait`."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from functools import partial

from benchmarks.load import Load, loaded
from benchmarks.measure import LIMIT, OURS, PEER, Result, Row, Sample, Target, Way, at_least, interleave
from benchmarks.processes import Cpu
from benchmarks.running import Run
from benchmarks.servers import Servers, agencies, servers, until_listening, until_ready
from desk.stack.ports import free_ports
from desk.stack.process import Process
from shared.topics import REPORTS

AGENCIES = 8
CONNECTIONS = (64, 256)
REGIONS = ["64.01", "64.02", "64.03", "64.07", "64.08", "64.09", "64.11", "64.71", "64.72", "64.74"]
METHOD = (
    "Closed loop: each of so many connections of 8 agencies sends its next report when the last is answered. Load, "
    "server, broker and database share this machine; CPU by process."
)


def main(run: Run) -> list[Result]:
    """The table."""
    with servers([REPORTS]) as found:
        return asyncio.run(_measured(found, run))


async def _measured(found: Servers, run: Run) -> list[Result]:
    targets = await three(found)
    keys = await agencies(found.mongo, AGENCIES)
    rows: list[Row] = []
    for connections in CONNECTIONS:
        ways = [
            Way(
                f"{name}, {connections} connections",
                role,
                partial(_once, found, process, port, keys, connections, run),
            )
            for name, role, process, port in targets
        ]
        rows += await interleave(ways, run.rounds(3, 5))
    return [Result("One event: POST to 202", METHOD, rows, _targets(rows))]


async def three(found: Servers) -> list[tuple[str, str, Process, int]]:
    """The limit, ours and the peer, started and ready."""
    ours, port = found.service("intake")
    bare_port, fastapi_port = free_ports(2)
    bare = found.start("bare", ["-m", "benchmarks.peers.bare_http", str(bare_port)])
    fastapi = found.start("fastapi", ["-m", "benchmarks.peers.fastapi_intake", str(fastapi_port), found.kafka])
    await until_ready(ours, port)
    await until_listening(bare, bare_port)
    await until_listening(fastapi, fastapi_port)
    return [
        ("httptools, no Kafka", LIMIT, bare, bare_port),
        ("intake", OURS, ours, port),
        ("FastAPI, send_and_wait", PEER, fastapi, fastapi_port),
    ]


async def _once(found: Servers, process: Process, port: int, keys: list[str], connections: int, run: Run) -> Sample:
    load = Load(port, "/v1/reports", keys, REGIONS, connections, run.seconds(1.3, 5.0), warm_up_s=0.5)
    return await sample(found, process, load)


async def sample(found: Servers, process: Process, load: Load) -> Sample:
    """One load on one server, with the CPU of everybody."""
    cpu: list[Cpu] = []
    result = await loaded(load, lambda: cpu.append(Cpu({"server": process.pid, **found.pids})))
    used = cpu[0].used()
    with suppress(IndexError):
        used["load"] = result.cpu_s
    seen = {"p50, ms": result.p50_ms, "p99, ms": result.p99_ms}
    return Sample(result.requests * max(load.lines, 1), result.seconds, used, seen)


def _targets(rows: list[Row]) -> list[Target]:
    found = []
    for n, connections in enumerate(CONNECTIONS):
        _, ours, peer = rows[3 * n : 3 * n + 3]
        at = f"at {connections} connections"
        assert ours.ratio is not None
        found.append(at_least(0.45, f"of the limit's events/s {at}", ours.ratio))
        faster = ours.figures["events/s"] / peer.figures["events/s"]
        found.append(at_least(4.0, f"times FastAPI's events/s {at}", faster))
        ours_ms, peer_ms = ours.figures["p99, ms"], peer.figures["p99, ms"]
        found.append(Target(f"p99 below FastAPI's {at}", f"{ours_ms:.1f} ms, {peer_ms:.1f} ms", ours_ms < peer_ms))
    return found
