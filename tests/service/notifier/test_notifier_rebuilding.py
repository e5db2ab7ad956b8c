"""A notifier that lost its database: everything published is there again, and nobody is told twice."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, NoReturn

import pytest
from aiokafka.errors import KafkaConnectionError

from services.notifier.outbox import Outbox
from services.notifier.rebuild.rebuilding import Rebuilding
from services.notifier.store import Store
from services.notifier.verdicts.judging import Judge
from shared.events.envelope import Envelope
from shared.events.incident_status import IncidentStatus
from shared.metrics import Metrics
from shared.mongo import Document
from tests.builders import a_report, a_status, a_withdrawal, an_incident, utc
from tests.service.notifier.conftest import (
    JUDGED_AT,
    Bench,
    Crash,
    FakePublisher,
    dying,
    receivers_of,
    until_idle,
    until_told,
)

IN_TIME = utc("2024-11-18T08:00Z")
LATE = JUDGED_AT + timedelta(hours=1)
OCCURRED = utc("2024-11-25T02:00Z")


@dataclass
class Kept:
    """A record as Kafka gives it back."""

    value: bytes


class Life:
    """A notifier over a bench: what it reads, publishes and plans; and its end."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.log, self.publisher = bench, list[Envelope](), FakePublisher()
        self.receivers = receivers_of({"name": "a"})
        self.is_behind = False

    async def read(self, *events: Envelope) -> None:
        for event in events:
            self.log.append(event)
            await self.bench.file(event)

    async def work(self) -> None:
        """All loops, until there is nothing to do."""
        bench = self.bench
        outbox = Outbox(bench.store, self.publisher, Metrics("test"))
        steps = [bench.judge().step, bench.settling().step, bench.excusing().step]
        await until_told(bench.planning(self.receivers), *steps, outbox.step)

    def rebuilding(self, store: Store | None = None) -> Rebuilding:
        async def records() -> AsyncGenerator[Any, None]:
            for _, _, value in list(self.publisher.published):
                yield Kept(value)

        async def is_behind() -> bool:
            return self.is_behind

        return Rebuilding(store or self.bench.store, self.bench.calendar, self.bench.offsets, records, is_behind)

    async def lose(self) -> None:
        for name in await self.bench.store.database.list_collection_names():
            await self.bench.store.database[name].delete_many({})

    async def begin(self) -> None:
        """As the process does: judgements are planned, then it rebuilds."""
        await self.bench.judge().plan()
        await self.rebuilding().run()

    async def read_again(self) -> None:
        """The whole log, then all loops, then what was rebuilt goes on, in whatever order."""
        for event in self.log:
            await self.bench.file(event)
        await self.work()
        await until_idle(self.rebuilding().step)
        await self.work()

    async def state(self) -> Document:
        """What anybody can see of it but for its deliveries."""
        database = self.bench.store.database
        shown = (
            "state",
            "revision",
            "region",
            "period",
            "raised_at",
            "resolved_at",
            "resolution",
            "details",
            "history",
        )
        found = [a async for a in database.alerts.find({"state": {"$exists": True}})]
        alerts = {a["_id"]: {name: a[name] for name in shown} for a in found}
        verdicts = {
            o["_id"]: [(v["revision"], v["verdict"], v["reason"], v["judged_at"], v["report"]) for v in o["verdicts"]]
            async for o in database.obligations.find()
        }
        return {"alerts": alerts, "verdicts": verdicts}


@pytest.fixture
def life(bench: Bench) -> Life:
    return Life(bench)


async def silence(life: Life) -> None:
    """Three are missing, two report late."""
    await life.work()
    await life.read(a_report(LATE, region="64.72"))
    await life.read(a_report(LATE, region="64.71", submitted=IN_TIME))


async def withdrawals(life: Life) -> None:
    """One reported and withdrew after the judgement; one reported late and withdrew; one did both before it."""
    await life.read(a_report(IN_TIME, region="64.72"), a_report(IN_TIME, region="64.02"))
    await life.read(a_withdrawal(IN_TIME + timedelta(hours=1), region="64.02"))
    await life.work()
    await life.read(a_withdrawal(LATE, region="64.72"), a_report(LATE, region="64.71"))
    await life.work()
    await life.read(a_withdrawal(LATE + timedelta(hours=1), region="64.71"))
    await life.read(a_report(LATE + timedelta(hours=2), region="64.71", event_id="r2"))


