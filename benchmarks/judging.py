"""A judgement of a million reporters, of whom a tenth is silent: `python -m benchmarks.judging [reporters]`.

On a real mongod. As many as every village and polling station of the nation, twice; the judge's own steps, two
portions each, then the alerts, then the digests. A million takes minutes and some gigabytes of disk.
"""

from __future__ import annotations

import asyncio
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from benchmarks import nation
from desk.stack import mongod
from desk.stack.ports import free_ports
from services.notifier.alerts.settling import Settling
from services.notifier.delivery.delivery_store import DeliveryStore
from services.notifier.holding.muting import Muting
from services.notifier.holding.silence_store import SilenceStore
from services.notifier.routing.receivers import read_receivers
from services.notifier.routing.routing import Routing
from services.notifier.store import Store
from services.notifier.telling.planning import Planning
from services.notifier.verdicts import judgements, obligations
from services.notifier.verdicts.judgements import Planned
from services.notifier.verdicts.judging import Judge
from services.notifier.verdicts.roll_call import PORTION
from shared import mongo
from shared.election.calendar import Calendar
from shared.election.config import Level
from shared.election.owing import Deadline, Owing
from shared.election.roster import Roster

REPORTERS = 1_000_000
SILENT_EVERY = 10
PERIOD = date(2024, 11, 18)
_INSERTED_AT_ONCE = 10_000

Document = dict[str, Any]


class ReadToTheEnd:
    """A log that is read."""

    async def ends(self, _topic: str) -> dict[int, tuple[int, int]]:
        return {0: (0, 1)}

    async def committed(self, _topic: str, partitions: list[int]) -> dict[int, int]:
        return dict.fromkeys(partitions, 1)


@dataclass(frozen=True)
class Step:
    """Seconds, all told and of the longest turn."""

    seconds: float
    turns: int
    longest: float


@dataclass(frozen=True)
class InMemory:
    """How long the roster and who owes take from nothing, who owes once more, and the decision alone."""

    ready_s: float
    owing_s: float
    decision_s: float


@dataclass(frozen=True)
class Judged:
    """One judgement."""

    before: InMemory
    steps: dict[str, Step]


@dataclass(frozen=True)
class Standing:
    """A clock that stands at the moment of judgement."""

    moment: datetime

    def at(self, _instant: datetime) -> datetime:
        return self.moment

    def now(self) -> datetime:
        return self.moment


def in_memory(reporters: int) -> tuple[InMemory, Calendar]:
    """What so many cost before anybody asks a database, with the calendar that knows them."""
    began = time.perf_counter()
    calendar = Calendar(nation.election(Level.VILLAGE), Roster(nation.regions(villages=reporters)))
    owed = len(calendar.owing(PERIOD))
    ready_s, began = time.perf_counter() - began, time.perf_counter()
    assert len(calendar.owing(PERIOD)) == owed == reporters
    return InMemory(ready_s, time.perf_counter() - began, _decision_s(calendar)), calendar


async def judged(reporters: int) -> Judged:
    """A judgement of so many."""
    found, calendar = in_memory(reporters)
    async with _database() as client:
        store = Store(mongo.database(client, "desk_notifier"))
        await store.ensure_indexes()
        await _report(store, calendar)
        return Judged(found, await _steps(store, calendar, client))


async def main(reporters: int) -> str:
    """The table."""
    found = await judged(reporters)
    rows = [f"| {name} | {s.seconds:.1f} | {s.turns} | {s.longest:.2f} |" for name, s in found.steps.items()]
    lines = ["| step | seconds | turns | longest turn, s |", "| --- | --- | --- | --- |", *rows]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    before = found.before
    lines += [
        f"The roster and who owes: {before.ready_s:.2f} s. The decision alone: {before.decision_s * 1e3:.0f} ms."
    ]
    title = f"## {reporters:,} reporters, {reporters // SILENT_EVERY:,} of them silent; {memory:,.0f} MB at most"
    return "\n".join([title, "", *lines, ""])


