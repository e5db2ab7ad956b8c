"""A notifier's parts on a real MongoDB, and small stand-ins for Kafka, clocks and receivers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any, TypeVar

import pytest
from aiokafka.errors import KafkaConnectionError

from services.notifier.alerts.settling import Settling
from services.notifier.changes import changes_of
from services.notifier.channels import Message, Sent
from services.notifier.delivery.delivery_store import DeliveryStore
from services.notifier.excuses import excuses
from services.notifier.excuses.excuse_store import ExcuseStore
from services.notifier.excuses.excusing import Excusing
from services.notifier.holding.held_store import HeldStore
from services.notifier.holding.muting import Muting
from services.notifier.holding.releasing import Releasing
from services.notifier.holding.silence_store import SilenceStore
from services.notifier.moments.moment_store import MomentStore
from services.notifier.routing.receivers import Receivers
from services.notifier.routing.routing import Routing
from services.notifier.store import Store
from services.notifier.telling.digest_store import DigestStore
from services.notifier.telling.escalating import Escalating
from services.notifier.telling.planned_deliveries import PlannedDeliveries, PlansAndSends
from services.notifier.telling.planning import Planning
from services.notifier.verdicts.judging import Judge
from shared import mongo
from shared.election.calendar import Calendar
from shared.events.envelope import Envelope
from shared.exactly_once.guard import OtherLog
from shared.exactly_once.sightings import Sighting
from shared.records import Position, Record
from tests.builders import MONDAY, a_calendar, utc

Document = dict[str, Any]
AnyStore = TypeVar("AnyStore", Store, DeliveryStore, DigestStore, MomentStore)
JUDGED_AT = utc("2024-11-18T18:00:00Z")


@pytest.fixture(scope="session")
async def notifier_client(mongo_url: str) -> AsyncIterator[mongo.Client]:
    client = mongo.connect(mongo_url)
    yield client
    await client.drop_database("test_notifier")
    await mongo.close(client)


@pytest.fixture(scope="session")
async def indexed_store(notifier_client: mongo.Client) -> Store:
    store = Store(mongo.database(notifier_client, "test_notifier"))
    await store.ensure_indexes()
    return store


@pytest.fixture
async def store(indexed_store: Store) -> Store:
    """The notifier's store, empty, with its indexes."""
    for name in await indexed_store.database.list_collection_names():
        await indexed_store.database[name].delete_many({})
    return indexed_store


@pytest.fixture
def calendar() -> Calendar:
    """Three regencies owe one report: that of Monday 18 November 2024, judged at 18:00 UTC."""
    rule = {"level": "regency", "from": MONDAY, "until": MONDAY}
    return a_calendar(reports=[rule])


class FakeOffsets:
    """Where the log ends and how far it is committed, as a test says; `is_away` as if Kafka were."""

    def __init__(self, end: int = 5, committed: int = 5) -> None:
        self.log, self.done, self.is_away = {0: (0, end), 1: (0, 0)}, {0: committed}, False
        self.is_another_log = False

    async def ends(self, topic: str) -> dict[int, tuple[int, int]]:
        assert topic in ("desk.reports", "desk.logistics")
        if self.is_away:
            raise KafkaConnectionError("away")
        return dict(self.log)

    async def committed(self, topic: str, partitions: list[int]) -> dict[int, int]:
        if self.is_away:
            raise TimeoutError
        if self.is_another_log:
            raise OtherLog("made anew")
        return {p: self.done.get(p, 0) for p in partitions}


class FixedClock:
    """The election's time, as a test says."""

    def __init__(self, now: datetime = JUDGED_AT) -> None:
        self.fixed = now

    def at(self, instant: datetime) -> datetime:
        return self.fixed

    def now(self) -> datetime:
        return self.fixed


class FakePublisher:
    """Keeps what is published; fails while `fails` says so."""

    def __init__(self) -> None:
        self.published: list[tuple[str, bytes | None, bytes]] = []
        self.fails: Exception | None = None

    async def publish(self, topic: str, key: bytes | None, value: bytes, headers: list[tuple[str, bytes]]) -> Position:
        if self.fails is not None:
            raise self.fails
        self.published.append((topic, key, value))
        return Position(topic, 0, len(self.published) - 1)


class FakeChannel:
    """Answers with the outcomes a test gives, then with 200; keeps what it got."""

    def __init__(self, *outcomes: Exception | int | Sent) -> None:
        self.outcomes, self.got = list(outcomes), list[Message]()

    async def send(self, message: Message) -> Sent:
        self.got.append(message)
        outcome = self.outcomes.pop(0) if self.outcomes else 200
        if isinstance(outcome, Exception):
            raise outcome
        return outcome if isinstance(outcome, Sent) else Sent(outcome)

    async def close(self) -> None:
        """Nothing to close."""


