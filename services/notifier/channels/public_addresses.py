"""Which addresses are public, and a resolver that refuses the others.

The check stands where it cannot be passed by: names are resolved once, and what was checked is what is dialled.
Literals skip a client's resolver and are checked before the call.
"""

from __future__ import annotations

import ipaddress
import socket

from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from services.notifier.channels.threads import Threads


class PrivateAddress(OSError):
    """The receiver's name or address leads into a private network."""


_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")  # all that is handed out for public use (RFC 4291)
# Nobody's, where some versions of Python do not know it yet: protocol assignments, relays of 6to4, documentation.
_NEVER_4 = [ipaddress.IPv4Network(n) for n in ("192.0.0.0/24", "192.88.99.0/24")]
_NEVER_6 = [ipaddress.IPv6Network(n) for n in ("2001::/23", "3fff::/20")]
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # IPv4 for machines that speak IPv6 alone (RFC 6052)


def is_public(address: str) -> bool:
    """Whether an IP address is reachable by the public and meant for it. Raises ValueError for what is no address."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = _ipv4_within(parsed)
        if inner is None:
            return parsed in _GLOBAL_UNICAST and parsed.is_global and not any(parsed in n for n in _NEVER_6)
        parsed = inner
    return parsed.is_global and not parsed.is_multicast and not any(parsed in n for n in _NEVER_4)


def _ipv4_within(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that a packet to this one ends up at: mapped, 6to4 or NAT64. (Teredo's is no public range.)"""
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


def refuse_private_literal(url: str) -> None:
    """Raises PrivateAddress if the url's host is an address and not public; names are the resolver's business."""
    # As aiohttp dials it: digits of other scripts ("①②⑦.0.0.1") have become ASCII.
    host = URL(url).raw_host or ""
    try:
        is_private = not is_public(host)
    except ValueError:
        return
    if is_private:
        raise PrivateAddress(f"{host} is not public")


class Resolver(AbstractResolver):
    """Resolves names in threads of its own, so that one receiver's slow name server holds up nobody else."""

    def __init__(self, most_threads: int, *, allow_private: bool) -> None:
        self._threads = Threads(most_threads)
        self._allow_private = allow_private

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Every address of a name. Raises PrivateAddress if one of them is not public, OSError if there is none."""
        found = await self._threads.run(
            lambda: socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
        )
        results = [_result(host, family, proto, address) for family, _, proto, _, address in found]
        private = next((r["host"] for r in results if not self._allow_private and not is_public(r["host"])), None)
        if private is not None:
            raise PrivateAddress(f"{host} leads to {private}, which is not public")
        return results

    async def close(self) -> None:
        """Nothing to close: threads end with their call."""


def _result(host: str, family: int, proto: int, address: tuple[object, ...]) -> ResolveResult:
    scope = address[3] if family == socket.AF_INET6 and len(address) > 3 else 0
    number = f"{address[0]}%{scope}" if scope else str(address[0])
    flags = socket.AI_NUMERICHOST | socket.AI_NUMERICSERV
    return ResolveResult(
        hostname=host, host=number, port=int(str(address[1])), family=family, proto=proto, flags=flags
    )
