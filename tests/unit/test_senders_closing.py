"""Senders are closed together: a slow receiver takes no time from another one."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from services.notifier.channels import Message, Sent
from services.notifier.delivery import sending
from services.notifier.delivery.delivering import Sender
from services.notifier.delivery.delivery_store import DeliveryStore
from services.notifier.delivery.receiver_store import ReceiverStore
from services.notifier.delivery.sending import Sending
from services.notifier.routing.receivers import ConsoleReceiver
from shared import mongo
from shared.metrics import Metrics

Ending = Callable[[], Awaitable[object]]


class Channel:
    """Ends as a test says, and tells whether it has."""

    def __init__(self, ending: Ending) -> None:
        self._ending, self.is_closed = ending, False

    async def send(self, message: Message) -> Sent:
        raise AssertionError("nothing is sent")

    async def close(self) -> None:
        await self._ending()
        self.is_closed = True


def sending_to(channels: dict[str, Channel]) -> Sending:
    """A sender for each, by the receiver's name; none of them asks the database."""
    database = mongo.database(mongo.connect("mongodb://127.0.0.1:1/?connect=false"), "test_senders_closing")
    deliveries, receivers, metrics = DeliveryStore(database), ReceiverStore(database), Metrics("test")
    senders = [
        Sender(ConsoleReceiver(name=name, channel="console"), channel, deliveries, receivers, "host:1", 30.0, metrics)
        for name, channel in channels.items()
    ]
    return Sending(senders, [], [], [])


async def test_several_slow_ones_take_as_long_as_one() -> None:
    """Each of these ends only while all the others end as well: one after the other none would."""
    at_once = asyncio.Barrier(3)
    channels = {name: Channel(at_once.wait) for name in ("a", "b", "c")}
    async with asyncio.timeout(5):
        await sending_to(channels).close()
    assert all(channel.is_closed for channel in channels.values())


async def test_one_that_fails_or_hangs_keeps_no_other_from_its_end(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Whoever comes before or after it, and however long that one takes. The log names those that did not end."""

    async def fails() -> None:
        raise ConnectionResetError("gone")

    async def takes_long() -> None:
        await asyncio.sleep(0.1)

    monkeypatch.setattr(sending, "CLOSE_S", 0.5)
    channels = {
        "first": Channel(takes_long),
        "failing": Channel(fails),
        "hanging": Channel(asyncio.Event().wait),
        "last": Channel(takes_long),
    }
    async with asyncio.timeout(5):
        await sending_to(channels).close()
    assert [name for name, channel in channels.items() if channel.is_closed] == ["first", "last"]
    said = [record.msg for record in caplog.records if isinstance(record.msg, dict)]
    assert [line["receiver"] for line in said if line["event"] == "sender_not_closed"] == ["failing", "hanging"]