async def violations(life: Life) -> None:
    """One stands, one is dismissed, one was dismissed and stands again."""
    await life.read(*(an_incident(OCCURRED, event_id=f"i{n}") for n in range(3)))
    await life.work()
    for n, at in ((1, LATE), (2, LATE)):
        await life.read(a_status(at, IncidentStatus.DISMISSED, incident_id=f"i{n}", event_id=f"s{n}"))
    await life.work()
    again = LATE + timedelta(hours=1)
    await life.read(a_status(again, IncidentStatus.VERIFIED, incident_id="i2", event_id="s3"))


async def excuses(life: Life) -> None:
    """One excused before the judgement, one after it, who then reports."""
    await life.bench.excuse("64.02")
    await life.work()
    await life.bench.excuse("64.71")
    await life.work()
    await life.read(a_report(LATE, region="64.71"))


async def undetermined(life: Life) -> None:
    """Not provable, then judged after all."""
    life.bench.offsets.done, life.bench.real_shift = {0: 4}, timedelta(hours=1)
    judge: Judge = life.bench.judge()
    await judge.step()
    life.bench.offsets.done = {0: 5}


LIVES = [
    silence,
    withdrawals,
    violations,
    excuses,
    pytest.param(undetermined, marks=pytest.mark.expect_errors("cannot_evaluate")),
]


@pytest.mark.parametrize("lived", LIVES)
async def test_as_it_was_and_nobody_is_told_twice(life: Life, lived: Callable[[Life], Any]) -> None:
    """The same alerts and verdicts, nothing planned, nothing published, before and after the log is read again."""
    await lived(life)
    await life.work()
    before, published = await life.state(), len(life.publisher.published)
    assert published
    await life.lose()
    await life.begin()
    assert await life.state() == before
    await life.read_again()
    assert await life.state() == before
    assert await life.bench.deliveries() == []
    assert len(life.publisher.published) == published


async def test_what_comes_afterwards_is_told(life: Life) -> None:
    """The end of an alarm that was raised before; a report that was not read before; a violation."""
    await life.work()
    await life.read(an_incident(OCCURRED))
    await life.work()
    await life.lose()
    await life.begin()
    life.log.append(a_report(LATE, region="64.72"))
    await life.read_again()
    await life.read(a_status(LATE, IncidentStatus.DISMISSED), an_incident(OCCURRED, event_id="i2"))
    await life.work()
    assert [d["notice"] for d in await life.bench.deliveries()] == [
        "missing-report:2024-11-18:64~4-resolved",
        "quiet-period-violation:bawaslu:i1#2",
        "quiet-period-violation:bawaslu:i2#1",
    ]
    assert "dismissed" in (await life.bench.deliveries())[1]["payload"]["data"]["text"]["en"]


@pytest.mark.parametrize("known", range(7))
async def test_lost_between_verdict_and_alert(life: Life, known: int) -> None:
    """However much of it was published: in the end each is missing once, and whoever was not told is told."""
    await life.work()
    assert len(life.publisher.published) == 6  # three verdicts, three alerts
    del life.publisher.published[known:]
    told = {
        v.decode().split('"alert":"')[1].split('"')[0] for _, _, v in life.publisher.published if b"desk.alert" in v
    }
    await life.lose()
    await life.begin()
    await life.read_again()
    assert [await life.bench.verdicts()] == [{region: ["missing"] for region in ("64.02", "64.71", "64.72")}]
    assert await life.bench.alerts() == dict.fromkeys(MISSING, "firing")
    again = {alert for d in await life.bench.deliveries() for alert in d["alerts"]}
    assert again == MISSING - told


MISSING = {f"missing-report:2024-11-18:{region}" for region in ("64.02", "64.71", "64.72")}


@pytest.mark.parametrize("calls", range(3))
async def test_dies_while_it_rebuilds(life: Life, calls: int) -> None:
    """It has no mark then, so that nothing is begun: the next start rebuilds all of it."""
    await withdrawals(life)
    await life.read(an_incident(OCCURRED))
    await life.work()
    before = await life.state()
    await life.lose()
    await life.bench.judge().plan()
    with pytest.raises(Crash):
        await life.rebuilding(dying(life.bench.store, "update_all", calls)).run()
    assert await life.bench.store.database.rebuilding.count_documents({}) == 0
    await life.begin()
    await life.read_again()
    assert await life.state() == before
    assert await life.bench.deliveries() == []


