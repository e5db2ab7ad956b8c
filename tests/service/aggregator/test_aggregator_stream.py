"""The stream over a real MongoDB: two replicas, cuts, the past, slow watchers, a database that is away."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pymongo.errors import OperationFailure

from desk.stack import mongod
from desk.stack.ports import free_ports
from desk.stack.process import Process
from services.aggregator.store import Store
from services.aggregator.stream import hub as hubs
from services.aggregator.stream.events import Kind, Wanted
from services.aggregator.stream.feed import Feed
from services.aggregator.stream.hub import Hub
from services.aggregator.stream.showing import Showing
from services.aggregator.stream.watcher import Watcher
from shared import mongo
from shared.clock import RealClock
from shared.election.calendar import Calendar
from shared.events.incident_status import IncidentStatus
from shared.metrics import Metrics
from tests.builders import a_report, a_status, a_stock, a_withdrawal, an_incident, utc
from tests.service.aggregator.conftest import Bench

AT = utc("2024-11-18 01:00")
EVERYTHING = Wanted(None, frozenset(Kind))
DRIVERS = ("motor", "pymongo")
QUIET_S = 1.2  # longer than the server waits for news


@dataclass
class Told:
    """What one connection was sent, frame by frame."""

    frames: list[dict[str, str]] = field(default_factory=list)

    def add(self, sent: bytes) -> None:
        for frame in sent.decode().split("\n\n")[:-1]:
            lines = [line.partition(":") for line in frame.split("\n")]
            self.frames.append({name: value.strip() for name, _, value in lines if name})

    def of(self, *kinds: str) -> list[Any]:
        return [json.loads(f["data"]) for f in self.frames if f.get("event") in kinds]

    def ids(self, kind: str) -> list[str]:
        return [told["id"] for told in self.of(kind)]

    @property
    def names(self) -> list[str]:
        return [f["event"] for f in self.frames if "event" in f]

    @property
    def position(self) -> str:
        """What a browser would send as `Last-Event-ID`."""
        return [f["id"] for f in self.frames if "id" in f][-1]


class Replica:
    """One replica's hub over a database, by a client of its own."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub

    @contextlib.asynccontextmanager
    async def watching(self, wanted: Wanted = EVERYTHING, after: str | None = None) -> AsyncIterator[Connection]:
        with self.hub.watching(wanted, after) as watcher:
            connection = Connection(watcher)
            if after is None:
                await connection.until(lambda told: "ready" in told.names)
            yield connection


class Connection:
    def __init__(self, watcher: Watcher) -> None:
        self.watcher, self.told = watcher, Told()

    async def until(self, is_there: Callable[[Told], bool], within_s: float = 20) -> Told:
        async with asyncio.timeout(within_s):
            while not is_there(self.told):
                sent = await self.watcher.take(0.1)
                assert sent, "the watcher was let go"
                self.told.add(sent)
        return self.told

    async def quiet(self) -> Told:
        """What comes within a while in which the server surely answers."""
        loop = asyncio.get_running_loop()
        end = loop.time() + QUIET_S
        while loop.time() < end:
            self.told.add(await self.watcher.take(0.1))
        return self.told


@contextlib.asynccontextmanager
async def a_replica(url: str, name: str, calendar: Calendar, driver: str = "motor") -> AsyncIterator[Replica]:
    client = mongo.connect(url, driver, 2_000)
    database = mongo.database(client, name)
    hub = Hub(Feed(database, Showing(calendar, Store(database), RealClock())), Metrics("test"))
    running = asyncio.create_task(hub.run())
    try:
        yield Replica(hub)
    finally:
        running.cancel()
        await asyncio.wait([running])
        await mongo.close(client)


@pytest.fixture
async def replica(bench: Bench, mongo_url: str) -> AsyncIterator[Replica]:
    async with a_replica(mongo_url, bench.database.name, bench.calendar) as one:
        yield one


def reports(first: int, count: int) -> list[Any]:
    return [a_report(AT + timedelta(seconds=n), event_id=f"r{n}") for n in range(first, first + count)]


def ids_of(first: int, count: int) -> list[str]:
    return [f"/agencies/samarinda-desk/r{n}" for n in range(first, first + count)]


