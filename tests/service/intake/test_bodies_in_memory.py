"""Bodies without an end and their like, sent to an intake process: early answers, flat memory, others served.

Clients are sockets that send without reading, as attackers do. Batches without an end, which are read and
answered line by line, are tried in `test_intake_batch_process.py`.
"""

from __future__ import annotations

import gzip
import http.client
import json
import selectors
import socket
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

import pytest

from services.intake.examples import EXAMPLES
from shared.access.keys import Grant, Kind
from shared.http.connection import MAX_BYTES_AFTER_ANSWER
from shared.http.early_answers import MAX_ADDRESS_BYTES, MAX_HEAD_BYTES
from tests.service.intake.real_intake import RealIntake, real_intake

NAME, OTHER = (f"{name}-{uuid.uuid4().hex[:8]}" for name in ("hostile", "other"))
MiB = 1024 * 1024
GiB = 1024 * MiB
FLAT_MIB = 30.0
BODY_TIMEOUT_S = 2.0
SLOW_CLIENTS = 200

AUTH = f"Host: intake\r\nAuthorization: Bearer {NAME}\r\n"
JSON = "Content-Type: application/json\r\n"
CHUNKED = "Transfer-Encoding: chunked\r\n"
POST = "POST /v1/reports HTTP/1.1\r\n"
BATCH = f"POST /v1/batch HTTP/1.1\r\n{AUTH}Content-Type: application/x-ndjson\r\n"
CHUNK = b"10000\r\n" + b" " * 0x10000 + b"\r\n"


@pytest.fixture(scope="module")
def intake(broker_address: str, mongo_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealIntake]:
    keys = {name: Grant(name, name, frozenset(Kind), ("*",), events_per_minute=1_000_000) for name in (NAME, OTHER)}
    directory = tmp_path_factory.mktemp("intake")
    with real_intake(broker_address, mongo_url, keys, directory, body_timeout_s=BODY_TIMEOUT_S) as started:
        assert accepted_in_s(started) > 0  # what the first request allocates is no growth
        yield started


def accepted_in_s(intake: RealIntake) -> float:
    """How long an ordinary report of another agency takes."""
    began = time.monotonic()
    connection = http.client.HTTPConnection("127.0.0.1", intake.port, timeout=10)
    body = json.dumps({**EXAMPLES["report"]["normal"]["value"], "id": uuid.uuid4().hex})
    headers = {"Authorization": f"Bearer {OTHER}", "Content-Type": "application/json"}
    connection.request("POST", "/v1/reports", body, headers)
    assert connection.getresponse().status == 202
    connection.close()
    return time.monotonic() - began


@contextmanager
def flat_memory(intake: RealIntake) -> Iterator[None]:
    """What is done inside makes the process grow by less than FLAT_MIB, at no moment that we look at."""
    before = intake.rss_mib()
    yield
    assert intake.rss_mib() - before < FLAT_MIB


def send_without_end(intake: RealIntake, head: str, piece: bytes, most: int = GiB) -> tuple[int, bytes]:
    """Sends a head and then a piece again and again, without reading, until the connection is closed or `most` bytes
    have gone out. How much went out, and what had been answered."""
    sent, before = 0, intake.rss_mib()
    with socket.create_connection(("127.0.0.1", intake.port), timeout=10) as client:
        try:
            client.sendall(head.encode())
            while sent < most:
                client.sendall(piece)
                sent += len(piece)
                assert intake.rss_mib() - before < FLAT_MIB
        except (ConnectionResetError, BrokenPipeError):
            pass
        return sent, answered(client)


def answered(client: socket.socket) -> bytes:
    received = b""
    try:
        while chunk := client.recv(65_536):
            received += chunk
    except (ConnectionResetError, TimeoutError):
        pass
    return received


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


