"""What people ask for while a whole nation reports, villages too: how long an answer takes, and for how long at most
everybody else waits for it (one event loop serves them all). The aggregator's own app on a real mongod."""

from __future__ import annotations

import asyncio
import os
import resource
import statistics
import tempfile
import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path as FilePath
from typing import Any

import httpx

from benchmarks import nation
from benchmarks.measure import OURS, Result, Row
from benchmarks.running import Run
from desk.stack import mongod
from desk.stack.ports import free_ports
from services.aggregator import app as aggregator
from services.aggregator import changes, indexes
from shared import mongo
from shared.access.keys import Grant, Role
from shared.election.calendar import Calendar
from shared.election.config import Level
from shared.events.envelope import Envelope
from shared.events.incident import IncidentData, IncidentEvent
from shared.events.report import Condition, ReportData, ReportEvent
from shared.events.verdict import Verdict, VerdictData, VerdictEvent
from shared.exactly_once.cursors import Document, empty, fold
from shared.exactly_once.sightings import Sighting
from shared.exactly_once.wiring import build_consuming
from shared.metrics import Metrics
from shared.records import Position, Record
from shared.settings import Settings

PERIODS = int(os.environ.get("DESK_BENCH_PERIODS", "2"))  # of attendance; six are judged in the election
ROUNDS = 5
MONDAY = date(2024, 11, 18)
_SECOND = timedelta(seconds=1)


@dataclass(frozen=True)
class Asked:
    """In milliseconds: the first answer, before anything is kept, and the median of those after it; `blocked_ms` is
    the longest that the loop did nothing else, the median of all."""

    path: str
    status: int
    kilobytes: float
    first_ms: float
    ms: float
    blocked_ms: float


class _Everybody:
    """A key that may see everything."""

    async def grant_of(self, _key: str) -> Grant:
        return Grant(name="bench", role=Role.ADMIN)

    fresh_grant_of = grant_of


def paths(village: str) -> list[str]:
    regency, province = ".".join(village.split(".")[:2]), village.split(".")[0]
    return [
        "/v1/regions",
        "/v1/regions?level=village&limit=1000",
        f"/v1/regions?parent={province}",
        "/v1/regions?parent=64.99.99.9999",
        f"/v1/regions/{province}",
        f"/v1/regions/{regency}",
        f"/v1/regions/{village}",
        "/v1/periods",
        f"/v1/periods/{MONDAY}",
        f"/v1/periods/{MONDAY}?limit=1000",
        "/v1/reports",
        f"/v1/reports?region={province}",
        f"/v1/incidents?region={regency}&quiet_period=true",
        "/v1/alerts",
        "/",
        f"/regions/{province}",
        f"/regions/{regency}",
        f"/regions/{village}",
    ]


def events(calendar: Calendar) -> Iterable[Envelope]:
    """Four of five regions report, every hundredth has a violation, and each period's verdicts are in."""
    mondays = [MONDAY - n * timedelta(days=7) for n in range(PERIODS)]
    at = datetime.fromisoformat("2024-11-18T01:00:00+00:00")
    for n, region in enumerate(calendar.roster):
        if region.level is Level.PROVINCE:
            continue
        about: dict[str, Any] = {"subject": region.code, "time": at, "receivedat": at, "contenthash": "0" * 64}
        if n % 5:
            said = ReportData(period=MONDAY, condition=Condition.NORMAL, summary="Aman dan terkendali.")
            yield ReportEvent(id=f"r-{region.code}", source="/agencies/desk", data=said, **about)
        if n % 100 == 0:
            happened = IncidentData(category="money_politics", description="Amplop dibagikan.", occurred_at=at)
            yield IncidentEvent(id=f"i-{region.code}", source="/agencies/desk", data=happened, **about)
        for monday in mondays:
            verdict = VerdictData(
                verdict=Verdict.ON_TIME if n % 5 else Verdict.MISSING,
                reason="received_in_time" if n % 5 else "nothing_received",
                election="bench",
                period=monday,
                revision=1,
                judged_at=at,
                due_at=at + _SECOND,
            )
            yield VerdictEvent(id=f"v-{monday}-{region.code}", source="/notifier", data=verdict, **about)