async def test_another_replica_is_at_work_already(life: Life) -> None:
    """One that rebuilds after the other has begun to work takes nothing back."""
    await silence(life)
    await life.work()
    await life.lose()
    await life.begin()
    await life.read_again()
    await life.read(a_report(LATE, region="64.02"))
    await life.work()
    before = await life.state()
    await life.bench.store.database.rebuilding.delete_many({})
    await life.begin()
    assert await life.state() == before


async def test_restored_from_an_older_backup(life: Life) -> None:
    """It has the mark, and lacks what came after the backup: that comes from the log, and is not told again."""
    await life.begin()
    await life.work()
    database = life.bench.store.database
    backup = {name: [d async for d in database[name].find()] for name in await database.list_collection_names()}
    await life.read(a_report(LATE, region="64.72"), an_incident(OCCURRED))
    await life.work()
    before, number = await life.state(), len(backup["deliveries"])
    await life.lose()
    for name, documents in backup.items():
        if documents:
            await database[name].insert_many(documents)
    life.is_behind = True
    await life.begin()
    await life.read_again()
    assert await life.state() == before
    assert len(await life.bench.deliveries()) == number


@pytest.mark.expect_errors("cannot_evaluate")
async def test_a_cannot_evaluate_that_still_fires_ends(life: Life) -> None:
    """Lost while it waited: it is not told again, and once it is judged the alert about ourselves ends."""
    life.bench.offsets.done, life.bench.real_shift = {0: 4}, timedelta(hours=1)
    await life.work()
    assert (await life.bench.alerts())["cannot-evaluate:2024-11-18"] == "firing"
    await life.lose()
    await life.begin()
    life.bench.offsets.done = {0: 5}
    await life.read_again()
    assert (await life.bench.alerts())["cannot-evaluate:2024-11-18"] == "resolved"
    assert [d["notice"] for d in await life.bench.deliveries(alerts="cannot-evaluate:2024-11-18")] == [
        "cannot-evaluate:2024-11-18#2"
    ]


async def test_nobody_is_judged_by_what_is_not_read_again(life: Life) -> None:
    """Undetermined, its report published by nobody and not read again yet: no false alarm."""
    await life.work()
    await life.lose()
    await life.begin()
    life.bench.offsets.done = {0: 0}
    assert await life.rebuilding().step() is False
    unread = await life.bench.store.database.obligations.count_documents({"unread": 1})
    assert unread == 3
    life.bench.offsets.done = {0: 5}
    await until_idle(life.rebuilding().step)
    assert await life.bench.store.database.obligations.count_documents({"unread": 1}) == 0
    assert await life.rebuilding().step() is False


class Left(BaseException):
    """The process has ended here."""


async def test_lost_under_a_running_process(life: Life, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends, before it reads anything again and within a turn of its loop: the next start rebuilds."""

    def leave(reason: str, cause: Exception | None) -> NoReturn:
        raise Left(reason)

    monkeypatch.setattr("services.notifier.rebuild.rebuilding.leave_process", leave)
    await life.begin()
    rebuilding = life.rebuilding()
    await rebuilding.leave_if_lost()
    assert await rebuilding.step() is False
    await life.lose()
    for what_finds_it in (rebuilding.leave_if_lost, rebuilding.step):
        with pytest.raises(Left):
            await what_finds_it()


async def test_kafka_is_away_at_the_start(life: Life) -> None:
    """A database with the mark is reason enough to begin: what waits for receivers is sent meanwhile. One without it
    is none."""

    async def away() -> bool:
        raise KafkaConnectionError("away")

    async def nothing() -> AsyncGenerator[Any, None]:
        if await away():
            yield

    bench = life.bench
    rebuilding = Rebuilding(bench.store, bench.calendar, bench.offsets, nothing, away)
    with pytest.raises(KafkaConnectionError):
        await rebuilding.run()
    await life.begin()
    await rebuilding.run()


async def test_what_is_no_event_is_passed_over(life: Life) -> None:
    """Somebody wrote rubbish onto the topic: the rest is rebuilt."""
    await life.work()
    life.publisher.published.insert(0, ("desk.alerts", None, b"{}"))
    before = await life.state()
    await life.lose()
    await life.begin()
    assert await life.state() == before
