"""Sending: claimed, logged, sent, marked; the same message however often it is tried."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from services.notifier.channels import Channel, Message, SendFailed, Sent
from services.notifier.delivery import breaker, delivering, problems
from services.notifier.delivery.breaker import OPEN_AFTER
from services.notifier.delivery.delivering import Sender
from services.notifier.delivery.delivery_store import DeliveryStore
from services.notifier.delivery.receiver_store import ReceiverStore
from services.notifier.delivery.sending import _loop_names
from services.notifier.routing.receivers import ConsoleReceiver, WebhookReceiver
from services.notifier.store import Store
from shared.metrics import Metrics
from tests.builders import utc
from tests.service.notifier.conftest import Crash, FakeChannel, dying, not_recorded

Document = dict[str, Any]
SIGNING = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PASSING = SendFailed("HTTP 503", is_permanent=False, status=503)
PERMANENT = SendFailed("HTTP 404", is_permanent=True, status=404)
GONE = SendFailed("HTTP 410", is_permanent=True, status=410, disables=True)


@pytest.fixture
async def store(store: Store) -> DeliveryStore:
    return DeliveryStore(store.database)


@pytest.fixture(autouse=True)
def quick_retries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivering, "FIRST_RETRY_S", 0.001)
    monkeypatch.setattr(delivering, "LONGEST_RETRY_S", 0.002)
    monkeypatch.setattr(breaker, "FIRST_WAIT_S", 0.001)
    monkeypatch.setattr(breaker, "LONGEST_WAIT_S", 0.002)


async def plan(store: DeliveryStore, *names: str, receiver: str = "hook", state: str = "pending") -> None:
    await store.plan(
        {
            "_id": f"{name}|{receiver}",
            "receiver": receiver,
            "channel": "webhook",
            "notice": name,
            "alerts": [f"alert:{name}"],
            "payload": {"data": name},
            "webhook_id": f"msg_{name}_{receiver}",
            "state": state,
        }
        for name in names
    )


def a_sender(store: DeliveryStore, channel: Channel, receiver: str = "hook", **options: Any) -> Sender:
    config = ConsoleReceiver(name=receiver, channel="console", **options)
    return Sender(config, channel, store, ReceiverStore(store.database), "me", 30, Metrics("test"))


async def age(store: DeliveryStore, hours: float) -> None:
    """As if everything had been planned and tried so much earlier."""
    earlier = {"$subtract": ["$planned_at", int(hours * 3_600_000)]}
    await store.database.deliveries.update_many({}, [{"$set": {"planned_at": earlier}}])


def counted(sender: Sender, outcome: str) -> float:
    """How many attempts `/metrics` shows with this outcome."""
    labels = {"channel": "console", "outcome": outcome}
    return sender._metrics.registry.get_sample_value("desk_deliveries_total", labels) or 0.0


def delays(sender: Sender) -> tuple[float, float]:
    """How many deliveries are counted by how late they came, and how late they came together."""
    registry, labels = sender._metrics.registry, {"rule": "outage"}
    found = [registry.get_sample_value(f"desk_accepted_to_delivered_seconds_{n}", labels) for n in ("count", "sum")]
    return found[0] or 0.0, found[1] or 0.0


async def drain(sender: Sender, most: int = 200) -> None:
    """Turn the sender until nothing is pending for it."""
    for _ in range(most):
        pending = await sender._deliveries.database.deliveries.count_documents(
            {"receiver": sender.receiver.name, "state": "pending"}
        )
        if not pending:
            return
        if not await sender.step():
            await asyncio.sleep(0.002)
    raise AssertionError("still pending")


async def one(store: DeliveryStore, delivery_id: str = "n1|hook") -> Document:
    found = await store.database.deliveries.find_one({"_id": delivery_id})
    assert found is not None
    return dict(found)


async def test_delivered(store: DeliveryStore) -> None:
    """Sent once, with its attempt, its status and its times."""
    channel = FakeChannel()
    await plan(store, "n1")
    await drain(a_sender(store, channel))
    delivery = await one(store)
    assert delivery["state"] == "delivered"
    (attempt,) = delivery["attempts"]
    assert (attempt["outcome"], attempt["status"], attempt["by"]) == ("ok", 200, "me")
    assert delivery["planned_at"] <= attempt["started_at"] <= attempt["ended_at"]
    assert [(m.webhook_id, m.payload) for m in channel.got] == [("msg_n1_hook", {"data": "n1"})]
    assert await a_sender(store, channel).step() is False


async def test_what_arrived_is_marked_before_anybody_hears_of_another_failure(
    store: DeliveryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How the receiver is doing is written beside the mark. Where that fails the mark is not left under way, or it
    would be sent again if we left now."""
    sender, record = a_sender(store, FakeChannel()), store.record_attempt

    async def slowly(*args: Any) -> None:
        await asyncio.sleep(0.05)
        await record(*args)

    async def away(*_args: Any, **_options: Any) -> bool:
        raise AutoReconnect("away")

    monkeypatch.setattr(store, "record_attempt", slowly)
    monkeypatch.setattr(sender._receivers, "answered", away)
    await plan(store, "n1")
    with pytest.raises(AutoReconnect):
        await sender.step()
    assert (await one(store))["state"] == "delivered"