def documents(calendar: Calendar) -> dict[str, dict[str, Document]]:
    """What the log folds into, by collection and id."""
    folded: dict[str, dict[str, Document]] = {name: {} for name in (*changes.COLLECTIONS, "journal")}
    changes_of = changes.changes_of(calendar)
    for offset, event in enumerate(events(calendar)):
        where = Position("desk.reports", 0, offset)
        for change in changes_of(Sighting(where, event, Record(where, None, b""))):
            known = folded[change.collection].get(change.document_id) or empty(change.document_id)
            folded[change.collection][change.document_id] = fold(known, [change])
    return folded


def main(_run: Run) -> list[Result]:
    """The table."""
    return asyncio.run(_main())


async def _main() -> list[Result]:
    with ExitStack() as stack:
        data = FilePath(stack.enter_context(tempfile.TemporaryDirectory()))
        (port,) = free_ports(1)
        mongod.start(data, port, lambda process: stack.callback(process.stop))
        client = mongo.connect(mongod.url(port), timeout_ms=120_000)
        try:
            return await _measured(client, mongod.url(port))
        finally:
            await mongo.close(client)


async def _measured(client: Any, url: str) -> list[Result]:
    began = time.perf_counter()
    calendar = nation.calendar()
    owed = len(calendar.owing(MONDAY))
    ready_s = time.perf_counter() - began
    database = mongo.database(client, "reading")
    await indexes.ensure_indexes(database)
    for name, found in documents(calendar).items():
        if found:
            await database[name].insert_many(list(found.values()), ordered=False)
    app = _app(calendar, client, database, url)
    village = calendar.roster.at_level(Level.VILLAGE)[-1].code
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://aggregator", timeout=300) as asking:
        rows = [await _asked(asking, path) for path in paths(village)]
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    method = (
        f"{len(calendar.roster):,} regions of which {owed:,} owe, {PERIODS} judged periods. Roster and who owes are "
        f"worked out in {ready_s:.1f} s; the process took {peak} MiB at most. *Blocked* is the longest that nobody "
        "else was served."
    )
    return [Result("Pages of a nation of villages", method, [_row(asked) for asked in rows], plotted="then, ms")]


def _row(asked: Asked) -> Row:
    figures = {
        "first, ms": asked.first_ms,
        "then, ms": asked.ms,
        "blocked, ms": asked.blocked_ms,
        "KB": asked.kilobytes,
    }
    return Row(f"`{asked.path}` ({asked.status})", OURS, None, figures)


def _app(calendar: Calendar, client: Any, database: Any, url: str) -> Any:
    settings, metrics = Settings(mongo=url, kafka="127.0.0.1:1"), Metrics("bench")
    consuming = build_consuming(
        settings,
        metrics,
        database,
        group="bench",
        topics=aggregator.TOPICS,
        collections=changes.COLLECTIONS,
        changes=changes.changes_of(calendar),
    )
    access: Any = _Everybody()
    return aggregator.build(aggregator.Parts(settings, metrics, calendar, client, database, access, consuming))


async def _asked(asking: httpx.AsyncClient, path: str) -> Asked:
    cookie = {"authorization": "Bearer desk_bench_bench", "cookie": "desk-viewer-key=desk_bench_bench"}
    took, blocked = [], []
    for _ in range(ROUNDS):
        watch = asyncio.create_task(_longest_wait())
        await asyncio.sleep(0.01)
        began = time.perf_counter()
        answer = await asking.get(path, headers=cookie)
        took.append(time.perf_counter() - began)
        watch.cancel()
        blocked.append(await watch)
    size = len(answer.content) / 1024
    then, waited = statistics.median(took[1:]), statistics.median(blocked)
    return Asked(path, answer.status_code, size, took[0] * 1e3, then * 1e3, waited * 1e3)


async def _longest_wait() -> float:
    """Until cancelled; the longest time that this task had to wait for its turn, in seconds."""
    longest, last = 0.0, time.perf_counter()
    try:
        while True:
            await asyncio.sleep(0)
            longest, last = max(longest, (now := time.perf_counter()) - last), now
    except asyncio.CancelledError:
        return max(longest, time.perf_counter() - last)