def not_recorded(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Delivery and receiver of each attempt whose end, the log says, is not on record."""
    said = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    return [(line["delivery"], line["receiver"]) for line in said if line["event"] == "attempt_not_recorded"]


class Crash(BaseException):
    """The process dies here."""


def dying(store: AnyStore, method: str, after_calls: int = 0) -> AnyStore:
    """The same database through a store whose `method` dies at a later call, before it does anything."""
    copy, left = type(store)(store.database), [after_calls]
    original = getattr(copy, method)

    async def die(*args: Any, **kwargs: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise Crash
        return await original(*args, **kwargs)

    setattr(copy, method, die)
    return copy


class Bench:
    """Parts of a notifier over one store, made as a test needs them."""

    def __init__(self, store: Store, calendar: Calendar, client: mongo.Client) -> None:
        self.store, self.calendar, self.client = store, calendar, client
        self.offsets, self.clock = FakeOffsets(), FixedClock()
        self.real_shift = timedelta()
        self.woken = 0

    def judge(self, store: Store | None = None, undetermined_after_s: float = 900) -> Judge:
        chosen = store or self.store
        return Judge(chosen, self.calendar, self.offsets, self.clock, self._database_now, undetermined_after_s)

    def planning(
        self, receivers: Receivers, store: Store | None = None, at_once: Mapping[str, PlansAndSends] | None = None
    ) -> Planning:
        deliveries, muting = DeliveryStore(self.store.database), self.muting(receivers)
        about = (deliveries, self.calendar, receivers, muting, self.now, self.wake, at_once or {})
        return Planning(store or self.store, *about)

    def releasing(self, receivers: Receivers | None = None) -> Releasing:
        muting = self.muting(receivers or receivers_of({"name": "a"}))
        return Releasing(self.store, HeldStore(self.store.database), muting, self.now, self.wake)

    def muting(self, receivers: Receivers) -> Muting:
        return Muting(self.store, SilenceStore(self.store.database), self.calendar, Routing(receivers))

    def escalating(self, receivers: Receivers) -> Escalating:
        deliveries, held, routing = (
            DeliveryStore(self.store.database),
            HeldStore(self.store.database),
            Routing(receivers),
        )
        planned = PlannedDeliveries(deliveries, self.muting(receivers), routing, self.now, receivers.max_notice_age)
        return Escalating(
            self.store,
            held,
            planned,
            self.calendar,
            routing,
            self.now,
            receivers.max_notice_age,
            self.wake,
        )

    def wake(self) -> None:
        self.woken += 1

    def settling(self) -> Settling:
        return Settling(self.store)

    def excusing(self, store: Store | None = None) -> Excusing:
        return Excusing(store or self.store, self.now)

    async def excuse(self, region: str = "64.72", first: str = "2024-11-18", last: str = "2024-11-18") -> Document:
        """An operator gives an excuse."""
        days = date.fromisoformat(first), date.fromisoformat(last)
        excuse = excuses.given(f"{region}@{first}", region, *days, reason="Banjir.", by="budi", at=self.clock.now())
        given = await ExcuseStore(self.store.database).give(excuse)
        assert given is not None
        return given

    async def file(self, event: Envelope) -> None:
        """What the consumer does with an event, a report for example."""
        position = Position("desk.reports", 0, 0)
        for change in changes_of(self.calendar)(Sighting(position, event, Record(position, None, b""))):
            await self.store.update(change.collection, change.document_id, change.apply)

    async def verdicts(self) -> dict[str, list[str]]:
        """All verdicts of each region, in order."""
        found = self.store.database.obligations.find().sort("_id", 1)
        return {d["region"]: [v["verdict"] for v in d["verdicts"]] async for d in found}

    async def in_digest(self) -> list[str]:
        """Who was missing when it was judged."""
        return list(await self.store.in_digest("2024-11-18", JUDGED_AT, "64"))

    async def alerts(self) -> dict[str, str]:
        """The state of each; without the stubs that wait for an incident."""
        raised = self.store.database.alerts.find({"state": {"$exists": True}}).sort("_id", 1)
        return {alert["_id"]: alert["state"] async for alert in raised}

    async def deliveries(self, **wanted: Any) -> list[Document]:
        return [d async for d in self.store.database.deliveries.find(wanted).sort("_id", 1)]

    async def now(self) -> datetime:
        return self.clock.now()

    async def _database_now(self) -> datetime:
        return await mongo.server_time(self.client) + self.real_shift


@pytest.fixture
async def bench(store: Store, calendar: Calendar, notifier_client: mongo.Client) -> Bench:
    made = Bench(store, calendar, notifier_client)
    await made.judge().plan()
    return made


def receivers_of(*wanted: Document, **more: Any) -> Receivers:
    """What is told together does not wait, unless `more` says so."""
    receivers = [{"channel": "console", **w} for w in wanted]
    return Receivers.model_validate({"receivers": receivers, "digest_wait": "0s", **more})


async def until_told(planning: Planning, *steps: Callable[[], Any]) -> None:
    """Plan until nothing is left to tell, digests too."""
    await until_idle(*steps, planning.step, planning.digesting.step)


async def until_idle(*steps: Callable[[], Any], most: int = 50) -> None:
    """Run loops' steps until none has work."""
    for _ in range(most):
        if not any([await step() for step in steps]):
            return
    raise AssertionError("there is no end of work")
