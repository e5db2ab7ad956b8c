"""Until when a certificate is good, asked of whoever shows it."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
import trustme

from services.intake.certificates import Certificates, addresses_of, ends_at
from shared.metrics import Metrics

AUTHORITY = trustme.CA()


def a_certificate(ends: datetime) -> trustme.LeafCert:
    begins = min(ends, datetime.now(UTC)) - timedelta(days=1)
    return AUTHORITY.issue_cert("gateway", not_before=begins, not_after=ends)


def der(certificate: trustme.LeafCert) -> bytes:
    return ssl.PEM_cert_to_DER_cert(certificate.cert_chain_pems[0].bytes().decode())


@asynccontextmanager
async def serving(certificate: trustme.LeafCert) -> AsyncIterator[tuple[str, int]]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    server = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0, ssl=context)
    async with server:
        host, port = server.sockets[0].getsockname()
        yield host, port


@pytest.mark.parametrize(
    "ends", ["2021-01-01T00:00:00Z", "2049-12-31T23:59:59Z", "2050-01-01T00:00:00Z", "2126-11-27T08:00:01Z"]
)
def test_when_a_certificate_ends(ends: str) -> None:
    """In both of the forms that a certificate may write a time in."""
    moment = datetime.fromisoformat(ends)
    assert ends_at(der(a_certificate(moment))) == moment


@pytest.mark.parametrize("odd", [b"", b"\x30", b"GET / HTTP/1.1"])
def test_what_is_no_certificate(odd: bytes) -> None:
    """It is said, and no date is made of it."""
    with pytest.raises(ValueError, match="no certificate"):
        ends_at(odd)


async def test_the_certificate_that_is_shown(free_tcp_port: int) -> None:
    """Also one that nobody trusts or that has ended; who does not answer, or speaks no TLS, spoils no other."""
    metrics, ended = Metrics("intake"), datetime(2024, 11, 27, tzinfo=UTC)
    plain = await asyncio.start_server(lambda _, writer: writer.close(), "127.0.0.1", 0)
    async with serving(a_certificate(ended)) as address, plain:
        speaks_none = plain.sockets[0].getsockname()
        assert not await Certificates([("127.0.0.1", free_tcp_port), speaks_none, address], metrics).step()
    (told,) = metrics.certificate_ends_at.collect()
    assert [(s.labels, s.value) for s in told.samples] == [({"address": f"127.0.0.1:{address[1]}"}, ended.timestamp())]


def test_addresses() -> None:
    """Host and port, of as many as there are; anything else is named."""
    assert addresses_of("gateway:8443, kafka:9092") == [("gateway", 8443), ("kafka", 9092)]
    for odd in ("gateway", ":1", "a:b", "a:1,"):
        with pytest.raises(ValueError, match="DESK_CERTIFICATES"):
            addresses_of(odd)
