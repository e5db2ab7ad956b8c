"""Every HTTP status there may be, over the wire, through each channel that speaks HTTP: delivered, tried again, dead
or gone. One table for all."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from services.notifier.channels import Channel, Message, SendFailed
from services.notifier.channels.apprise import Apprise
from services.notifier.channels.table import alertmanager
from services.notifier.channels.webhook import Webhook
from services.notifier.routing.addresses import AlertmanagerAddress
from shared.settings import Settings
from tests.builders import a_calendar, a_notice_payload

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE = Message("msg_1", a_notice_payload())


class AnyStatus:
    """An HTTP server that answers with the status it is told to, whatever that may mean."""

    def __init__(self) -> None:
        self.status, self.port = 200, 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        head = f"HTTP/1.1 {self.status} Said\r\nContent-Length: 0\r\nConnection: close\r\nLocation: /else\r\n\r\n"
        writer.write(head.encode())
        await writer.drain()
        writer.close()


@pytest.fixture
async def server() -> AsyncIterator[AnyStatus]:
    made = AnyStatus()
    listening = await asyncio.start_server(made.handle, "127.0.0.1", 0)
    made.port = listening.sockets[0].getsockname()[1]
    yield made
    listening.close()


def expected(status: int) -> str:
    """What becomes of a delivery that was answered so."""
    if 100 <= status < 200 and status != 101:
        return "retry"  # no final answer came
    if 200 <= status < 300:
        return "delivered"
    if status == 410:
        return "gone"
    return "retry" if status in (408, 425, 429) or status >= 500 else "dead"


async def outcome(channel: Channel) -> str:
    try:
        await channel.send(MESSAGE)
    except SendFailed as failed:
        return "gone" if failed.disables else "dead" if failed.is_permanent else "retry"
    return "delivered"


def a_webhook(port: int) -> Channel:
    return Webhook(f"http://127.0.0.1:{port}/", [SECRET], allow_private=True, timeout_s=5)


def an_alertmanager(port: int) -> Channel:
    address = AlertmanagerAddress.model_validate(
        {"name": "am", "channel": "alertmanager", "url": f"http://127.0.0.1:{port}"}
    )
    return alertmanager(address, Settings(), a_calendar())


def an_apprise(port: int) -> Channel:
    return Apprise(f"json://127.0.0.1:{port}/", timeout_s=5)


@pytest.mark.parametrize(
    ("make", "statuses"),
    [
        (a_webhook, range(100, 600)),
        (an_alertmanager, range(100, 600)),
        (an_apprise, [200, 201, 202, 204, *range(300, 600)]),  # which 2xx are success, each of its services knows
    ],
)
async def test_every_status(server: AnyStatus, make: Callable[[int], Channel], statuses: list[int]) -> None:
    """100 to 599."""
    channel, found = make(server.port), dict[int, str]()
    for server.status in statuses:
        found[server.status] = await outcome(channel)
    await channel.close()
    assert found == {status: expected(status) for status in statuses}
