"""A notice that is given up is itself told: to all other receivers, once, and so is its end."""

from __future__ import annotations

import pytest

from services.notifier.alerts.failing_receivers import FailingReceivers
from services.notifier.channels import SendFailed
from services.notifier.delivery.delivering import Sender
from services.notifier.delivery.delivery_store import DeliveryStore
from services.notifier.delivery.receiver_store import ReceiverStore
from services.notifier.routing.receivers import ConsoleReceiver
from services.notifier.store import Store
from shared.metrics import Metrics
from tests.builders import an_incident, utc
from tests.service.notifier.conftest import Bench, Crash, FakeChannel, dying, receivers_of, until_idle, until_told

REFUSED = SendFailed("HTTP 404", is_permanent=True, status=404)
GONE = SendFailed("HTTP 410", is_permanent=True, status=410, disables=True)
PASSING = SendFailed("HTTP 503", is_permanent=False, status=503)
is_given_up = pytest.mark.expect_errors("delivery_failed")


class Desk:
    """Two receivers, one of which fails as a test says."""

    def __init__(self, bench: Bench) -> None:
        self.bench, database = bench, bench.store.database
        self.deliveries, self.receivers = DeliveryStore(database), ReceiverStore(database)
        self.failing = self.watching()
        self.planning = bench.planning(receivers_of({"name": "hook"}, {"name": "other"}))

    def watching(self, store: Store | None = None, deliveries: DeliveryStore | None = None) -> FailingReceivers:
        return FailingReceivers(
            store or self.bench.store,
            deliveries or self.deliveries,
            self.receivers,
            ["hook", "other"],
            self.bench.clock,
            self.bench._database_now,
        )

    async def tell(self, event_id: str) -> None:
        await self.bench.file(an_incident(utc("2024-11-25T02:00Z"), event_id=event_id))
        await until_told(self.planning)

    async def send(self, *outcomes: Exception | int, receiver: str = "hook") -> None:
        """Send all that is pending for a receiver."""
        config = ConsoleReceiver(name=receiver, channel="console")
        channel = FakeChannel(*outcomes)
        sender = Sender(config, channel, self.deliveries, self.receivers, "me", 30, Metrics("test"))
        await until_idle(sender.step)

    async def settle(self) -> None:
        await until_idle(self.failing.step)
        await until_told(self.planning)

    async def told(self) -> list[tuple[str, str]]:
        """Who is told of which change of which alert, by the deliveries' ids."""
        texts = [(d["receiver"], d["payload"]["data"]) for d in await self.bench.deliveries()]
        return [(r, f"{d['change']} {d['alerts'][0]['id']}") for r, d in texts if d["rule"] == "receiver-failing"]


@pytest.fixture
def desk(bench: Bench) -> Desk:
    return Desk(bench)


@is_given_up
async def test_a_dead_delivery_is_told_to_the_others(desk: Desk) -> None:
    """Once, however many went dead; the receiver itself is not told, neither of its failing nor of its end."""
    await desk.tell("i1")
    await desk.tell("i2")
    await desk.send(REFUSED, REFUSED)
    await desk.settle()
    assert await desk.told() == [("other", "raised receiver-failing:hook")]
    (shown,) = [d for d in await desk.bench.deliveries() if d["payload"]["data"]["rule"] == "receiver-failing"]
    text = shown["payload"]["data"]["text"]["en"]
    assert text.startswith("RECEIVER hook (console) does not get its notices: HTTP 404. Not delivered: quiet-period")
    await desk.settle()
    await desk.tell("i3")
    await desk.send()
    await desk.settle()
    assert await desk.told() == [("other", f"{c} receiver-failing:hook") for c in ("raised", "resolved")]


@is_given_up
async def test_a_disabled_receiver(desk: Desk) -> None:
    """410 raises it; what is dropped since adds nothing; an operator's word ends it."""
    await desk.tell("i1")
    await desk.send(GONE)
    await desk.tell("i2")
    await desk.send()
    await desk.settle()
    assert (await desk.bench.alerts())["receiver-failing:hook"] == "firing"
    await desk.receivers.enable("hook", "budi")
    await desk.settle()
    assert (await desk.bench.alerts())["receiver-failing:hook"] == "resolved"
    assert len(await desk.told()) == 2


async def test_what_is_given_up_behind_an_open_breaker(desk: Desk) -> None:
    """Also what was never tried itself raises it."""
    await desk.tell("i1")
    assert await desk.deliveries.expire("hook", -1, "nobody answered") == 1
    await desk.settle()
    alert = await desk.bench.store.alert("receiver-failing:hook")
    assert alert is not None
    assert alert["details"]["problem"] == "nobody answered"


async def test_a_failure_that_passes_raises_nothing(desk: Desk) -> None:
    await desk.tell("i1")
    await desk.send(PASSING)
    await desk.settle()
    assert "receiver-failing:hook" not in await desk.bench.alerts()


@is_given_up
@pytest.mark.parametrize("method", ["update", "keep_settled"])
async def test_dies_anywhere(desk: Desk, method: str) -> None:
    """Before or after the alert: the mark stays until the alert knows, and settling again changes nothing."""
    await desk.tell("i1")
    await desk.send(REFUSED)
    if method == "update":
        watching = desk.watching(store=dying(desk.bench.store, method))
    else:
        watching = desk.watching(deliveries=dying(desk.deliveries, method))
    with pytest.raises(Crash):
        await watching.step()
    await desk.settle()
    alert = await desk.bench.store.alert("receiver-failing:hook")
    assert alert is not None
    assert alert["revision"] == 1
    assert not await desk.deliveries.given_up()


@is_given_up
async def test_two_that_fail_tell_of_each_other(desk: Desk) -> None:
    """Each is told to the other, and there it ends: a dead notice of a failing receiver raises nothing new."""
    await desk.tell("i1")
    await desk.send(REFUSED)
    await desk.send(REFUSED, receiver="other")
    for _ in range(3):
        await desk.settle()
        await desk.send(REFUSED, REFUSED)
        await desk.send(REFUSED, REFUSED, receiver="other")
    assert await desk.told() == [("other", "raised receiver-failing:hook"), ("hook", "raised receiver-failing:other")]