BOMB = gzip.compress(b" " * 100 * MiB)
ENDLESS = {
    "chunked": (413, POST + AUTH + JSON + CHUNKED + "\r\n", CHUNK),
    "announced": (413, POST + AUTH + JSON + f"Content-Length: {GiB}\r\n\r\n", b" " * 65_536),
    "chunked, in small pieces": (413, POST + AUTH + JSON + CHUNKED + "\r\n", b"1\r\n \r\n" * 10_000),
    "compressed": (415, POST + AUTH + JSON + CHUNKED + "Content-Encoding: gzip\r\n\r\n", CHUNK.replace(b" ", b"\x1f")),
    "a compressed batch": (415, BATCH + CHUNKED + "Content-Encoding: gzip\r\n\r\n", CHUNK),
    "an announced batch": (413, BATCH + f"Content-Length: {GiB}\r\n\r\n", b" " * 65_536),
    "no JSON": (415, POST + AUTH + "Content-Type: text/plain\r\n" + CHUNKED + "\r\n", CHUNK),
    "without a key": (401, POST + "Host: intake\r\n" + JSON + CHUNKED + "\r\n", CHUNK),
    "to an address that takes none": (405, "POST /healthz HTTP/1.1\r\nHost: intake\r\n" + CHUNKED + "\r\n", CHUNK),
    "to nowhere": (404, "POST /nowhere HTTP/1.1\r\nHost: intake\r\n" + CHUNKED + "\r\n", CHUNK),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_body_without_an_end(intake: RealIntake, name: str) -> None:
    """A client that would send 1 GiB, whatever it is answered, is answered early and cut off soon after."""
    status, head, piece = ENDLESS[name]
    began = time.monotonic()
    with flat_memory(intake):
        sent, answer = send_without_end(intake, head, piece)
    assert status_of(answer) == status
    assert answer.partition(b"\r\n\r\n")[0].lower().count(b"application/problem+json") == 1
    assert sent < MAX_BYTES_AFTER_ANSWER + 16 * MiB  # what lies in the sockets' buffers
    assert time.monotonic() - began < 10
    assert accepted_in_s(intake) < 5


def test_gzip_bomb(intake: RealIntake) -> None:
    """100 MiB in 100 KB are refused by their header: 415, nothing is unpacked."""
    head = POST + AUTH + JSON + f"Content-Encoding: gzip\r\nConnection: close\r\nContent-Length: {len(BOMB)}\r\n\r\n"
    with flat_memory(intake):
        for _ in range(20):
            sent, answer = send_without_end(intake, head, BOMB, most=len(BOMB))
            assert (sent, status_of(answer)) == (len(BOMB), 415)


HEADS = {
    "headers": (431, POST + AUTH, b"X-Filler: " + b"a" * 1_000 + b"\r\n"),
    "a header": (431, POST + AUTH + "X-Filler: ", b"a" * 65_536),
    "a header's name": (431, POST + AUTH, b"a" * 65_536),
    "an address": (431, "POST /", b"a" * 65_536),
    "blank lines": (0, "", b"\r\n" * 32_768),
    "trailers": (0, POST + AUTH + JSON + CHUNKED + "\r\n2\r\n{}\r\n0\r\n", b"X-Filler: " + b"a" * 1_000 + b"\r\n"),
    "a chunk's size": (0, POST + AUTH + JSON + CHUNKED + "\r\n2;", b"a" * 65_536),
}


@pytest.mark.parametrize("name", HEADS)
def test_head_without_an_end(intake: RealIntake, name: str) -> None:
    """What is no body has its bound as well, and needs no key to be sent: refused where it can be, and cut off."""
    status, head, piece = HEADS[name]
    with flat_memory(intake):
        sent, answer = send_without_end(intake, head, piece)
    assert sent < MAX_HEAD_BYTES + 16 * MiB
    assert status_of(answer) in ({status, 0} if status else {0, 400, 422, 431})
    assert accepted_in_s(intake) < 5


def test_long_address(intake: RealIntake) -> None:
    """An address of thousands of wrong parameters is refused before they are looked at: 414."""
    head = f"GET /v1/reports?{'a&' * (MAX_ADDRESS_BYTES // 2)} HTTP/1.1\r\n{AUTH}Connection: close\r\n\r\n"
    assert status_of(send_without_end(intake, head, b"", most=0)[1]) == 414


@pytest.mark.parametrize("begun", [b"", b"{" + b" " * 40_000], ids=["from the start", "after most of it"])
def test_many_slow_bodies_at_once(intake: RealIntake, begun: bytes) -> None:
    """Hundreds that send a byte now and then keep nobody else out, and are answered 408 when their time is over, or
    429 at once beyond their agency's share."""
    head = f"{POST}{AUTH}{JSON}Content-Length: 50000\r\n\r\n".encode()
    with flat_memory(intake), ExitStack() as stack, selectors.DefaultSelector() as selector:
        for _ in range(SLOW_CLIENTS):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", intake.port), timeout=10))
            client.sendall(head + begun)
            selector.register(client, selectors.EVENT_READ)
        began, answers = time.monotonic(), Counter[int]()
        waited = accepted_in_s(intake)
        while selector.get_map() and time.monotonic() - began < 10:
            for ready, _ in selector.select(timeout=0.05):
                client = ready.fileobj  # type: ignore[assignment]
                selector.unregister(client)
                answers[status_of(answered(client))] += 1
            for left in selector.get_map().values():
                with suppress(ConnectionResetError, BrokenPipeError):  # answered and closed a moment ago
                    left.fileobj.send(b" ")  # type: ignore[union-attr]
    assert answers.total() == SLOW_CLIENTS
    assert set(answers) <= {408, 429}
    assert answers[408] > 0
    assert waited < BODY_TIMEOUT_S
