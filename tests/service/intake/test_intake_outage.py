"""Intake as a process, beside a Kafka that hangs without closing, and one that is killed. About a minute.

Everybody is answered in time, the memory stays flat whatever the clients do, intake recovers by itself, and nothing
counts twice.
"""

from __future__ import annotations

import asyncio
import os
import re
import signal
import statistics
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from desk.stack.brokers import Broker, choose_broker
from desk.stack.ports import HOST, free_ports
from desk.stack.process import Process
from services.aggregator import changes
from services.aggregator.state import region_state
from shared import mongo
from shared.access.keys import Grant, Kind
from shared.election.loaded import load_calendar
from shared.exactly_once.dead_letters import DeadLetters
from shared.exactly_once.documents import Documents
from shared.exactly_once.guard import Guard
from shared.exactly_once.journal import Journal
from shared.exactly_once.steps import Parts, Steps
from shared.kafka.subscription import to_record
from shared.kafka.whole_topic import read_topic
from shared.metrics import Metrics
from shared.records import Look, Position
from shared.settings import Settings
from shared.topics import REPORTS
from tests.backends import SAID
from tests.service.intake.real_intake import RealIntake, real_intake
from tests.service.intake.steady_load import Answered, SteadyLoad

PER_SECOND = 300
HANGS_S = 14.0  # longer than the publish deadline and than the producer trusts its client
ANSWER_S = 10.0
RECOVERY_S = 30.0
FLAT_MIB = 100.0  # for 2,000 requests that wait, and what Python keeps of them
AGENCIES = [f"agency-{n}" for n in range(5)]  # no less: one alone may not take more than its share


class Kafka:
    """A broker of our own, to be frozen and killed."""

    def __init__(self, broker: Broker, directory: Path, stack: ExitStack) -> None:
        self._broker, self._directory, self._stack = broker, directory, stack
        self._port, self._controller_port = free_ports(2)
        self.address = f"{HOST}:{self._port}"
        self.start()

    def start(self) -> None:
        """Return when it serves; what it had is there."""
        self._broker.start(self._directory, self._port, self._controller_port, self._register)

    def freeze(self) -> None:
        os.kill(self._process.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self._process.pid, signal.SIGCONT)

    def kill(self) -> None:
        self._process.kill()

    def _register(self, process: Process) -> None:
        self._process = process
        self._stack.callback(process.stop)


@pytest.fixture
def kafka(tmp_path: Path) -> Iterator[Kafka]:
    broker = choose_broker(lambda _: None)
    if not broker.keeps_data:
        pytest.skip(f"{broker.name} keeps nothing")
    with ExitStack() as stack:
        yield Kafka(broker, tmp_path / "kafka", stack)


@pytest.mark.timeout(240)
def test_a_broker_that_hangs_or_dies_costs_neither_memory_nor_events(
    kafka: Kafka, mongo_url: str, tmp_path: Path
) -> None:
    """300 posts a second all the while: each is answered within 10 s, by 202 or by a refusal that says when to come
    back; the memory stays flat; within 30 s of the broker's return 202 is the answer again; each event counts once."""
    keys = {
        f"{name}-{uuid.uuid4().hex}": Grant(name, name, frozenset({Kind.REPORTS.value}), ("64",)) for name in AGENCIES
    }
    with real_intake(kafka.address, mongo_url, keys, tmp_path, events_per_minute=10_000_000) as intake:
        with SteadyLoad(intake.port, list(keys), PER_SECOND) as load:
            watched_for(4.0, intake)
            usual_mib = intake.rss_mib()
            kafka.freeze()
            filling, full = watched_for(HANGS_S / 2, intake), watched_for(HANGS_S / 2, intake)
            thawed_at = time.monotonic()
            kafka.thaw()
            after_hang_s = recovery_s(load)
            watched_for(2.0, intake)
            kafka.kill()
            kafka.start()
            after_death_s = recovery_s(load)
            steady_from = time.monotonic()
            watched_for(2.0, intake)
        report(load.answers, usual_mib, max(filling + full), after_hang_s, after_death_s)
        assert_everybody_was_answered(load.answers)
        assert max(filling + full) < usual_mib + FLAT_MIB
        assert statistics.median(full) < max(filling) + FLAT_MIB / 4, "it goes on growing while it is full"
        assert max(after_hang_s, after_death_s) < RECOVERY_S
        assert {a.status for a in load.answers if a.began > steady_from} == {202}
        refused = [a.event_id for a in load.answers if a.status != 202]
        assert set(asyncio.run(load.send_again(refused)).values()) == {202}
    gone = {a.event_id for a in load.answers if a.status != 202 and a.began + a.took_s < thawed_at}
    asyncio.run(assert_each_counts_once(kafka.address, mongo_url, {a.event_id for a in load.answers}, gone))


