"""A violation from its POST to the webhook it is told by: the whole system as `desk up` runs it, beside Alertmanager
that is given the same event; with nothing else to do, and while 1,000 events a second pass."""

from __future__ import annotations

import asyncio
import itertools
import re
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from aiohttp import web

from benchmarks.desk_up import accepted, desk_up
from benchmarks.intake import AGENCIES, REGIONS
from benchmarks.load import Load, loaded
from benchmarks.measure import OURS, PEER, Result, Row, Target, at_most, percentile
from benchmarks.running import Run
from benchmarks.servers import agencies
from desk.stack.ports import HOST, free_ports

CLOCK = "2024-11-25T10:00:00+08:00@1"  # in the quiet period
PER_S, LINES = 1_000, 100
ARRIVED = "events/s accepted meanwhile"
ALERTMANAGER = shutil.which("prometheus-alertmanager") or shutil.which("alertmanager")
METHOD = (
    "From the first byte sent to the webhook's arrival at a receiver in this process, one violation after the other. "
    "Under load 8 agencies send batches of 100 reports, 1,000 lines a second, which all three services read. "
    "A p99 of 60 is the worst of them. Alertmanager (group_wait 0) gets a violation and nothing else: it keeps no "
    "log, and knows no key and no region."
)
_SECRET = "whsec_" + "YSBzZWNyZXQgb2YgdGhlIGJlbmNobWFya3MhISEhISE="
_ID = re.compile(rb"violation-\d+")
_GIVEN_UP_S = 20.0


@dataclass
class Arrivals:
    """When the webhook of which violation came."""

    waiting: dict[str, asyncio.Future[float]] = field(default_factory=dict)

    async def take(self, request: web.Request) -> web.Response:
        now = time.perf_counter()
        for found in set(_ID.findall(await request.read())):
            waiting = self.waiting.get(found.decode())
            if waiting is not None and not waiting.done():
                waiting.set_result(now)
        return web.Response(status=204)


def main(run: Run) -> list[Result]:
    """The table."""
    return asyncio.run(_measured(run))


async def _measured(run: Run) -> list[Result]:
    arrivals = Arrivals()
    with tempfile.TemporaryDirectory(prefix="desk-bench-") as name:
        directory = Path(name)
        async with _receiver(arrivals) as url, _alertmanager(directory, url) as alertmanager:
            receivers = {"name": "bench", "channel": "webhook", "url": url, "secret": _SECRET, "allow_private": True}
            path = directory / "receivers.yaml"
            path.write_text(yaml.safe_dump({"receivers": [receivers]}), encoding="utf-8")
            async with desk_up(directory / "up", "--clock", CLOCK, "--receivers", str(path)) as ready:
                rows = await _rows(run, ready, alertmanager, arrivals)
    return [Result("A violation: POST to webhook", METHOD, rows, _targets(rows), "p99, ms")]


async def _rows(run: Run, ready: dict[str, Any], alertmanager: str | None, arrivals: Arrivals) -> list[Row]:
    count = run.rounds(60, 300) if run.mode != "tiny" else 3
    keys = await agencies(ready["mongo"], AGENCIES)
    async with aiohttp.ClientSession() as session:
        senders = {"desk": _to_desk(session, ready["intake"], ready["keys"]["agency"])}
        if alertmanager:
            senders = {"Alertmanager": _to_alertmanager(session, alertmanager), **senders}
        await _told(senders, arrivals, 5)  # warm
        idle = await _told(senders, arrivals, count)
        port = int(ready["intake"].rpartition(":")[2])
        load = Load(port, "/v1/batch", keys, REGIONS, AGENCIES, 3_600, LINES, PER_S / LINES, 200, 1.0)
        busy = asyncio.create_task(loaded(load))
        try:
            await asyncio.sleep(4.0 if run.mode != "tiny" else 1.5)
            before, began = await accepted(ready), time.perf_counter()
            under_load = await _told(senders, arrivals, count)
            arrived = (await accepted(ready) - before) / (time.perf_counter() - began)
            assert not busy.done(), "the load has ended"
        finally:
            busy.cancel()
            with suppress(asyncio.CancelledError):
                await busy
    rows = []
    for when, took, per_s in (("idle", idle, 0.0), (f"{PER_S:,} events/s wanted", under_load, arrived)):
        rows += [
            _row(f"{name}, {when}", OURS if name == "desk" else PEER, seconds, per_s) for name, seconds in took.items()
        ]
    return rows


