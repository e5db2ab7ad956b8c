"""Webhooks: a POST signed by Standard Webhooks, never to a private address unless the receivers file allows it.

The address is checked where it is dialled: by the resolver for names (so a name that resolves to another address a
moment later is checked again), and before the call for literals, which skip the resolver. No redirects; a total
deadline below the delivery's lease.
"""

from __future__ import annotations

import ipaddress
import socket
from datetime import UTC, datetime
from typing import Any

import aiohttp
import orjson
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.resolver import ThreadedResolver
from standardwebhooks import Webhook as Signer
from yarl import URL

from services.notifier.channels import Message, SendFailed, failure_of_status


class PrivateAddress(OSError):
    """The receiver's name or address leads into a private network."""


_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")  # all that is handed out for public use (RFC 4291)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # IPv4 for machines that speak IPv6 alone (RFC 6052)


def is_public(address: str) -> bool:
    """Whether an IP address is reachable by the public and meant for it. Raises ValueError for what is no address."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = _ipv4_within(parsed)
        if inner is None:
            return parsed in _GLOBAL_UNICAST and parsed.is_global
        parsed = inner
    return parsed.is_global and not parsed.is_multicast


def _ipv4_within(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that a packet to this one ends up at: mapped, 6to4 or NAT64."""
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour


class PublicResolver(AbstractResolver):
    """Resolves names and refuses what is not public."""

    def __init__(self) -> None:
        self._resolver = ThreadedResolver()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._resolver.resolve(host, port, family)
        private = next((f["host"] for f in found if not is_public(f["host"])), None)
        if private is not None:
            raise PrivateAddress(f"{host} leads to {private}, which is not public")
        return found

    async def close(self) -> None:
        await self._resolver.close()


class Webhook:
    def __init__(self, url: str, secret: str, *, allow_private: bool, timeout_s: float) -> None:
        self._url = url
        self._signer = Signer(secret)
        self._allow_private = allow_private
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def send(self, message: Message) -> int | None:
        body = orjson.dumps(message.payload)
        headers = self._signed_headers(message.webhook_id, body)
        try:
            self._refuse_private_literal()
            async with self._client().post(self._url, data=body, headers=headers, allow_redirects=False) as answer:
                status = answer.status
        except (aiohttp.InvalidURL, PrivateAddress) as error:
            raise SendFailed(f"{type(error).__name__}", is_permanent=True) from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            is_private = isinstance(error.__cause__ or getattr(error, "os_error", None), PrivateAddress)
            raise SendFailed(type(error).__name__, is_permanent=is_private) from error
        if not 200 <= status < 300:
            raise failure_of_status(status)
        return status

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _signed_headers(self, webhook_id: str, body: bytes) -> dict[str, str]:
        now = datetime.now(UTC)  # real time: receivers refuse old signatures
        return {
            "content-type": "application/json",
            "user-agent": "desk-pilkada",
            "webhook-id": webhook_id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": self._signer.sign(msg_id=webhook_id, timestamp=now, data=body.decode()),
        }

    def _refuse_private_literal(self) -> None:
        if self._allow_private:
            return
        # As aiohttp dials it: digits of other scripts ("①②⑦.0.0.1") have become ASCII.
        host = URL(self._url).raw_host or ""
        try:
            is_private = not is_public(host)
        except ValueError:
            return  # a name: the resolver looks at what it leads to
        if is_private:
            raise PrivateAddress(f"{host} is not public")

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            options: dict[str, Any] = {} if self._allow_private else {"resolver": PublicResolver()}
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=8, use_dns_cache=False, **options),
                timeout=self._timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
        return self._session
