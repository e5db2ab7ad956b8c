"""What presses is claimed in the write that plans it, and sent from there; whatever stands against it, the senders
send it as they send all else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from services.notifier.channels import Message, SendFailed, Sent
from services.notifier.delivery import delivering
from services.notifier.delivery.breaker import OPEN_AFTER
from services.notifier.delivery.delivering import Sender
from services.notifier.delivery.delivery_store import DeliveryStore
from services.notifier.delivery.receiver_store import ReceiverStore
from services.notifier.routing.receivers import ConsoleReceiver
from services.notifier.telling.planning import Planning
from shared.events.incident_status import IncidentStatus
from shared.metrics import Metrics
from tests.builders import a_status, an_incident, utc
from tests.service.notifier.conftest import Bench, FakeChannel, not_recorded, receivers_of

Document = dict[str, Any]
AT = utc("2024-11-25T02:00Z")
LEASE_S = 30.0


class Slow(FakeChannel):
    """Answers when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.let = asyncio.Event()

    async def send(self, message: Message) -> Sent:
        sent = await super().send(message)
        await self.let.wait()
        return sent


class Replica:
    """Plans, and sends to the receiver `a`."""

    def __init__(self, bench: Bench, channel: FakeChannel | None = None) -> None:
        self.channel = channel or FakeChannel()
        self.deliveries, self.receivers = DeliveryStore(bench.store.database), ReceiverStore(bench.store.database)
        config, self.metrics = ConsoleReceiver(name="a", channel="console"), Metrics("test")
        self.sender = Sender(config, self.channel, self.deliveries, self.receivers, "host:1", LEASE_S, self.metrics)
        self.planning: Planning = bench.planning(receivers_of({"name": "a"}), at_once={"a": self.sender})

    async def tell(self) -> None:
        """A turn of the planning, and the end of what it sends."""
        await self.planning.step()
        await self.sent()

    async def sent(self) -> None:
        await asyncio.gather(*self.sender._at_once)


@pytest.fixture
async def replica(bench: Bench) -> AsyncIterator[Replica]:
    made = Replica(bench)
    yield made
    await made.sender.close()


async def violate(bench: Bench, event_id: str = "i1") -> None:
    await bench.file(an_incident(AT, event_id=event_id))


async def the_delivery(bench: Bench) -> Document:
    (delivery,) = await bench.deliveries()
    return delivery


async def test_what_is_sent_when_we_are_told_to_leave_is_sent_to_its_end(bench: Bench) -> None:
    channel = Slow()
    replica = Replica(bench, channel)
    await violate(bench)
    await replica.planning.step()
    asyncio.get_running_loop().call_later(0.1, channel.let.set)
    await replica.sender.close()
    assert (await the_delivery(bench))["state"] == "delivered"


