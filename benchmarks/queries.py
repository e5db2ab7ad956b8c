"""What people and programs ask for while 100,000 incidents are known: the aggregator as compose runs it, over a
socket, beside the database's own indexed query for the same documents, from this process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
from pymongo import DESCENDING, AsyncMongoClient

from benchmarks.measure import LIMIT, OURS, Result, Row, Target, at_most, percentile
from benchmarks.running import Run
from benchmarks.servers import ROOT, Servers, reader, servers, until_ready
from desk.stack.ports import HOST
from services.aggregator import changes, indexes
from shared import mongo
from shared.election.calendar import Calendar
from shared.election.config import Level
from shared.election.loaded import load_calendar
from shared.events.incident import IncidentData, IncidentEvent
from shared.exactly_once.cursors import Document, empty, fold
from shared.exactly_once.sightings import Sighting
from shared.records import Position, Record

INCIDENTS = 100_000
LIMIT_OF_A_PAGE = 200
_BEGIN = datetime(2024, 11, 20, tzinfo=UTC)
_CATEGORIES = ("money_politics", "campaign_props", "neutrality", "security", "logistics", "other")
METHOD = (
    f"{INCIDENTS:,} incidents of 508 regions. One question after the other, each beside the find() that returns the "
    "same incidents by the same index, with no HTTP, key, page or JSON around it; the ratio is of the two p99."
)

Find = Callable[[Any], Any]


@dataclass(frozen=True)
class Question:
    """An address, and the raw query behind it."""

    path: str
    find: Find


def main(run: Run) -> list[Result]:
    """The table."""
    with servers() as found:
        return asyncio.run(_measured(found, run))


async def _measured(found: Servers, run: Run) -> list[Result]:
    election = ROOT / "deploy" / "elections" / "nasional-2024.yaml"
    calendar = load_calendar(election, None, None)
    await _fill(found.mongo, calendar, INCIDENTS if run.mode != "tiny" else 2_000)
    key = await reader(found.mongo)
    process, port = found.service("aggregator", election=election)
    await until_ready(process, port)
    rows = await _rows(run, port, key, found.mongo)
    process.stop()
    return [Result("Questions at 100,000 incidents", METHOD, rows, _targets(rows), "p99, ms")]


def questions() -> list[Question]:
    """A region is asked for with everything below it."""
    below = {"region": {"$gte": "64.72", "$lt": "64.72/"}}
    province = {"region": {"$gte": "64", "$lt": "64/"}}
    return [
        Question("/v1/incidents?region=64.72", lambda i: _newest(i, below, LIMIT_OF_A_PAGE)),
        Question("/v1/incidents?region=64.72&limit=20", lambda i: _newest(i, below, 20)),
        Question("/v1/incidents?category=money_politics", lambda i: _newest(i, {"category": "money_politics"}, 200)),
        Question("/v1/incidents", lambda i: _newest(i, {}, LIMIT_OF_A_PAGE)),
        Question("/v1/regions/64.72", lambda i: _newest(i, below, LIMIT_OF_A_PAGE)),
        Question("/regions/64.72", lambda i: _newest(i, below, LIMIT_OF_A_PAGE)),
        Question("/regions/64", lambda i: _newest(i, province, LIMIT_OF_A_PAGE)),
        Question("/", lambda i: _newest(i, {"is_violation": True}, LIMIT_OF_A_PAGE)),
    ]


def _newest(incidents: Any, wanted: Document, most: int) -> Any:
    return incidents.find(wanted).sort([("received_at", DESCENDING), ("_id", DESCENDING)]).limit(most + 1)


async def _rows(run: Run, port: int, key: str, url: str) -> list[Row]:
    client: AsyncMongoClient[Document] = AsyncMongoClient(url)
    incidents, rows = client[mongo.AGGREGATOR_DB]["incidents"], []
    headers = {"authorization": f"Bearer {key}", "cookie": f"desk-viewer-key={key}"}
    async with aiohttp.ClientSession(f"http://{HOST}:{port}", headers=headers) as session:
        for question in questions():
            asked, raw, size = await _asked(session, incidents, question, run.rounds(120, 500))
            ratio = percentile(raw, 0.99) / percentile(asked, 0.99)
            rows.append(Row(f"find() of {question.path}", LIMIT, 1.0, _figures(raw)))
            rows.append(Row(question.path, OURS, ratio, {**_figures(asked), "KB": size / 1024}))
    await client.close()
    return rows


async def _asked(
    session: aiohttp.ClientSession, incidents: Any, question: Question, rounds: int
) -> tuple[list[float], list[float], int]:
    """Seconds of ours and of the raw query, in turn; how large the answer is."""
    asked, raw, size = [], [], 0
    for turn in range(rounds + 3):
        began = time.perf_counter()
        await question.find(incidents).to_list()
        between = time.perf_counter()
        async with session.get(question.path) as answer:
            size = len(await answer.read())
            assert answer.status == 200, await answer.text()
        if turn >= 3:
            raw.append(between - began)
            asked.append(time.perf_counter() - between)
    return asked, raw, size


def _figures(seconds: Sequence[float]) -> dict[str, float]:
    return {"p50, ms": percentile(seconds, 0.5) * 1e3, "p99, ms": percentile(seconds, 0.99) * 1e3}


async def _fill(url: str, calendar: Calendar, count: int) -> None:
    """The documents that the log of these incidents amounts to."""
    folded: dict[str, dict[str, Document]] = {name: {} for name in changes.COLLECTIONS}
    changes_of = changes.changes_of(calendar)
    for offset, event in enumerate(_events(calendar, count)):
        where = Position("desk.incidents", 0, offset)
        for change in changes_of(Sighting(where, event, Record(where, None, b""))):
            known = folded[change.collection].get(change.document_id) or empty(change.document_id)
            folded[change.collection][change.document_id] = fold(known, [change])
    client = mongo.connect(url, timeout_ms=120_000)
    database = mongo.database(client, mongo.AGGREGATOR_DB)
    await indexes.ensure_indexes(database)
    for name, documents in folded.items():
        if documents:
            await database[name].insert_many(list(documents.values()), ordered=False)
    await mongo.close(client)


def _events(calendar: Calendar, count: int) -> Iterable[IncidentEvent]:
    regions = [region.code for region in calendar.roster.at_level(Level.REGENCY)]
    for n in range(count):
        at = _BEGIN + timedelta(seconds=n * 5)
        said = IncidentData(
            category=_CATEGORIES[n % len(_CATEGORIES)], description="Amplop dibagikan di RT 12.", occurred_at=at
        )
        yield IncidentEvent(
            id=f"i-{n}",
            source="/agencies/bench",
            subject=regions[n * 7919 % len(regions)],
            time=at,
            receivedat=at,
            contenthash="0" * 64,
            data=said,
        )


def _targets(rows: list[Row]) -> list[Target]:
    pairs = zip(rows[::2], rows[1::2], strict=True)
    return [
        at_most(2, f"times the raw query's p99: {ours.name}", ours.figures["p99, ms"] / raw.figures["p99, ms"])
        for raw, ours in pairs
    ]
