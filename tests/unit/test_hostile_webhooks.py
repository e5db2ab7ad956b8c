"""Hostile addresses of webhooks: none leads to the canary, wherever the network would lead.

The canary stands in for every private service there is: whatever a channel dials, at whichever address, arrives there.
Names resolve as the tables say; numbers, in all their spellings, as the system's own resolver reads them.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import AsyncIterator
from typing import Any

import pytest

from services.notifier.channels import Message, SendFailed
from services.notifier.channels.webhook import Webhook
from tests.builders import utc
from tests.http_receiver import HttpReceiver, http_receiver

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE = Message("msg_1", {"type": "desk.notice.v1", "timestamp": utc("2024-11-18T18:00Z"), "data": {}})
PUBLIC = "93.184.216.34"

# What names resolve to, a list of answers for each time they are asked, the last one for ever.
NAMES: dict[str, list[list[str]]] = {
    "public.example": [[PUBLIC]],
    "loopback.example": [["127.0.0.1"]],
    "loopback6.example": [["::1"]],
    "private10.example": [["10.1.2.3"]],
    "private172.example": [["172.16.9.9"]],
    "private192.example": [["192.168.1.1"]],
    "metadata.example": [["169.254.169.254"]],
    "cgnat.example": [["100.64.1.1"]],
    "mapped.example": [["::ffff:10.0.0.1"]],
    "local6.example": [["fd00::1"]],
    "linklocal6.example": [["fe80::1%1"]],
    "nat64.example": [["64:ff9b::7f00:1"]],
    "sixtofour.example": [["2002:7f00:1::1"]],
    "teredo.example": [["2001:0:7f00:1::1"]],
    "zero.example": [["0.0.0.0"]],
    "several.example": [[PUBLIC, "127.0.0.1"]],
    "several-first.example": [["10.0.0.1", PUBLIC]],
    "several6.example": [[PUBLIC, "2606:4700:4700::1111", "::1"]],
    "localhost": [["127.0.0.1"]],
    "localhost.localdomain": [["127.0.0.1"]],
    "127.0.0.1.example": [["127.0.0.1"]],
    "xn--lcalhost-54a.example": [["127.0.0.1"]],
}

HOSTILE_LITERALS = [
    # loopback in every spelling
    "127.0.0.1",
    "127.1.2.3",
    "127.255.255.254",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.0.0.1",
    "0x7f.1",
    "0X7F.0x0.0x0.0x1",
    "017700000001",
    "0177.0.0.1",
    "0177.1",
    "127.0.0.0x1",
    "127.000.000.001",
    "127.0.0.1.",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[0000::0001]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[0:0:0:0:0:ffff:7f00:0001]",
    "[::127.0.0.1]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::7f00:1]",
    "[64:ff9b:1::7f00:1]",
    "[2002:7f00:1::]",
    "[2001:0:7f00:1::]",
    # unspecified
    "0.0.0.0",
    "0",
    "00",
    "0x0",
    "0.0",
    "[::]",
    "[::ffff:0.0.0.0]",
    # private and shared
    "10.0.0.1",
    "10.1",
    "167772161",
    "0xa000001",
    "012.0.0.1",
    "172.16.0.1",
    "172.31.255.254",
    "192.168.0.1",
    "192.168.257",
    "3232235777",
    "100.64.0.1",
    "[fc00::1]",
    "[fd12:3456:789a::1]",
    "[::ffff:10.0.0.1]",
    "[2002:a00:1::1]",
    "[64:ff9b::c0a8:101]",
    # link-local, and the clouds' metadata
    "169.254.169.254",
    "2852039166",
    "0xa9fea9fe",
    "0251.0376.0251.0376",
    "169.16689662",
    "[fe80::1]",
    "[::ffff:169.254.169.254]",
    "[::ffff:a9fe:a9fe]",
    "[64:ff9b::a9fe:a9fe]",
    "[fd00:ec2::254]",
    # broadcast, multicast, reserved
    "255.255.255.255",
    "224.0.0.1",
    "239.255.255.250",
    "[ff02::1]",
    "[ff05::1:3]",
    "240.0.0.1",
    "192.0.0.8",
    "198.18.0.1",
    # digits and dots of other scripts, which some libraries read as ASCII
    "①②⑦.0.0.1",
    "１２７.0.0.1",
    "127。0。0。1",
    "127．0．0．1",
    "127｡0｡0｡1",
    "ⓛocalhost",
    # somebody else's name before it
    "public.example@127.0.0.1",
    "public.example:80@10.0.0.1",
    "user:public.example@[::1]",
    "LOCALHOST",
    "localhost.",
]
HOSTILE = [*HOSTILE_LITERALS, *(name for name in NAMES if name != "public.example")]


class Network:
    """What was dialled (host addresses), and how often names were asked for."""

    def __init__(self, canary: HttpReceiver) -> None:
        self.canary, self.dialled, self.asked = canary, list[str](), dict[str, int]()
        self._getaddrinfo = socket.getaddrinfo

    async def start_connection(self, addr_infos: Any, **_options: Any) -> socket.socket:
        self.dialled.append(addr_infos[0][4][0])
        sock = socket.socket()
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self.canary.port))
        return sock

    def getaddrinfo(self, host: str, port: int, *args: Any, **options: Any) -> Any:
        answers = NAMES.get(host.lower().rstrip("."))
        if answers is None:
            return self._getaddrinfo(host, port, flags=socket.AI_NUMERICHOST, type=socket.SOCK_STREAM)
        times = self.asked[host] = self.asked.get(host, 0) + 1
        return [_info(address, port) for address in answers[min(times, len(answers)) - 1]]


def _info(address: str, port: int) -> tuple[Any, ...]:
    if ":" in address:
        number, _, scope = address.partition("%")
        return (socket.AF_INET6, socket.SOCK_STREAM, 6, "", (number, port, 0, int(scope or 0)))
    return (socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))


@pytest.fixture
async def network(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Network]:
    async with http_receiver() as canary:
        made = Network(canary)
        monkeypatch.setattr("aiohttp.connector.aiohappyeyeballs.start_connection", made.start_connection)
        monkeypatch.setattr(socket, "getaddrinfo", made.getaddrinfo)
        yield made


async def attempt(host: str, *, allow_private: bool = False, times: int = 1) -> SendFailed | None:
    """Of the last of some attempts: how it failed, None if it arrived."""
    channel = Webhook(f"http://{host}/hook", [SECRET], allow_private=allow_private, timeout_s=5)
    failed = None
    try:
        for _ in range(times):
            try:
                await channel.send(MESSAGE)
                failed = None
            except SendFailed as failure:
                failed = failure
    finally:
        await channel.close()
    return failed


def test_the_table_is_long_enough() -> None:
    """At least sixty different ones."""
    assert len(set(HOSTILE)) == len(HOSTILE) >= 60


@pytest.mark.parametrize("host", HOSTILE)
async def test_no_hit_on_the_canary(network: Network, host: str) -> None:
    """Refused for good before anything is dialled, or no address to anybody."""
    failed = await attempt(host)
    assert network.dialled == []
    assert network.canary.got == []
    assert failed is not None
    assert str(failed) in ("PrivateAddress", "InvalidUrlClientError", "InvalidURL", "ClientConnectorDNSError")
    assert failed.is_permanent or str(failed) == "ClientConnectorDNSError"


async def test_the_canary_would_have_been_hit(network: Network) -> None:
    """The same table without our check: it arrives, but for the spellings that the HTTP client takes for no address at
    all. So the canary's silence means something."""
    refused = 0
    for host in HOSTILE:
        failed = await attempt(host, allow_private=True)
        assert failed is None or str(failed) == "InvalidUrlClientError", host
        refused += failed is not None
    assert len(network.canary.got) == len(network.dialled) == len(HOSTILE) - refused
    assert refused <= len(HOSTILE) // 5