async def test_what_takes_too_long_when_we_leave_is_cut_off_and_named(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """It is sent again after the lease; the log says which, and to whom."""
    monkeypatch.setattr(delivering, "LEAVING_S", 0.1)
    replica = Replica(bench, Slow())
    await violate(bench)
    await replica.planning.step()
    await replica.sender.close()
    delivery = await the_delivery(bench)
    assert [a["outcome"] for a in delivery["attempts"]] == ["started"]
    assert not_recorded(caplog) == [(delivery["_id"], "a")]


async def test_planned_claimed_and_sent(bench: Bench, replica: Replica) -> None:
    """With its attempt and its times, as by any sender; nobody else is woken."""
    await violate(bench)
    await replica.tell()
    delivery = await the_delivery(bench)
    assert delivery["state"] == "delivered"
    (attempt,) = delivery["attempts"]
    assert (attempt["outcome"], attempt["status"], attempt["by"]) == ("ok", 200, "host:1")
    assert delivery["planned_at"] == attempt["started_at"] <= attempt["ended_at"]
    assert [m.webhook_id for m in replica.channel.got] == [delivery["webhook_id"]]
    assert (await replica.planning.step(), await replica.sender.step()) == (False, False)
    assert bench.woken == 0


async def test_the_planning_waits_for_no_receiver(bench: Bench) -> None:
    """It goes on while one is slow, which takes its next notice by itself."""
    replica = Replica(bench, slow := Slow())
    await violate(bench)
    await asyncio.wait_for(replica.planning.step(), 5)
    await violate(bench, "i2")
    await asyncio.wait_for(replica.planning.step(), 5)
    assert len(slow.got) == 1
    assert {d["state"] for d in await bench.deliveries()} == {"pending"}
    assert bench.woken == 1
    slow.let.set()
    await replica.sent()
    assert await replica.sender.step()
    assert {d["state"] for d in await bench.deliveries()} == {"delivered"}
    assert len({m.webhook_id for m in slow.got}) == len(slow.got) == 2


async def test_of_several_replicas_that_plan_it_one_sends_it(bench: Bench) -> None:
    """In the same moment, and later."""
    replicas = [Replica(bench) for _ in range(4)]
    for n in range(5):
        await violate(bench, f"i{n}")
        await asyncio.gather(*(replica.tell() for replica in replicas))
    await asyncio.gather(*(replica.sender.step() for replica in replicas))
    got = [m.webhook_id for replica in replicas for m in replica.channel.got]
    assert len(got) == len(set(got)) == 5
    assert [len(d["attempts"]) for d in await bench.deliveries()] == [1] * 5


async def test_who_dies_before_it_is_sent_leaves_it_to_another_after_the_lease(
    bench: Bench, replica: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Planned anew meanwhile, by a process that has the same name and number, it is not sent twice."""
    monkeypatch.setattr(replica.sender, "_deliver", _dead)
    await violate(bench)
    alert = await bench.store.database.alerts.find_one()
    await replica.tell()
    assert [a["outcome"] for a in (await the_delivery(bench))["attempts"]] == ["started"]
    assert alert is not None
    await bench.store.database.alerts.update_one({"_id": alert["_id"]}, {"$set": {"to_notice": alert["to_notice"]}})
    again = Replica(bench)
    await again.tell()
    assert (again.channel.got, await again.sender.step()) == ([], False)  # still leased
    await bench.store.database.deliveries.update_many({}, [{"$set": {"lease_until": "$$NOW"}}])  # as if it were over
    assert await again.sender.step()
    assert [a["outcome"] for a in (await the_delivery(bench))["attempts"]] == ["started", "ok"]


async def _dead(_delivery: Document, _permit: Any) -> None:
    """The process dies here."""


async def test_a_failure_is_tried_again_by_the_senders(bench: Bench) -> None:
    """Under the same id, and counted as the first attempt."""
    replica = Replica(bench, FakeChannel(SendFailed("HTTP 503", is_permanent=False, status=503)))
    await violate(bench)
    await replica.tell()
    delivery = await the_delivery(bench)
    assert (delivery["state"], delivery["attempts"][0]["problem"]) == ("pending", "HTTP 503")
    assert delivery["next_attempt_at"] > delivery["attempts"][0]["ended_at"]
    await bench.store.database.deliveries.update_many({}, [{"$set": {"next_attempt_at": "$$NOW"}}])
    assert await replica.sender.step()
    assert (await the_delivery(bench))["state"] == "delivered"


@pytest.mark.parametrize("kind", ["disabled", "away"])
async def test_a_receiver_that_is_to_be_left_alone_is(bench: Bench, replica: Replica, kind: str) -> None:
    """It is planned, as for anybody."""
    if kind == "disabled":
        await replica.receivers.disable("a", "HTTP 410")
    for _ in range(OPEN_AFTER if kind == "away" else 0):
        await replica.receivers.failed("a", "HTTP 503", None, 1.0)
    await violate(bench)
    await replica.tell()
    assert replica.channel.got == []
    delivery = await the_delivery(bench)
    assert (delivery["state"], delivery["attempts"]) == ("pending", [])
    assert bench.woken == 1


async def test_an_end_waits_for_the_alarm_that_is_under_way(bench: Bench) -> None:
    """It goes by the senders, behind the alarm."""
    replica = Replica(bench, slow := Slow())
    await violate(bench)
    await replica.planning.step()
    await bench.file(a_status(AT, IncidentStatus.DISMISSED))
    await replica.planning.step()
    other = Replica(bench)
    assert await other.sender.step()  # put back behind the alarm
    assert other.channel.got == []
    slow.let.set()
    await replica.sent()
    await bench.store.database.deliveries.update_many({}, [{"$set": {"next_attempt_at": "$$NOW"}}])
    assert await other.sender.step()
    assert [m.payload["data"]["change"] for m in (*slow.got, *other.channel.got)] == ["raised", "resolved"]


async def test_a_database_that_is_away_at_the_end_is_no_end_of_the_sender(
    bench: Bench, replica: Replica, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The attempt stays on record as one of which nobody knows; the place is free again."""

    async def away(*_args: Any) -> None:
        raise AutoReconnect("away")

    with monkeypatch.context() as patched:
        patched.setattr(replica.deliveries, "record_attempt", away)
        await violate(bench)
        await replica.tell()
    assert not_recorded(caplog) == [((await the_delivery(bench))["_id"], "a")]
    await bench.store.database.deliveries.update_many({}, [{"$set": {"lease_until": "$$NOW"}}])
    assert await replica.sender.step()
    assert [a["outcome"] for a in (await the_delivery(bench))["attempts"]] == ["started", "ok"]


@pytest.mark.expect_errors("sending_failed")
async def test_a_defect_is_ours_to_tell(
    bench: Bench, replica: Replica, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What nobody foresaw, and no loop is there to catch: counted as the loop's, told with the alert's id, and the
    notice is sent after the lease."""

    async def defect(*_args: Any) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(replica.deliveries, "record_attempt", defect)
        await violate(bench)
        await replica.tell()
    assert replica.metrics.registry.get_sample_value("desk_loop_failures_total", {"loop": "send:a"}) == 1
    assert "quiet-period-violation:bawaslu:i1" in caplog.text
    assert await replica.sender.takes()
    await bench.store.database.deliveries.update_many({}, [{"$set": {"lease_until": "$$NOW"}}])
    assert await replica.sender.step()
    assert [a["outcome"] for a in (await the_delivery(bench))["attempts"]] == ["started", "ok"]