@pytest.mark.parametrize("driver", DRIVERS)
async def test_each_kind_of_change_is_told_as_its_list_shows_it(bench: Bench, mongo_url: str, driver: str) -> None:
    """On both drivers: the event's item is the item of the list, after the latest change."""
    async with a_replica(mongo_url, bench.database.name, bench.calendar, driver) as one, one.watching() as watching:
        await bench.feed(a_report(AT), an_incident(AT, region="64.72.01"), a_stock(AT))
        await bench.feed(
            a_withdrawal(AT + timedelta(hours=1)), a_status(AT, IncidentStatus.VERIFIED, region="64.72.01")
        )
        told = await watching.until(
            lambda told: (
                any(t["item"]["withdrawn"] for t in told.of("report"))
                and any(t["item"]["status"] == "verified" for t in told.of("incident"))
                and bool(told.of("logistics"))
                and any(t["item"]["total"]["withdrawals"] for t in told.of("region") if t["region"] == "64.72")
            )
        )
        await watching.quiet()
    for kind, path in (("report", "/v1/reports"), ("incident", "/v1/incidents"), ("logistics", "/v1/logistics")):
        assert [told.of(kind)[-1]["item"]] == await bench.items(path)
    regions = {item["code"]: item for item in await bench.items("/v1/regions", parent="64")}
    assert [t["item"] for t in told.of("region") if t["region"] == "64.72"][-1] == regions["64.72"]
    assert told.of("incident")[-1]["region"] == "64.72.01"


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Wanted("64.72", frozenset({Kind.REPORT})), {"report 64.72", "report 64.72.01"}),
        (Wanted("64.72.01", frozenset({Kind.REPORT, Kind.INCIDENT})), {"report 64.72.01"}),
        (Wanted(None, frozenset({Kind.INCIDENT})), {"incident 64.71"}),
        (Wanted("64.7", frozenset(Kind)), set()),  # a prefix is not an ancestor
    ],
)
async def test_a_watcher_gets_what_it_asked_for(
    bench: Bench, replica: Replica, wanted: Wanted, expected: set[str]
) -> None:
    """A region takes in everything below it; kinds are exact."""
    async with replica.watching() as everything, replica.watching(wanted) as watching:
        await bench.feed(
            a_report(AT, event_id="a"), a_report(AT, region="64.72.01", event_id="b"), an_incident(AT, region="64.71")
        )
        await everything.until(lambda told: len(told.of("report")) == 2 and len(told.of("incident")) == 1)
        told = await watching.quiet()
    found = [t for t in told.of(*Kind) if t["kind"] != "region"]
    assert {f"{t['kind']} {t['region']}" for t in found} == expected


async def test_who_comes_back_on_another_replica_misses_nothing_and_gets_nothing_twice(
    bench: Bench, mongo_url: str
) -> None:
    """A cut in the middle of a rush, on the other replica's ring; then again from far back, by a change stream of its
    own, while the rush goes on."""
    name = bench.database.name
    async with (
        a_replica(mongo_url, name, bench.calendar) as one,
        a_replica(mongo_url, name, bench.calendar, "pymongo") as two,
        two.watching(),
    ):
        async with one.watching() as first:
            await bench.feed(*reports(0, 30))
            await first.until(lambda told: len(told.of("report")) >= 10)
            before, position = first.told.ids("report"), first.told.position
        feeding = asyncio.create_task(bench.feed(*reports(30, 30)))
        async with two.watching(after=position) as second:
            told = await second.until(lambda told: len(before + told.ids("report")) >= 60)
            await second.quiet()
            await feeding
            assert before + told.ids("report") == ids_of(0, 60)
            assert told.names[0] == "ready"
    async with a_replica(mongo_url, name, bench.calendar) as third:  # a fresh one has no ring
        feeding = asyncio.create_task(bench.feed(*reports(60, 30)))
        async with third.watching(after=position) as again:
            told = await again.until(lambda told: len(before + told.ids("report")) >= 90)
            await feeding
            await again.quiet()
            assert before + told.ids("report") == ids_of(0, 90)
            assert "reset" not in told.names


async def test_the_position_moves_along_while_nothing_that_is_wanted_happens(bench: Bench, replica: Replica) -> None:
    """So that a position does not grow too old to come back with."""
    async with replica.watching(Wanted("64.71", frozenset({Kind.ALERT}))) as watching:
        begin = watching.told.position
        await bench.feed(*reports(0, 3))
        told = await watching.until(lambda told: told.position > begin)
        assert told.names == ["ready"]
    async with replica.watching(after=told.position) as again:
        await bench.feed(*reports(3, 1))
        told = await again.until(lambda told: bool(told.of("report")))
        assert told.ids("report") == ids_of(3, 1)


