"""A client that floods: many connections, each sends again as soon as it is answered, and heeds no `Retry-After`.

`python -m tests.service.intake.flooding PORT KEY CONNECTIONS SECONDS` prints how many answers of each status it got.
It speaks just enough HTTP/1.1 to cost less than the server it floods.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections import Counter

HOST = "127.0.0.1"
BODY = b'{"region":"64.72","condition":"normal","summary":"Aman dan terkendali di semua kecamatan."}'
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


def request(key: str, body: bytes = BODY) -> bytes:
    head = f"POST /v1/reports HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {key}\r\n"
    return f"{head}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


class Connection(asyncio.Protocol):
    """Sends the same bytes again and again; counts the answers."""

    def __init__(self, bytes_to_send: bytes, statuses: Counter[str]) -> None:
        self._bytes, self._statuses = bytes_to_send, statuses
        self._received = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(self._bytes)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head)
        if end and length and len(body) >= int(length[1]):
            self._statuses[head[9:12].decode()] += 1
            self._received = b""
            self._transport.write(self._bytes)

    def connection_lost(self, _error: Exception | None) -> None:
        self._statuses["lost"] += 1


async def flood(port: int, key: str, connections: int, seconds: float) -> dict[str, int]:
    """The answers by status."""
    statuses: Counter[str] = Counter()
    loop = asyncio.get_running_loop()
    made = [
        await loop.create_connection(lambda: Connection(request(key), statuses), HOST, port)
        for _ in range(connections)
    ]
    await asyncio.sleep(seconds)
    counted = dict(statuses)
    for transport, _ in made:
        transport.abort()
    return counted


if __name__ == "__main__":
    sys.stdout.write(
        json.dumps(asyncio.run(flood(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]), float(sys.argv[4]))))
    )
