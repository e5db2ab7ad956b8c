"""Sending: claimed, logged, sent, marked; the same message however often it is tried."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.notifier import delivering
from services.notifier.channels import SendFailed
from services.notifier.delivering import MOST_ATTEMPTS, Sender
from services.notifier.delivery_store import DeliveryStore
from services.notifier.receivers import ConsoleReceiver
from services.notifier.store import Store
from shared.metrics import Metrics
from tests.service.notifier.conftest import Crash, FakeChannel, dying

Document = dict[str, Any]
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


def a_sender(store: DeliveryStore, channel: FakeChannel, receiver: str = "hook") -> Sender:
    config = ConsoleReceiver(name=receiver, channel="console")
    return Sender(config, channel, store, "me", 30, Metrics("test"))


def counted(sender: Sender, outcome: str) -> float:
    """How many attempts `/metrics` shows with this outcome."""
    labels = {"channel": "console", "outcome": outcome}
    return sender._metrics.registry.get_sample_value("desk_deliveries_total", labels) or 0.0


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
async def test_dead_after_the_last_attempt(store: DeliveryStore) -> None:
    """A failure that does not pass ends after the attempts are used up."""
    channel = FakeChannel(*[PASSING] * (MOST_ATTEMPTS + 5))
    await plan(store, "n1")
    await drain(a_sender(store, channel))
    delivery = await one(store)
    assert (delivery["state"], len(delivery["attempts"])) == ("dead", MOST_ATTEMPTS)


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
    await store.database.receivers.update_one({"_id": "hook"}, {"$unset": {"disabled_because": ""}})
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