@pytest.mark.parametrize("driver", DRIVERS)
@pytest.mark.parametrize("position", ["nonsense", "DEADBEEF" * 4])
@pytest.mark.parametrize("is_busy", [False, True], ids=["alone", "beside another watcher"])
async def test_a_position_that_cannot_be_told_from_says_so(
    bench: Bench, mongo_url: str, position: str, driver: str, is_busy: bool
) -> None:
    """`reset` with an empty id: load anew; then a new position, and everything from there."""
    async with contextlib.AsyncExitStack() as stack:
        one = await stack.enter_async_context(a_replica(mongo_url, bench.database.name, bench.calendar, driver))
        if is_busy:
            other = await stack.enter_async_context(one.watching())
            await other.until(lambda told: told.names == ["ready"])
        watching = await stack.enter_async_context(one.watching(after=position))
        told = await watching.until(lambda told: told.names[-2:] == ["reset", "ready"])
        assert [f["id"] for f in told.frames if f.get("event") == "reset"] == [""]
        await bench.feed(a_report(AT))
        await watching.until(lambda told: told.ids("report") == ["/agencies/samarinda-desk/r1"])


class OldOplog:
    """A database whose oplog begins later than what is asked for."""

    def __init__(self, database: Any, code: int) -> None:
        self._database, self._code = database, code

    def __getitem__(self, name: str) -> Any:
        return self._database[name]

    def watch(self, *args: Any, **kwargs: Any) -> Any:
        if kwargs["resume_after"] is not None:
            raise OperationFailure("Resume of change stream was not possible", self._code)
        return self._database.watch(*args, **kwargs)


@pytest.mark.parametrize("code", [260, 280, 286])
async def test_a_position_that_the_oplog_has_forgotten_says_so(bench: Bench, code: int) -> None:
    """As MongoDB answers after the oplog went round: load anew, once, and go on."""
    database = OldOplog(bench.database, code)
    hub = Hub(Feed(database, Showing(bench.calendar, Store(bench.database), RealClock())), Metrics("test"))
    running = asyncio.create_task(hub.run())
    async with Replica(hub).watching(after="82674B3A7E000000012B0229296E04") as watching:
        await watching.until(lambda told: told.names == ["ready", "reset", "ready"])
        await bench.feed(a_report(AT))
        await watching.until(lambda told: told.ids("report") == ["/agencies/samarinda-desk/r1"])
    running.cancel()
    await asyncio.wait([running])


async def test_a_read_model_that_is_built_anew_resets_everybody(bench: Bench, replica: Replica) -> None:
    """What was deleted as a whole cannot be told event by event."""
    await bench.feed(a_report(AT))
    async with replica.watching() as watching:
        await bench.database["reports"].drop()
        await watching.until(lambda told: told.names == ["ready", "reset", "ready"])


async def test_a_read_model_that_is_exchanged_resets_everybody(bench: Bench, replica: Replica) -> None:
    """As `desk replay --switch` does: another collection is renamed over the one in use. The making of the copy
    disturbs nobody."""
    await bench.feed(a_report(AT))
    database = bench.database
    async with replica.watching() as watching:
        await database["reports"].aggregate([{"$out": "shadow.reports"}]).to_list(None)
        await bench.feed(a_report(AT, event_id="r2"))
        await watching.until(lambda told: told.ids("report") == ["/agencies/samarinda-desk/r2"])
        assert "reset" not in watching.told.names
        names = (f"{database.name}.shadow.reports", f"{database.name}.reports")
        await database.client.admin.command({"renameCollection": names[0], "to": names[1], "dropTarget": True})
        await watching.until(lambda told: told.names[-2:] == ["reset", "ready"])