async def test_public_addresses_are_dialled(network: Network) -> None:
    """What anyone can reach is dialled at the address that was checked, by one look-up."""
    for host in ("public.example", PUBLIC, "[2606:4700:4700::1111]", "[::ffff:8.8.8.8]"):
        assert await attempt(host) is None, host
    assert network.dialled[:2] == [PUBLIC, PUBLIC]
    assert network.asked == {"public.example": 1}
    assert len(network.canary.got) == 4


@pytest.mark.parametrize("later", [["127.0.0.1"], ["169.254.169.254"], ["::1"], [PUBLIC, "10.0.0.1"]])
async def test_rebinding(network: Network, monkeypatch: pytest.MonkeyPatch, later: list[str]) -> None:
    """A name that is public when it is looked at and private a moment later: each dial has one look-up of its own, and
    what it checked is what it dials."""
    monkeypatch.setitem(NAMES, "rebinding.example", [[PUBLIC], later])
    assert await attempt("rebinding.example") is None
    assert (network.dialled, network.asked) == ([PUBLIC], {"rebinding.example": 1})
    network.canary.headers = {"Connection": "close"}
    network.asked.clear()
    failed = await attempt("rebinding.example", times=2)
    assert failed is not None
    assert str(failed) == "PrivateAddress"
    assert network.dialled == [PUBLIC, PUBLIC]
    assert network.asked == {"rebinding.example": 2}


async def test_a_name_server_that_hangs_holds_up_nobody_else(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each receiver looks names up in threads of its own, few of them, however many others hang."""
    released = threading.Event()

    def getaddrinfo(host: str, *args: Any, **options: Any) -> Any:
        if host == "hangs.example":
            released.wait(20)
        return network.getaddrinfo(host, *args, **options)

    monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
    before = threading.active_count()
    hanging = [Webhook("http://hangs.example/", [SECRET], allow_private=False, timeout_s=0.05) for _ in range(40)]
    for _ in range(3):
        outcomes = await asyncio.gather(*(c.send(MESSAGE) for c in hanging), return_exceptions=True)
        assert all(isinstance(o, SendFailed) and not o.is_permanent for o in outcomes)
    assert threading.active_count() - before <= 2 * len(hanging)
    assert await asyncio.wait_for(attempt("public.example"), 2) is None
    released.set()
    for channel in hanging:
        await channel.close()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_lead_nowhere(network: Network, status: int) -> None:
    """A public receiver that sends us on to a private one is a failure, and the other is not dialled."""
    network.canary.status, network.canary.headers = status, {"Location": "http://127.0.0.1/admin"}
    failed = await attempt("public.example")
    assert failed is not None
    assert (failed.status, failed.is_permanent) == (status, True)
    assert network.dialled == [PUBLIC]


async def test_no_proxy_of_the_environment(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy would dial for us, unchecked."""
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:3128")
    assert await attempt("public.example") is None
    assert network.dialled == [PUBLIC]