def _row(name: str, role: str, seconds: list[float], arrived: float) -> Row:
    shares = {"p50, ms": 0.5, "p90, ms": 0.9, "p99, ms": 0.99, "worst, ms": 1.0}
    figures = {title: percentile(seconds, share) * 1e3 for title, share in shares.items()}
    return Row(name, role, None, {**figures, "violations": len(seconds), ARRIVED: arrived})


Send = Callable[[str], Awaitable[None]]


async def _told(senders: dict[str, Send], arrivals: Arrivals, count: int) -> dict[str, list[float]]:
    """In turn, one violation after the other."""
    took: dict[str, list[float]] = {name: [] for name in senders}
    for _ in range(count):
        for name, send in senders.items():
            violation = f"violation-{next(_NUMBERS)}"
            waiting = arrivals.waiting[violation] = asyncio.get_running_loop().create_future()
            began = time.perf_counter()
            async with asyncio.timeout(_GIVEN_UP_S):
                await send(violation)
                took[name].append(await waiting - began)
            del arrivals.waiting[violation]
            await asyncio.sleep(0.03)
    return took


_NUMBERS = itertools.count(1)


def _to_desk(session: aiohttp.ClientSession, intake: str, key: str) -> Send:
    headers = {"Authorization": f"Bearer {key}"}

    async def send(violation: str) -> None:
        body = {
            "id": violation,
            "region": "64.72",
            "category": "money_politics",
            "occurred_at": "2024-11-25T09:00:00+08:00",
            "description": "Amplop dibagikan di RT 12.",
        }
        async with session.post(f"{intake}/v1/incidents", json=body, headers=headers) as answer:
            assert answer.status == 202, await answer.text()

    return send


def _to_alertmanager(session: aiohttp.ClientSession, url: str) -> Send:
    async def send(violation: str) -> None:
        until = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        labels = {"alertname": "violation", "region": "64.72", "event": violation}
        async with session.post(f"{url}/api/v2/alerts", json=[{"labels": labels, "endsAt": until}]) as answer:
            assert answer.status == 200, await answer.text()

    return send


@asynccontextmanager
async def _receiver(arrivals: Arrivals) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/", arrivals.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    (port,) = free_ports(1)
    await web.TCPSite(runner, HOST, port).start()
    try:
        yield f"http://{HOST}:{port}/"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def _alertmanager(directory: Path, url: str) -> AsyncIterator[str | None]:
    """Its address; None where it is not installed."""
    if ALERTMANAGER is None:
        yield None
        return
    route = {"receiver": "bench", "group_by": ["..."], "group_wait": "0s", "group_interval": "1s"}
    config = directory / "alertmanager.yml"
    hook = {"name": "bench", "webhook_configs": [{"url": url}]}
    config.write_text(yaml.safe_dump({"route": route, "receivers": [hook]}), encoding="utf-8")
    (port,) = free_ports(1)
    options = [f"--config.file={config}", f"--storage.path={directory}/alertmanager", "--cluster.listen-address="]
    with (directory / "alertmanager.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            ALERTMANAGER, *options, f"--web.listen-address={HOST}:{port}", stdout=log, stderr=log
        )
    try:
        await _until_ready(f"http://{HOST}:{port}")
        yield f"http://{HOST}:{port}"
    finally:
        process.terminate()
        await process.wait()


async def _until_ready(url: str) -> None:
    async with asyncio.timeout(30), aiohttp.ClientSession() as session:
        while True:
            with suppress(aiohttp.ClientError):
                async with session.get(f"{url}/-/ready") as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(0.1)


def _targets(rows: list[Row]) -> list[Target]:
    """What was seen under less load than was wanted meets nothing."""
    idle, busy = [row for row in rows if row.role == OURS]
    is_loaded = busy.figures[ARRIVED] >= 0.9 * PER_S
    return [
        at_most(30, "ms p50, idle", idle.figures["p50, ms"]),
        at_most(100, "ms p99, idle", idle.figures["p99, ms"]),
        at_most(400, f"ms p99, while {PER_S:,} events a second pass", busy.figures["p99, ms"] if is_loaded else None),
    ]
