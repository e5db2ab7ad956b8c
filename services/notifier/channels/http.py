"""One POST, as every HTTP channel makes it: no redirects, no cookies, no proxy of the environment, a total deadline,
and of the reply no more than a person wants to read."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import aiohttp

from services.notifier.channels import SendFailed, Sent, failure_of_status
from services.notifier.channels.public_addresses import PrivateAddress, Resolver, refuse_private_literal
from shared.tracing.places import TRACEPARENT, traceparent

LONGEST_REPLY = 2048  # bytes
_REPLY_S = 1.0  # what has answered 2xx has it, however slowly its words come
_LONGEST_RETRY_AFTER_S = 1800.0


class Poster:
    """POSTs to one receiver. `most` calls at a time are expected."""

    def __init__(self, *, allow_private: bool, timeout_s: float, most: int) -> None:
        self._allow_private, self._most = allow_private, most
        self._timeout = aiohttp.ClientTimeout(total=timeout_s)
        self._session: aiohttp.ClientSession | None = None

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Sent:
        """The 2xx that came back. Raises SendFailed for anything else."""
        try:
            if not self._allow_private:
                refuse_private_literal(url)
            sent = _HEADERS | {TRACEPARENT: traceparent()} | dict(headers)
            async with self._client().post(url, data=body, headers=sent, allow_redirects=False) as answer:
                reply, status = await _beginning(answer), answer.status
        except (aiohttp.InvalidURL, PrivateAddress) as error:
            raise SendFailed(type(error).__name__, is_permanent=True) from None
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            is_private = isinstance(error.__cause__ or getattr(error, "os_error", None), PrivateAddress)
            problem = "PrivateAddress" if is_private else type(error).__name__
            # Without the cause: its words hold the address, which may hold a token.
            raise SendFailed(problem, is_permanent=is_private) from None
        if not 200 <= status < 300:
            raise failure_of_status(status, reply, _retry_after_s(answer.headers))
        return Sent(status, reply)

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()

    def _client(self) -> aiohttp.ClientSession:
        if self._session is None:
            resolver: Any = Resolver(2 * self._most, allow_private=self._allow_private)
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self._most, use_dns_cache=False, resolver=resolver),
                timeout=self._timeout,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                auto_decompress=False,  # a few bytes may unfold to gigabytes
            )
        return self._session


# Whatever is answered: no compressed reply, and our name.
_HEADERS = {"content-type": "application/json", "user-agent": "desk-pilkada", "accept-encoding": "identity"}


async def _beginning(answer: aiohttp.ClientResponse) -> str:
    """The first bytes of a reply's body; what there is of it if it stalls or breaks off."""
    got = bytearray()
    try:
        async with asyncio.timeout(_REPLY_S):
            while len(got) < LONGEST_REPLY and (piece := await answer.content.read(LONGEST_REPLY - len(got))):
                got += piece
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError):
        answer.close()
    return got.decode("utf-8", "replace")


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """RFC 9110, 10.2.3, the form in seconds; a date is left to our own back-off."""
    asked = headers.get("retry-after", "").strip()
    return min(float(asked), _LONGEST_RETRY_AFTER_S) if asked.isascii() and asked.isdigit() else None
