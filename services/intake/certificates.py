"""Until when the certificates are good that are shown to whoever connects: the gateway's, Kafka's, MongoDB's.

Asked of the servers and not read from files: what counts is what they show, and a file that was renewed without a
restart is not shown. Nobody's trust is checked here (`desk doctor` does), so that the date is told whatever it is.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime

from shared.errors import said
from shared.logs import get_logger
from shared.metrics import Metrics

log = get_logger(__name__)

EVERY_S = 60.0
_TIMEOUT_S = 5.0
# The validity in DER: a sequence of two times, their years of two digits up to 2049 (RFC 5280, 4.1.2.5).
_TIME = rb"(?:\x17\x0d(\d{12})Z|\x18\x0f(\d{14})Z)"
_VALIDITY = re.compile(rb"\x30." + _TIME + _TIME, re.DOTALL)


def ends_at(der: bytes) -> datetime:
    """The last moment of a certificate. Raises ValueError for bytes that are none."""
    found = _VALIDITY.search(der)
    if found is None:
        raise ValueError("no certificate")
    short, long = found[3], found[4]
    digits = long.decode() if long else ("20" if short < b"50" else "19") + short.decode()
    return datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC)


def addresses_of(setting: str) -> list[tuple[str, int]]:
    """Host and port of each address of DESK_CERTIFICATES. Raises ValueError."""
    found = []
    for address in setting.split(","):
        host, _, port = address.strip().rpartition(":")
        if not host or not port.isdecimal():
            raise ValueError(f"DESK_CERTIFICATES: {address!r} is no address; for example gateway:8443,kafka:9092")
        found.append((host, int(port)))
    return found


class Certificates:
    """Of all addresses, at each step."""

    def __init__(self, addresses: Sequence[tuple[str, int]], metrics: Metrics) -> None:
        self._addresses, self._metrics = addresses, metrics

    async def step(self) -> bool:
        """Who does not answer keeps the date that was seen last: that somebody is down is told otherwise."""
        for host, port in self._addresses:
            try:
                ends = ends_at(await _shown_by(host, port))
            except (OSError, TimeoutError, ValueError) as error:
                log.info("certificate_not_seen", address=f"{host}:{port}", error=said(error))
            else:
                self._metrics.certificate_ends_at.labels(f"{host}:{port}").set(ends.timestamp())
        return False


async def _shown_by(host: str, port: int) -> bytes:
    """A server's certificate in DER. Raises OSError, TimeoutError, ValueError."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    async with asyncio.timeout(_TIMEOUT_S):
        _, writer = await asyncio.open_connection(host, port, ssl=context)
    try:
        return bytes(writer.get_extra_info("ssl_object").getpeercert(binary_form=True) or b"")
    finally:
        writer.transport.abort()
