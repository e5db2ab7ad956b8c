"""What an event costs the whole system: events of each kind through `desk up`, with the nation's 508 regions; CPU of
each process, and the growth of Kafka's log and of each database. CPU is what a process used beyond its idling.

`python -m benchmarks.event_cost [events of each kind]`; the figures stand in `benchmarks/capacity_figures.py`."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

import httpx
from pymongo import MongoClient

from shared import mongo, topics
from shared.election.config import Level
from shared.election.files import read_roster

ROOT = Path(__file__).resolve().parent.parent
PER_S = 121  # 435,296 polling stations in an hour
LINES, CONNECTIONS, WARM_UP = 500, 32, 1_000
QUIET_S, IDLE_S = 8.0, 20.0
TICKS_PER_S = os.sysconf("SC_CLK_TCK")
DATABASES = (mongo.INTAKE_DB, mongo.AGGREGATOR_DB, mongo.NOTIFIER_DB)
CLOCK = "2024-11-25T10:00:00+08:00@1"  # a Monday inside the quiet period
TEXT = "Keadaan aman dan terkendali; gudang logistik siap, petugas lengkap, jaringan dan listrik baik. " * 3
AT = "2024-11-25T09:00:00+08:00"
KINDS: Mapping[str, tuple[str, Mapping[str, Any]]] = {
    "report": ("reports", {"condition": "normal", "summary": TEXT}),
    "incident": ("incidents", {"category": "security", "description": TEXT, "occurred_at": AT}),
    "violation": ("incidents", {"category": "money_politics", "description": TEXT, "occurred_at": AT}),
    "logistics": ("logistics", {"item": "ballots", "required": 5000, "received": 4000, "as_of": AT}),
}


class Way(Enum):
    """How events are sent."""

    LINES = "lines of batches"
    CALLS = "calls as fast as they go"
    PACED = "calls at the nation's rate"


@dataclass(frozen=True)
class Used:
    """Bytes on disk, and seconds of CPU of each process since its start."""

    at: float
    disk: dict[str, int]
    cpu: dict[str, float]


def main(events: int) -> None:
    with tempfile.TemporaryDirectory(prefix="desk-bench-") as name, desk_up(Path(name)) as ready:
        client = MongoClient[dict[str, Any]](ready["mongo"])

        def look() -> Used:
            return used(client, Path(name), ready["pids"])

        say("memory at the start, MB", memory(ready["pids"]))
        asyncio.run(send(ready, "report", WARM_UP, Way.CALLS))
        found = []
        for kind, count, way in plan(events):
            before = look()
            asyncio.run(send(ready, kind, count, way))
            sent_s = time.monotonic() - before.at
            found.append((f"{kind}, {count} {way.value}, {count / sent_s:.0f} a second", count, before, settled(look)))
            print(f"sent: {found[-1][0]}", flush=True)
        say("memory at the end, MB", memory(ready["pids"]))
        rested = look()
        time.sleep(IDLE_S)
        idle = idling(rested, look())
    say("idle, per cent of a core", {name: share * 100 for name, share in idle.items()})
    for about, count, before, after in found:
        say(f"{about}: bytes and us of CPU an event", cost(before, after, idle, count))


def plan(events: int) -> Iterator[tuple[str, int, Way]]:
    """A violation is an alert and a delivery too: fewer do."""
    for kind in KINDS:
        yield kind, events // 5 if kind == "violation" else events, Way.LINES
    yield "report", events // 4, Way.CALLS
    yield "report", 20 * PER_S, Way.PACED


def cost(before: Used, after: Used, idle: Mapping[str, float], events: int) -> dict[str, float]:
    found = {name: (size - before.disk[name]) / events for name, size in after.disk.items()}
    lasted = after.at - before.at
    for name, seconds in after.cpu.items():
        found[f"CPU {name}"] = (seconds - before.cpu[name] - idle[name] * lasted) / events * 1e6
    return found


def idling(first: Used, last: Used) -> dict[str, float]:
    """Cores that each process takes with nothing to do."""
    return {name: (seconds - first.cpu[name]) / (last.at - first.at) for name, seconds in last.cpu.items()}


def say(about: str, figures: Mapping[str, float]) -> None:
    print(f"{about}:", flush=True)
    for name, value in figures.items():
        print(f"    {name:28} {value:8.1f}", flush=True)


@contextmanager
def desk_up(data_dir: Path) -> Iterator[dict[str, Any]]:
    """What it says when it is ready."""
    command = [sys.executable, "-m", "desk", "up", "--data-dir", str(data_dir), "--clock", CLOCK]
    command += ["--election", str(ROOT / "deploy" / "elections" / "nasional-2024.yaml")]
    environ = {**os.environ, "DESK_EVENTS_PER_MINUTE": "600000"}
    with (data_dir / "desk-up.log").open("wb") as log:
        process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=log, env=environ)
        try:
            assert process.stdout is not None
            yield json.loads(process.stdout.readline())
        finally:
            process.terminate()
            process.wait(60)


async def send(ready: Mapping[str, Any], kind: str, events: int, way: Way) -> None:
    """The regions in turn; all are accepted."""
    codes = [r.code for r in read_roster(ROOT / "deploy" / "roster" / "nasional.csv").at_level(Level.REGENCY)]
    path, body = KINDS[kind]
    what = f"{way.name}-{kind}-{events}"
    made = [{**body, "id": f"{what}-{n:06}-0123456789ab", "region": codes[n % len(codes)]} for n in range(events)]
    headers = {"Authorization": f"Bearer {ready['keys']['agency']}"}
    async with httpx.AsyncClient(timeout=120, headers=headers, base_url=ready["intake"]) as client:
        if way is Way.LINES:
            for begin in range(0, events, LINES):
                await send_lines(client, kind, made[begin : begin + LINES])
            return
        lanes = [made[lane::CONNECTIONS] for lane in range(CONNECTIONS)]
        every_s = CONNECTIONS / PER_S if way is Way.PACED else 0
        await asyncio.gather(*(send_calls(client, f"/v1/{path}", lane, every_s) for lane in lanes))


async def send_lines(client: httpx.AsyncClient, kind: str, bodies: Sequence[Mapping[str, Any]]) -> None:
    content = "\n".join(json.dumps(body) for body in bodies)
    headers = {"Content-Type": "application/x-ndjson"}
    answer = await client.post(
        f"/v1/batch?kind={kind.replace('violation', 'incident')}", content=content, headers=headers
    )
    results = map(json.loads, answer.raise_for_status().text.splitlines())
    assert not (refused := [one for one in results if one["status"] != 202]), refused[0]


async def send_calls(
    client: httpx.AsyncClient, path: str, bodies: Sequence[Mapping[str, Any]], every_s: float
) -> None:
    began = time.monotonic()
    for n, body in enumerate(bodies):
        await asyncio.sleep(max(0.0, began + n * every_s - time.monotonic()))
        (await client.post(path, json=body)).raise_for_status()


def settled(look: Any) -> Used:
    """What is used when nothing has grown for some seconds."""
    last: Used = look()
    while True:
        time.sleep(QUIET_S)
        now: Used = look()
        if now.disk == last.disk:
            return last
        last = now


def used(client: MongoClient[dict[str, Any]], data_dir: Path, pids: Mapping[str, int]) -> Used:
    """Of a database its documents and, compressed and with indexes, its files; of Kafka its segments."""
    client.admin.command("fsync")
    segments = [p for topic in topics.ALL for p in data_dir.rglob(f"{topic.name}-*/*.log")]
    disk = {"Kafka": sum(path.stat().st_size for path in segments)}
    for name in DATABASES:
        found = client[name].command("dbStats")
        disk[f"{name} documents"] = int(found["dataSize"])
        disk[f"{name} files"] = int(found["storageSize"] + found["indexSize"])
    return Used(time.monotonic(), disk, {name: cpu_s(pid) for name, pid in pids.items()})


def cpu_s(pid: int) -> float:
    """In the process and in the kernel for it."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS_PER_S


def memory(pids: Mapping[str, int]) -> dict[str, int]:
    """Resident, of each process."""
    status = {name: Path(f"/proc/{pid}/status").read_text() for name, pid in pids.items()}
    return {name: int(re.findall(r"VmRSS:\s+(\d+)", found)[0]) // 1024 for name, found in status.items()}


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000)
