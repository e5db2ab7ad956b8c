"""The three services at their addresses: do they answer, are they ready, how long is the certificate good for?"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from desk.doctor.finding import Finding, bad, look, ok
from shared.clock import real

TIMEOUT_S = 10.0
CERTIFICATE_SOON = timedelta(days=21)
# A header's date has no fractions, and the answer takes its time.
CLOCK_OFF = timedelta(seconds=3)
# The names of what `/readyz` asks -> what to do.
_ADVICE: Mapping[str, str] = {
    "kafka": "see what this page says of Kafka; the service connects again by itself",
    "mongo": "see what this page says of MongoDB; the service connects again by itself",
    "keys": "see what this page says of MongoDB; intake needs it once after its start, and asks again by itself",
    "clock": "set this machine's clock by NTP (chrony, systemd-timesyncd): reports are stamped by it",
    "consumer": "if the reason names records or a log: docs/runbooks/consumer-stopped.md; else its log says why",
    "stream": "restart this replica; its log says why",
}


async def examine(name: str, url: str, ca: Path | None) -> list[Finding]:
    """One service. Raises nothing."""
    about, began = f"{name} at {url}", real()
    try:
        trusted = ssl.create_default_context(cafile=ca) if url.startswith("https:") else True
        async with (
            aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT_S)) as session,
            session.get(f"{url}/readyz", ssl=trusted) as answer,
        ):
            body, status, date = await answer.json(content_type=None), answer.status, answer.headers.get("Date")
        expires = await _expires(url, trusted) if isinstance(trusted, ssl.SSLContext) else None
    except aiohttp.ClientConnectorCertificateError as error:
        advice = "renew it, or name its authority with DESK_HTTP_CA"
        return [bad(about, f"its certificate is not trusted: {error.certificate_error}", advice)]
    except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
        said = f"no usable answer ({type(error).__name__}: {error})"
        return [bad(about, said, f"is it running? `docker compose ps` and `docker compose logs {name}` tell")]
    findings = readiness(about, status, body)
    if date is not None:
        findings += clock(about, parsedate_to_datetime(date) - began, real() - began)
    return findings + (certificate(about, expires, real()) if expires else [])


def readiness(about: str, status: int, body: Any) -> list[Finding]:
    """Of what `/readyz` answered."""
    if status == 200:
        return [ok(about, "answers and is ready")]
    problems = body.get("problems") if isinstance(body, dict) else None
    if not problems:
        advice = "the gateway answers for it: does a replica run? `docker compose ps`"
        return [bad(about, f"answers {status}", advice)]
    return [
        bad(about, f"not ready: {said}", _ADVICE.get(what, "its log says more")) for what, said in problems.items()
    ]


def clock(about: str, ahead: timedelta, took: timedelta) -> list[Finding]:
    """`ahead` is their clock less ours when we asked; they read theirs within `took`."""
    if -CLOCK_OFF <= ahead <= took + CLOCK_OFF:
        return []
    said = f"its machine's clock is {ahead.total_seconds():+.0f} s off this one's"
    return [bad(about, said, "set both by NTP (chrony, systemd-timesyncd): reports are stamped by it")]


def certificate(about: str, expires: datetime, now: datetime) -> list[Finding]:
    left = expires - now
    said = f"its certificate ends on {expires:%Y-%m-%d}"
    return [ok(about, said) if left > CERTIFICATE_SOON else look(about, said, "renew it before that day")]


async def _expires(url: str, trusted: ssl.SSLContext) -> datetime | None:
    parts = urlsplit(url)
    async with asyncio.timeout(TIMEOUT_S):
        _, writer = await asyncio.open_connection(parts.hostname, parts.port or 443, ssl=trusted)
    try:
        found = writer.get_extra_info("peercert") or {}
    finally:
        writer.close()
    ends = found.get("notAfter")
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(ends), UTC) if ends else None