def _decision_s(calendar: Calendar) -> float:
    """Who is due and has no verdict, of everybody: the judge's own functions over its portions, the median of some
    tries. What is known of a portion is there as the index would have answered it; the judge holds one at a time."""
    owing = calendar.owing(PERIOD)
    silent = set(list(owing)[::SILENT_EVERY])
    planned = [one for one in judgements.planned(calendar).values() if one.period == PERIOD]
    answers = [{code: "on_time" for code in owed if code not in silent} for owed in _portions(owing, planned)]
    took = []
    for _ in range(5):
        began = time.perf_counter()
        portions = zip(_portions(owing, planned), answers, strict=True)
        found = sum(len(judgements.without_verdict(owed, known)) for owed, known in portions)
        took.append(time.perf_counter() - began)
        assert found == len(silent)
    return statistics.median(took)


def _portions(owing: Owing, planned: Iterable[Planned]) -> Iterator[dict[str, Deadline]]:
    for judgement in planned:
        behind = None
        while owed := judgements.owed_in(owing, judgement, behind, PORTION):
            yield owed
            behind = next(reversed(owed))


@asynccontextmanager
async def _database() -> AsyncIterator[Any]:
    with ExitStack() as stack:
        data = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (port,) = free_ports(1)
        mongod.start(data, port, lambda process: stack.callback(process.stop))
        client = mongo.connect(mongod.url(port), timeout_ms=60_000)
        try:
            yield client
        finally:
            await mongo.close(client)


async def _report(store: Store, calendar: Calendar) -> None:
    """All but the silent ones are on time, as the consumer would have left them."""
    portion: list[Document] = []
    for number, (code, deadline) in enumerate(calendar.owing(PERIOD).items()):
        if number % SILENT_EVERY:
            portion.append(_on_time(code, deadline))
        if len(portion) == _INSERTED_AT_ONCE:
            await store.database.obligations.insert_many(portion, ordered=False)
            portion = []
    if portion:
        await store.database.obligations.insert_many(portion, ordered=False)


def _on_time(code: str, deadline: Any) -> Document:
    at = deadline.due_at - timedelta(hours=9)
    report = f"/agencies/desk/{code}"
    filing = {"report": report, "verdict": "on_time", "reason": "received_in_time", "received_at": at}
    verdict = {**filing, "revision": 1, "judged_at": at, "withdrawal": None, "excuse": None, "is_in_digest": False}
    return {
        "_id": obligations.obligation_id(PERIOD, code),
        "rev": 1,
        "cursors": {"reports:0": 1},
        "period": PERIOD.isoformat(),
        "region": code,
        "due_at": deadline.due_at,
        "judge_at": deadline.judge_at,
        "verdict": "on_time",
        "verdicts": [verdict],
        "filings": [filing],
        "is_in_digest": False,
        "unsettled": 0,
        "unpublished": 0,
        "unjudged": 0,
    }


async def _steps(store: Store, calendar: Calendar, client: Any) -> dict[str, Step]:
    last = max(deadline.judge_at for deadline in calendar.owing(PERIOD).deadlines())
    judge = Judge(store, calendar, ReadToTheEnd(), Standing(last), lambda: mongo.server_time(client), 900)
    await judge.plan()
    await store.database.judgements.delete_many({"period": {"$ne": PERIOD.isoformat()}})
    receivers = read_receivers(None)

    async def now() -> Any:
        return last

    muting = Muting(store, SilenceStore(store.database), calendar, Routing(receivers))
    planning = Planning(store, DeliveryStore(store.database), calendar, receivers, muting, now, lambda: None)
    steps = {"judge": judge.step, "digests": planning.step, "alerts": Settling(store).step}
    return {name: await _timed(step) for name, step in steps.items()}


async def _timed(step: Callable[[], Awaitable[bool]]) -> Step:
    turns: list[float] = []
    had_work = True
    while had_work:
        began = time.perf_counter()
        had_work = await step()
        turns.append(time.perf_counter() - began)
    return Step(sum(turns), len(turns), max(turns))


if __name__ == "__main__":
    sys.stdout.write(asyncio.run(main(int(sys.argv[1]) if len(sys.argv) > 1 else REPORTERS)))