def watched_for(seconds: float, intake: RealIntake) -> list[float]:
    """Intake's memory meanwhile, MiB."""
    seen, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        seen.append(intake.rss_mib())
        time.sleep(0.1)
    return seen


def recovery_s(load: SteadyLoad) -> float:
    """From now until a post is accepted that begins now or later."""
    back_at = time.monotonic()
    while not (accepted := load.accepted_since(back_at)):
        assert time.monotonic() - back_at < 2 * RECOVERY_S, "it does not recover"
        time.sleep(0.05)
    return min(a.began + a.took_s for a in accepted) - back_at


def report(
    answers: list[Answered], usual_mib: float, most_mib: float, after_hang_s: float, after_death_s: float
) -> None:
    """The figures, for the end of the run."""
    by_status = dict(Counter(a.status for a in answers))
    SAID[
        f"intake beside a Kafka that hangs and dies: answers {by_status}, the slowest after "
        f"{max(a.took_s for a in answers):.1f} s; memory {usual_mib:.0f} MiB, at most {most_mib:.0f}; 202 again "
        f"{after_hang_s:.1f} s after the hang, {after_death_s:.1f} s after the restart"
    ] = None


def assert_everybody_was_answered(answers: list[Answered]) -> None:
    assert {a.status for a in answers} <= {202, 429, 503}
    assert max(a.took_s for a in answers) < ANSWER_S
    refused = [a for a in answers if a.status != 202]
    assert all(re.fullmatch("[1-9][0-9]*", a.retry_after or "") for a in refused)
    waited, at_once = [a for a in refused if a.took_s > 7], [a for a in refused if a.took_s < 2]
    assert waited, "nobody waited for the deadline"
    assert at_once, "nobody was turned away at once when all places were taken"


async def assert_each_counts_once(kafka: str, mongo_url: str, ids: set[str], gone: set[str]) -> None:
    """The aggregator's own steps over the whole topic, ghosts and all: every id once, nothing else. `gone` are those
    who were refused while Kafka hung and came again at the end: of what they first sent, hardly anything is written.

    What somebody still waits for may stand twice, batches of it: the client sends one again when its connection ends,
    and that ends for all partitions when one request's time is over.
    """
    records = [to_record(raw) async for raw in read_topic(kafka, REPORTS.name)]
    written = Counter(event_id for r in records if (event_id := _id_in(r.value)))
    client = mongo.connect(mongo_url, "motor")
    try:
        database = mongo.database(client, f"outage_{uuid.uuid4().hex[:8]}")
        steps = _steps(database)
        for n in range(0, len(records), 1_000):
            await steps.process(records[n : n + 1_000])
        totals = [d["total"]["reports"]["count"] async for d in database[region_state.COLLECTION].find()]
        journaled = await database.journal.count_documents({})
    finally:
        await mongo.close(client)
    ghosts = sum(written[event_id] - 1 for event_id in gone)
    SAID[
        f"of {len(ids)} events {written.total() - len(written)} stand in the log again; {ghosts} of the {len(gone)} "
        "that nobody waited for when Kafka came back"
    ] = None
    assert set(written) == ids
    assert ghosts < len(gone) / 10, "more ghosts than a few: what nobody waits for is sent"
    assert sum(totals) == journaled == len(ids)


def _id_in(value: bytes) -> str:
    found = re.search(rb'"id":"(load-\d+)"', value)
    assert found is not None
    return found[1].decode()


class _NoLog:
    async def look(self, positions: Sequence[Position]) -> list[Look]:
        return [Look(0, None) for _ in positions]


class _NoLetters:
    async def publish(self, *_record: object) -> Position:
        raise AssertionError("no record here is bad")


def _steps(database: Any) -> Steps:
    calendar = load_calendar(Settings().election, None, None)
    return Steps(
        Parts(
            journal=Journal(database.journal),
            documents=Documents(database, changes.COLLECTIONS),
            dead_letters=DeadLetters(_NoLetters(), "outage"),
            guard=Guard(database.positions, _NoLog()),
            changes=changes.changes_of(calendar),
            metrics=Metrics("outage"),
            dead_letter_run=100,
        )
    )
