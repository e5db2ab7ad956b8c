"""Batches over a real socket to an intake process: clients as they are, and the memory they cost."""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.access.keys import Grant, Kind
from shared.events.codec import decode
from shared.kafka.whole_topic import read_topic
from shared.topics import REPORTS
from tests.service.intake.real_intake import RealIntake, real_intake

NAME = f"batch-{uuid.uuid4().hex[:8]}"
HEAD = f"Authorization: Bearer {NAME}\r\nHost: intake\r\nContent-Type: application/x-ndjson\r\n"
MiB = 1024 * 1024


@pytest.fixture(scope="module")
def intake(broker_address: str, mongo_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealIntake]:
    grant = Grant(NAME, NAME, frozenset({Kind.REPORTS.value}), ("64",), events_per_minute=10_000_000)
    with real_intake(broker_address, mongo_url, {NAME: grant}, tmp_path_factory.mktemp("intake")) as started:
        yield started


def reports(tag: str, count: int, padding: int = 0) -> bytes:
    regions = ("64.72", "64.71", "64.74", "64.02")
    lines = [
        {"kind": "report", "id": f"{tag}-{n}", "region": regions[n % 4], "condition": "normal", "summary": f"{n}"}
        for n in range(count)
    ]
    return b"".join(json.dumps({**line, "summary": "Aman. " + "x" * padding}).encode() + b"\n" for line in lines)


def post(intake: RealIntake, body: bytes) -> list[dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", intake.port, timeout=60)
    headers = {"Authorization": f"Bearer {NAME}", "Content-Type": "application/x-ndjson"}
    connection.request("POST", "/v1/batch", body, headers)
    answer = connection.getresponse()
    assert answer.status == 200
    found = [json.loads(line) for line in answer.read().splitlines()]
    connection.close()
    return found


def arrived(broker_address: str, tag: str) -> list[str]:
    """The ids in the log that begin with a tag, each sighting."""

    async def read() -> list[str]:
        events = [decode(REPORTS.name, record.value) async for record in read_topic(broker_address, REPORTS.name)]
        return [event.id for event in events if event.agency == NAME and event.id.startswith(f"{tag}-")]

    return asyncio.run(read())


def test_ten_thousand_lines_by_a_client_that_reads_last(intake: RealIntake, broker_address: str) -> None:
    """With the smallest buffers there are, so that not one of the results can leave before the last line is sent."""
    body = reports("half", 10_000)
    with socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        client.settimeout(60)
        client.connect(("127.0.0.1", intake.port))
        client.sendall(f"POST /v1/batch HTTP/1.0\r\n{HEAD}Content-Length: {len(body)}\r\n\r\n".encode())
        client.sendall(body)
        received = bytearray()
        while chunk := client.recv(65_536):
            received += chunk
    found = [json.loads(line) for line in received.splitlines() if line.startswith(b"{")]
    assert [one["line"] for one in found] == list(range(1, 10_001))
    assert {one["status"] for one in found} == {202}
    assert sorted(arrived(broker_address, "half")) == sorted(f"half-{n}" for n in range(10_000))


def test_a_client_that_leaves_in_the_middle(intake: RealIntake, broker_address: str) -> None:
    """What it had sent whole is taken, and its place is free again at once."""
    body = reports("left", 300)
    for _ in range(3):
        with socket.socket() as client:
            client.settimeout(10)
            client.connect(("127.0.0.1", intake.port))
            client.sendall(f"POST /v1/batch HTTP/1.1\r\n{HEAD}Content-Length: {2 * len(body)}\r\n\r\n".encode())
            client.sendall(body + b'{"kind": "rep')
            received = b""
            while b'"line":300' not in received:
                received += client.recv(65_536)
        deadline = time.monotonic() + 10
        while len(found := post_or_wait(intake, reports("left", 1))) != 1:
            assert time.monotonic() < deadline
        assert found[0]["duplicate"] is True
    assert set(arrived(broker_address, "left")) == {f"left-{n}" for n in range(300)}


def post_or_wait(intake: RealIntake, body: bytes) -> list[dict[str, Any]]:
    try:
        return post(intake, body)
    except AssertionError:  # 429: the one before has not been noticed as gone
        return []


@pytest.mark.parametrize(
    ("what", "body", "last"),
    [
        ("10,000 lines of 16 MiB in all", lambda: reports("big", 10_000, 1_560), 202),
        ("an endless line", lambda: b"x" * 15 * MiB, 413),
        ("blank lines", lambda: b"\n" * 15 * MiB, 413),
        ("10,000 lines of nonsense", lambda: b'{"kind":"report","a":1,"b":2}\n' * 10_000, 422),
    ],
)
def test_memory_stays_flat(intake: RealIntake, what: str, body: Any, last: int) -> None:
    """Whatever the sixteen MiB are, less than their half is ever held."""
    sent = body()
    post(intake, reports("warm", 1_000, 500))
    before = peak_mib(intake)
    assert post(intake, sent)[-1]["status"] == last, what
    assert peak_mib(intake) - before < 8, what


def peak_mib(intake: RealIntake) -> float:
    """The most memory that it ever had."""
    status = Path(f"/proc/{intake.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
