"""Log to exact state: the aggregator's steps, beside writing the same number of journal entries and region documents
raw, without any of the promises. On a real mongod."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path as FilePath
from typing import Any

from pymongo import UpdateOne

from benchmarks.events import report_records
from benchmarks.measure import Path, compare, table
from desk.stack import mongod
from desk.stack.ports import free_ports
from services.aggregator import changes
from shared import mongo
from shared.election.loaded import load_calendar
from shared.exactly_once.dead_letters import DeadLetters
from shared.exactly_once.documents import Documents
from shared.exactly_once.guard import Guard, Look
from shared.exactly_once.journal import Journal
from shared.exactly_once.records import Position
from shared.exactly_once.steps import Parts, Steps
from shared.metrics import Metrics
from shared.settings import Settings

EVENTS = 2_000
REGENCIES = 90


class _NoLog:
    """A log that nobody asks: the guard has nothing to verify on a fresh database."""

    async def look(self, positions: Sequence[Position]) -> list[Look]:
        return [Look(0, None) for _ in positions]


class _NoLetters:
    async def publish(self, *_record: object) -> Position:
        raise AssertionError("no record here is bad")


async def main() -> str:
    """The table of this path."""
    with ExitStack() as stack:
        data = FilePath(stack.enter_context(tempfile.TemporaryDirectory()))
        (port,) = free_ports(1)
        mongod.start(data, port, lambda process: stack.callback(process.stop))
        client = mongo.connect(mongod.url(port))
        try:
            return await _compare(client)
        finally:
            await mongo.close(client)


async def _compare(client: Any) -> str:
    raw_offsets, our_offsets = itertools.count(0, EVENTS), itertools.count(0, EVENTS)
    steps = _steps(mongo.database(client, "ours"))
    raw = mongo.database(client, "raw")

    async def limit() -> None:
        records = report_records(EVENTS, REGENCIES, next(raw_offsets))
        await raw.journal.insert_many([{"_id": f"{r.position.offset}"} for r in records], ordered=False)
        regions = {r.key for r in records}
        await raw.regions.bulk_write(
            [UpdateOne({"_id": key.decode()}, {"$inc": {"n": 1}}, upsert=True) for key in regions if key],
            ordered=False,
        )

    async def ours() -> None:
        await steps.process(report_records(EVENTS, REGENCIES, next(our_offsets)))

    paths = [Path("limit: insert_many + bulk_write", limit), Path("journal, fold, compare-and-set", ours)]
    return table(f"Log to exact state, batches of {EVENTS:,}", await compare(paths, EVENTS))


def _steps(database: Any) -> Steps:
    settings = Settings()
    calendar = load_calendar(settings.election, None, None)
    return Steps(
        Parts(
            journal=Journal(database.journal),
            documents=Documents(database, changes.COLLECTIONS),
            dead_letters=DeadLetters(_NoLetters(), "bench"),
            guard=Guard(database.positions, _NoLog()),
            changes=changes.changes_of(calendar),
            metrics=Metrics("bench"),
            dead_letter_run=100,
        )
    )