async def test_a_slow_watcher_is_let_go_and_holds_nobody_up(
    bench: Bench, replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits for it is bounded; it comes back with the position it has and gets the rest, each once."""
    monkeypatch.setattr(hubs, "Watcher", lambda wanted, after: Watcher(wanted, after, most=5))
    only_reports = Wanted(None, frozenset({Kind.REPORT}))
    async with replica.watching(only_reports) as slow:
        await bench.feed(*reports(0, 3))
        told = await slow.until(lambda told: len(told.of("report")) == 3)
        monkeypatch.undo()
        async with replica.watching(only_reports) as quick:
            await bench.feed(*reports(3, 20))
            await quick.until(lambda told: quick.told.ids("report") == ids_of(3, 20))
        assert slow.watcher.has_ended
        assert await slow.watcher.take(0) == b""
    async with replica.watching(only_reports, after=told.position) as again:
        await again.until(lambda told: told.ids("report") == ids_of(3, 20))


async def test_who_missed_more_than_may_wait_is_told_all_of_it(
    bench: Bench, replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A piece at a time, as they take it, each once; and then what comes, with everybody else."""
    only_reports = Wanted(None, frozenset({Kind.REPORT}))
    async with replica.watching(only_reports) as other:
        position = other.told.position
        await bench.feed(*reports(0, 30))
        await other.until(lambda told: told.ids("report") == ids_of(0, 30))
        monkeypatch.setattr(hubs, "Watcher", lambda wanted, after: Watcher(wanted, after, most=5))
        async with replica.watching(only_reports, after=position) as again:
            await again.until(lambda told: told.ids("report") == ids_of(0, 30))
            await bench.feed(*reports(30, 1))
            await again.until(lambda told: told.ids("report") == ids_of(0, 31))


def hub_tasks() -> set[asyncio.Task[Any]]:
    """Those of the hub; a database's driver has some of its own."""
    return {task for task in asyncio.all_tasks() if "Hub." in getattr(task.get_coro(), "__qualname__", "")}


async def test_nothing_is_left_when_everybody_has_gone(
    bench: Bench, replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No watcher, no task; after a while no change stream either, until somebody comes."""
    monkeypatch.setattr(hubs, "LINGER_S", 0.0)
    before = hub_tasks()
    async with replica.watching():
        assert len(replica.hub._members) == 1
    async with asyncio.timeout(10):
        while replica.hub._reading is not None or hub_tasks() - before:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.02)
    assert (len(replica.hub._members), len(replica.hub._live)) == (0, 0)
    async with replica.watching() as again:
        await bench.feed(a_report(AT))
        await again.until(lambda told: told.ids("report") == ["/agencies/samarinda-desk/r1"])


@pytest.fixture
def own_mongod(tmp_path: Path) -> Iterator[tuple[str, Process]]:
    """A database of our own, to be stopped and continued."""
    with contextlib.ExitStack() as stack:
        (port,) = free_ports(1)
        process = mongod.start(tmp_path, port, lambda started: stack.callback(started.stop))
        yield mongod.url(port), process


@pytest.mark.parametrize("driver", DRIVERS)
async def test_watchers_stay_while_the_database_is_away(
    own_mongod: tuple[str, Process], calendar: Calendar, driver: str
) -> None:
    """Stopped, so that it hangs, and continued: nobody is sent away, nothing is missed."""
    url, process = own_mongod
    name = f"test_{uuid.uuid4().hex}"
    writer = mongo.connect(url)
    incidents = mongo.database(writer, name)["incidents"]

    async def write(n: int) -> None:
        at = datetime(2024, 11, 25, tzinfo=UTC)
        document = {"_id": f"a/i{n}", "agency": "a", "id": f"i{n}", "region": "64.72", "received_at": at}
        await incidents.insert_one(document)

    async with a_replica(url, name, calendar, driver) as one, one.watching() as watching:
        await write(1)
        await watching.until(lambda told: len(told.of("incident")) == 1)
        os.kill(process.pid, signal.SIGSTOP)
        try:
            async with one.watching(after=watching.told.position) as late:
                failures = one.hub._metrics.loop_failures.labels("stream")._value
                async with asyncio.timeout(20):
                    while not failures.get():
                        watching.told.add(await watching.watcher.take(0.1))
                os.kill(process.pid, signal.SIGCONT)
                await write(2)
                for connection in (watching, late):
                    await connection.until(lambda told: told.ids("incident")[-1:] == ["a/i2"])
        finally:
            os.kill(process.pid, signal.SIGCONT)
        assert (watching.told.ids("incident"), late.told.ids("incident")) == (["a/i1", "a/i2"], ["a/i2"])
        assert "reset" not in watching.told.names
    await mongo.close(writer)