class Answering(FakeChannel):
    """Has the message, and answers a moment later; or never."""

    def __init__(self, after_s: float) -> None:
        super().__init__()
        self.has_it, self._after_s = asyncio.Event(), after_s

    async def send(self, message: Message) -> Sent:
        sent = await super().send(message)
        self.has_it.set()
        await asyncio.sleep(self._after_s)
        return sent


async def left_while_sending(store: DeliveryStore, channel: Answering) -> Document:
    """The delivery after its sender was told to leave with an attempt under way."""
    await plan(store, "n1")
    turning = asyncio.create_task(a_sender(store, channel).step())
    await channel.has_it.wait()
    turning.cancel()
    with pytest.raises(asyncio.CancelledError):
        await turning
    return await one(store)


async def test_who_is_told_to_leave_ends_the_attempt_under_way(store: DeliveryStore) -> None:
    """A restart tells nobody twice."""
    delivery = await left_while_sending(store, Answering(0.1))
    assert delivery["state"] == "delivered"


async def test_who_is_told_to_leave_waits_for_no_receiver_that_hangs(
    store: DeliveryStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is sent again after the lease, as after a crash; the log says which, and to whom."""
    monkeypatch.setattr(delivering, "LEAVING_S", 0.1)
    delivery = await left_while_sending(store, Answering(60))
    assert (delivery["state"], delivery["attempts"][0]["outcome"]) == ("pending", "started")
    assert not_recorded(caplog) == [("n1|hook", "hook")]


async def test_failing_then_succeeding_keeps_the_webhook_id(store: DeliveryStore) -> None:
    """A passing failure is tried again, every attempt is on record, and the receiver sees one and the same message."""
    channel = FakeChannel(PASSING, PASSING, 202)
    sender = a_sender(store, channel)
    await plan(store, "n1")
    await drain(sender)
    delivery = await one(store)
    assert delivery["state"] == "delivered"
    assert [(a["outcome"], a["status"]) for a in delivery["attempts"]] == [
        ("failed", 503),
        ("failed", 503),
        ("ok", 202),
    ]
    assert delivery["attempts"][0]["problem"] == "HTTP 503"
    assert {m.webhook_id for m in channel.got} == {"msg_n1_hook"}
    assert len(channel.got) == 3
    assert [counted(sender, outcome) for outcome in ("retry", "ok", "dead")] == [2, 1, 0]


async def test_the_end_of_an_alarm_never_overtakes_it(store: DeliveryStore) -> None:
    """A receiver that was away hears "missing" before "reported late"; other alerts do not wait."""
    channel = FakeChannel(PASSING)
    sender = a_sender(store, channel)
    await plan(store, "n1")
    assert await sender.step()
    await store.database.deliveries.update_one({}, [{"$set": {"next_attempt_at": {"$add": ["$$NOW", 60_000]}}}])
    await asyncio.sleep(0.01)
    await plan(store, "n2", "other")
    await store.database.deliveries.update_one({"_id": "n2|hook"}, {"$set": {"alerts": ["alert:n1"]}})
    while await sender.step():
        pass
    assert [m.payload["data"] for m in channel.got] == ["n1", "other"]
    assert (await store.database.deliveries.find_one({"_id": "n2|hook"}))["attempts"] == []
    await store.database.deliveries.update_many({}, [{"$set": {"next_attempt_at": "$planned_at"}}])
    while await sender.step():
        pass
    assert [m.payload["data"] for m in channel.got][2:] == ["n1", "n2"]


async def test_a_defect_of_a_channel_is_a_failed_attempt(store: DeliveryStore) -> None:
    """What a channel did not foresee is recorded and counted, and tried again until it is dead."""
    sender = a_sender(store, FakeChannel(RuntimeError("with a secret")))
    await plan(store, "n1")
    assert await sender.step()
    delivery = await store.database.deliveries.find_one({"_id": "n1|hook"})
    assert delivery["state"] == "pending"
    assert delivery["attempts"][0]["problem"] == "RuntimeError"


@pytest.mark.expect_errors("delivery_failed")
async def test_permanent_failure_is_dead_at_once(store: DeliveryStore) -> None:
    """What will never work is not tried again; the next notice is."""
    channel = FakeChannel(PERMANENT)
    sender = a_sender(store, channel)
    await plan(store, "n1", "n2")
    await drain(sender)
    assert sorted([(await one(store, f"{n}|hook"))["state"] for n in ("n1", "n2")]) == ["dead", "delivered"]
    assert len(channel.got) == 2
    assert [counted(sender, outcome) for outcome in ("retry", "ok", "dead")] == [0, 1, 1]


@pytest.mark.expect_errors("delivery_failed")
async def test_dead_when_its_time_is_over(store: DeliveryStore) -> None:
    """A failure that does not pass is tried for as long as the receiver says, and not once more."""
    channel = FakeChannel(*[PASSING] * 10)
    sender = a_sender(store, channel, retry_for="2h")
    await plan(store, "n1")
    assert await sender.step()
    await age(store, 1.9)
    await asyncio.sleep(0.005)
    assert await sender.step()
    assert (await one(store))["state"] == "pending"
    await age(store, 0.2)
    await asyncio.sleep(0.005)
    assert await sender.step()
    delivery = await one(store)
    assert (delivery["state"], len(delivery["attempts"])) == ("dead", 3)


@pytest.mark.expect_errors("delivery_failed")
async def test_gone_disables_the_receiver(store: DeliveryStore) -> None:
    """410: the receiver wants no more. Its other notices go dead unsent, other receivers' are sent."""
    channel, other = FakeChannel(GONE), FakeChannel()
    await plan(store, "n1", "n2", "n3")
    await plan(store, "n1", receiver="other")
    await drain(a_sender(store, channel))
    await drain(a_sender(store, other, "other"))
    assert [(await one(store, f"n{n}|hook"))["state"] for n in (1, 2, 3)] == ["dead"] * 3
    assert (len(channel.got), len(other.got)) == (1, 1)
    problems = {(await one(store, f"n{n}|hook"))["attempts"][0]["problem"] for n in (1, 2, 3)}
    assert problems == {"HTTP 410", "receiver disabled: HTTP 410"}


@pytest.mark.expect_errors("delivery_failed")
async def test_an_operator_enables_it_again(store: DeliveryStore) -> None:
    """Without the mark the next notice is sent."""
    await plan(store, "n1")
    await drain(a_sender(store, FakeChannel(GONE)))
    await ReceiverStore(store.database).enable("hook", "budi")
    await plan(store, "n2")
    await drain(a_sender(store, FakeChannel()))
    assert (await one(store, "n2|hook"))["state"] == "delivered"


async def test_dies_between_sending_and_mark(store: DeliveryStore) -> None:
    """The attempt is on record before it is sent; after the lease it is sent again under the same id."""
    channel = FakeChannel()
    await plan(store, "n1")
    with pytest.raises(Crash):
        await a_sender(dying(store, "record_attempt"), channel).step()
    assert [a["outcome"] for a in (await one(store))["attempts"]] == ["started"]
    assert await a_sender(store, channel).step() is False  # still leased
    await store.database.deliveries.update_many({}, [{"$set": {"lease_until": "$$NOW"}}])  # as if the lease were over
    await drain(a_sender(store, channel))
    assert [a["outcome"] for a in (await one(store))["attempts"]] == ["started", "ok"]
    assert [m.webhook_id for m in channel.got] == ["msg_n1_hook"] * 2


async def test_two_replicas_send_each_notice_once(store: DeliveryStore) -> None:
    """Whatever number of replicas: each delivery is claimed by one of them."""
    channel = FakeChannel()
    await plan(store, *(f"n{n}" for n in range(20)))
    await asyncio.gather(*(drain(a_sender(DeliveryStore(store.database), channel)) for _ in range(4)))
    assert len(channel.got) == len({m.webhook_id for m in channel.got}) == 20
    assert await store.database.deliveries.count_documents({"state": "delivered"}) == 20


async def test_suppressed_is_not_sent(store: DeliveryStore) -> None:
    """Old news stays stored."""
    channel = FakeChannel()
    await plan(store, "n1", state="suppressed")
    assert await a_sender(store, channel).step() is False
    assert channel.got == []


async def test_what_is_kept_of_an_attempt(store: DeliveryStore) -> None:
    """When, what came back, in how many milliseconds and in which words: one clean, short line."""
    reply = "baik\n\x1b[31m\u202etxt " + "x" * 1000
    await plan(store, "n1")
    await drain(
        a_sender(store, FakeChannel(SendFailed("HTTP 503", is_permanent=False, reply="later"), Sent(202, reply)))
    )
    failed, ok = (await one(store))["attempts"]
    assert (failed["reply"], failed["status"], failed["outcome"]) == ("later", None, "failed")
    assert ok["reply"].startswith("baik [31m txt xxx")
    assert len(ok["reply"]) == 300
    assert ok["reply"].isprintable()
    assert all(isinstance(a["latency_ms"], int) and 0 <= a["latency_ms"] < 5000 for a in (failed, ok))
    assert all(a["started_at"] <= a["ended_at"] for a in (failed, ok))


@pytest.mark.expect_errors("delivery_failed")
async def test_our_own_words_are_never_masked(store: DeliveryStore) -> None:
    """A word of the address, which may be a secret, is hidden in what others say; our own words hold no secret."""
    keys = {"name": "hook", "channel": "webhook", "url": "http://desk.example/ok?private", "secret": SIGNING}
    failed = SendFailed("PrivateAddress", is_permanent=True, reply="ok?private it is")
    hook, receivers = WebhookReceiver.model_validate(keys), ReceiverStore(store.database)
    await plan(store, "n1")
    await drain(Sender(hook, FakeChannel(failed), store, receivers, "me", 30, Metrics("test")))
    (attempt,) = (await one(store))["attempts"]
    assert (attempt["problem"], attempt["reply"]) == ("PrivateAddress", "ok?*** it is")


async def test_a_receiver_s_patience_is_heard(store: DeliveryStore) -> None:
    """`Retry-After` puts the next try off; our own back-off is the least."""
    await plan(store, "n1")
    assert await a_sender(store, FakeChannel(SendFailed("HTTP 429", is_permanent=False, retry_after_s=600))).step()
    delivery = await one(store)
    wait_s = (delivery["next_attempt_at"] - delivery["attempts"][0]["ended_at"]).total_seconds()
    assert 599 < wait_s < 601


@pytest.mark.parametrize(("tried_after_h", "wait_s"), [(0.0, 1800.0), (1.75, 900.0), (1.999, 3.6)])
async def test_the_last_try_comes_at_the_very_end(store: DeliveryStore, tried_after_h: float, wait_s: float) -> None:
    """However long the next wait would be, a delivery is not given up before its time."""
    await plan(store, "n1")
    await age(store, tried_after_h)
    patient = SendFailed("HTTP 429", is_permanent=False, retry_after_s=1800)
    assert await a_sender(store, FakeChannel(patient), retry_for="2h").step()
    delivery = await one(store)
    assert delivery["state"] == "pending"
    waits = (delivery["next_attempt_at"] - delivery["attempts"][0]["ended_at"]).total_seconds()
    assert wait_s - 2 < waits <= wait_s


async def test_who_has_it_gets_it_no_second_time(store: DeliveryStore) -> None:
    """Of several recipients a later attempt goes to those alone who were left out, also after a crash in between."""
    some = SendFailed("refused: b@x (451)", is_permanent=False, status=451, left=["b@x"])
    channel = FakeChannel(some, PASSING)
    await plan(store, "n1")
    assert await a_sender(store, channel).step()
    await asyncio.sleep(0.005)
    with pytest.raises(Crash):
        await a_sender(dying(store, "record_attempt"), channel).step()
    await store.database.deliveries.update_many({}, [{"$set": {"lease_until": "$$NOW"}}])
    await drain(a_sender(store, channel))
    assert [m.only_for for m in channel.got] == [(), ("b@x",), ("b@x",)]


async def test_a_channel_without_end_is_cut_off_within_the_lease(store: DeliveryStore) -> None:
    """Whatever a channel's own limit: before somebody else may take the delivery over, the attempt is over."""

    class Endless(FakeChannel):
        async def send(self, message: Message) -> Sent:
            await asyncio.sleep(60)
            raise AssertionError

    sender = a_sender(store, Endless())
    sender._lease_s = 0.3
    await plan(store, "n1")
    assert await asyncio.wait_for(sender.step(), 5)
    (attempt,) = (await one(store))["attempts"]
    assert attempt["problem"] == "TimeoutError"


class Gate(FakeChannel):
    """Lets nobody through until it is opened; counts who waits at a time."""

    def __init__(self) -> None:
        super().__init__()
        self.entered, self.opened, self.inside, self.most = asyncio.Semaphore(0), asyncio.Event(), 0, 0

    async def send(self, message: Message) -> Sent:
        self.inside += 1
        self.most = max(self.most, self.inside)
        self.entered.release()
        await self.opened.wait()
        self.inside -= 1
        return await super().send(message)


@pytest.mark.parametrize("concurrency", [1, 3])
async def test_as_many_at_a_time_as_the_receiver_takes(store: DeliveryStore, concurrency: int) -> None:
    """Its loops are its limit, and a receiver that hangs holds up nobody else."""
    gate, other = Gate(), FakeChannel()
    await plan(store, *(f"n{n}" for n in range(8)))
    await plan(store, "n1", receiver="other")
    sender = a_sender(store, gate, concurrency=concurrency)

    async def turn() -> None:
        while await sender.step():
            pass

    loops = [asyncio.create_task(turn()) for _ in _loop_names(sender.receiver)]
    await drain(a_sender(store, other, "other"))
    for _ in loops:
        await asyncio.wait_for(gate.entered.acquire(), 10)
    assert len(other.got) == 1
    assert gate.got == []
    gate.opened.set()
    await asyncio.gather(*loops)
    assert (gate.most, len(gate.got)) == (concurrency, 8)


async def test_breaker_opens_and_one_probe_closes_it(store: DeliveryStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """After some failures in a row nothing is sent but one probe at a time, from whichever replica; the first that
    arrives lets everything through at once, also what was to wait longer."""
    monkeypatch.setattr(breaker, "FIRST_WAIT_S", 30.0)
    monkeypatch.setattr(breaker, "LONGEST_WAIT_S", 60.0)
    monkeypatch.setattr(delivering, "FIRST_RETRY_S", 60.0)
    monkeypatch.setattr(delivering, "LONGEST_RETRY_S", 60.0)
    names = [f"n{n}" for n in range(OPEN_AFTER + 3)]
    await plan(store, *names)
    channel = FakeChannel(*[PASSING] * OPEN_AFTER, PASSING)
    ours, theirs = a_sender(store, channel), a_sender(DeliveryStore(store.database), channel)
    for _ in range(OPEN_AFTER):
        assert await ours.step()
    assert [await s.step() for s in (ours, theirs)] == [False, False]  # open, for both
    assert len(channel.got) == OPEN_AFTER
    assert shown_breaker(ours) == 1

    async def wait_is_over() -> None:
        await store.database.receivers.update_one({"_id": "hook"}, [{"$set": {"open_until": "$$NOW"}}])

    await wait_is_over()
    assert sorted([await s.step() for s in (ours, theirs)]) == [False, True]  # one probe, and it fails
    assert len(channel.got) == OPEN_AFTER + 1
    assert [await s.step() for s in (ours, theirs)] == [False, False]
    await wait_is_over()
    assert await theirs.step()  # this one arrives
    while await ours.step():
        pass
    assert shown_breaker(ours) == 0
    assert {(await one(store, f"{n}|hook"))["state"] for n in names} == {"delivered"}
    assert {m.webhook_id for m in channel.got} == {f"msg_{n}_hook" for n in names}


async def test_a_probe_without_work_waits_for_the_next_notice(store: DeliveryStore) -> None:
    """When the last failures are hours ago and nothing is pending, a new alarm is the probe and goes out at once."""
    receivers = ReceiverStore(store.database)
    for _ in range(OPEN_AFTER):
        await receivers.failed("hook", "HTTP 503", None, 1.0)
    await asyncio.sleep(0.01)
    channel = FakeChannel()
    sender = a_sender(store, channel)
    for _ in range(2):
        assert await sender.step() is False
    await plan(store, "n1")
    await asyncio.sleep(0.002)
    assert await sender.step()
    assert [m.webhook_id for m in channel.got] == ["msg_n1_hook"]
    assert shown_breaker(sender) == 1
    assert await sender.step() is False
    assert shown_breaker(sender) == 0


def shown_breaker(sender: Sender) -> float | None:
    labels = {"receiver": sender.receiver.name}
    return sender._metrics.registry.get_sample_value("desk_receiver_breaker_open", labels)


@pytest.mark.expect_errors("delivery_failed")
async def test_a_refusal_is_an_answer(store: DeliveryStore) -> None:
    """Permanent failures open no breaker: whoever refuses is there."""
    channel = FakeChannel(*[PASSING] * (OPEN_AFTER - 1), PERMANENT, *[PASSING] * (OPEN_AFTER - 1))
    sender = a_sender(store, channel)
    await plan(store, "n1", "n2")
    await drain(sender)
    assert len(channel.got) == 2 * OPEN_AFTER
    assert shown_breaker(sender) == 0


async def test_one_of_several_recipients_holds_up_nobody(store: DeliveryStore) -> None:
    """A recipient that is refused again and again opens no breaker: the others get what comes."""
    some = SendFailed("refused: b@x (451)", is_permanent=False, status=451, left=["b@x"], took=["a@x"])
    channel = FakeChannel(*[some] * (2 * OPEN_AFTER))
    sender = a_sender(store, channel)
    await plan(store, *(f"n{n}" for n in range(2 * OPEN_AFTER)))
    await drain(sender)
    assert len(channel.got) == 4 * OPEN_AFTER
    assert shown_breaker(sender) == 0


async def test_a_probe_that_died_is_made_by_another(store: DeliveryStore) -> None:
    """A replica that dies with the probe in hand leaves it to the next one after its lease."""
    receivers = ReceiverStore(store.database)
    await plan(store, "n1")
    for _ in range(OPEN_AFTER):
        await receivers.failed("hook", "HTTP 503", 0, 1.0)
    await asyncio.sleep(0.01)
    assert await receivers.permit("hook", 0.05) == "probe"
    assert await receivers.permit("hook", 0.05) == "not_now"
    await asyncio.sleep(0.06)
    assert await receivers.permit("hook", 0.05) == "probe"


@pytest.mark.expect_errors("deliveries_given_up", "delivery_failed")
async def test_what_waited_behind_an_open_breaker_is_given_up_too(
    store: DeliveryStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dead after its hours, also what was never tried itself, with the reason on record; what is younger waits on."""
    monkeypatch.setattr(breaker, "FIRST_WAIT_S", 0.0)
    monkeypatch.setattr(delivering, "FIRST_RETRY_S", 60.0)
    monkeypatch.setattr(delivering, "LONGEST_RETRY_S", 60.0)
    sender = a_sender(store, FakeChannel(*[PASSING] * (OPEN_AFTER + 1)), retry_for="4h")
    old = [f"n{n}" for n in range(OPEN_AFTER + 3)]
    await plan(store, *old)
    for _ in range(OPEN_AFTER):
        assert await sender.step()
    await age(store, 4.1)
    await plan(store, "fresh")
    assert await sender.step()  # the probe, which fails too
    assert {(await one(store, f"{n}|hook"))["state"] for n in old} == {"dead"}
    assert (await one(store, "fresh|hook"))["state"] == "pending"
    never_tried = await one(store, f"{old[-1]}|hook")
    assert [a["problem"] for a in never_tried["attempts"]] == [problems.GIVEN_UP]
    assert counted(sender, "dead") == len(old)


@pytest.mark.expect_errors("delivery_failed")
async def test_an_operator_sends_a_dead_one_again(store: DeliveryStore) -> None:
    """Dead or suppressed, it is owed anew, with its hours before it and its attempts on record; a delivered one is
    not; one that waits is due now."""
    await plan(store, "n1")
    await plan(store, "n2", state="suppressed")
    await drain(a_sender(store, FakeChannel(PERMANENT)))
    await age(store, 24)
    assert await store.retry("n1|hook", "budi")
    assert await store.retry("n2|hook", "budi")
    channel = FakeChannel(PASSING)
    sender = a_sender(store, channel)
    assert await sender.step()
    await drain(sender)
    assert [(await one(store, f"{n}|hook"))["state"] for n in ("n1", "n2")] == ["delivered"] * 2
    assert (await one(store))["retried_by"] == "budi"
    assert (await one(store))["attempts"][0]["status"] == 404
    assert not await store.retry("n1|hook", "budi")
    assert not await store.retry("n3|hook", "budi")


@pytest.mark.parametrize(
    ("planned", "expected"),
    [
        ({}, 1),
        ({"released_at": datetime.now(UTC)}, 0),  # it was held back on purpose
        ({"retried_at": datetime.now(UTC)}, 0),  # an operator's wish
    ],
)
async def test_how_late_a_receiver_knows(store: DeliveryStore, planned: dict[str, Any], expected: int) -> None:
    """From what happened to the receiver's yes, without what waited on purpose; a retry is part of it."""
    happened = utc("2024-11-18T18:00:00Z")
    due = {"happened_at": happened, "due_at": happened + timedelta(seconds=40), "rule": "outage", **planned}
    await plan(store, "n1")
    await store.database.deliveries.update_one({"_id": "n1|hook"}, {"$set": due})
    await age(store, hours=1 / 3600)
    sender = a_sender(store, FakeChannel(PASSING))
    await drain(sender)
    count, seconds = delays(sender)
    assert count == expected
    assert 41 * expected <= seconds < 44
