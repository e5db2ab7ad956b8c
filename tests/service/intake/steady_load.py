"""Posts at a steady rate, whatever becomes of the earlier ones: as many agencies at their own pace make together."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType

HOST = "127.0.0.1"
LONGEST_ANSWER_S = 20.0
LOST = 0


@dataclass(frozen=True)
class Answered:
    """`status` is LOST where there was no answer. `began` by time.monotonic()."""

    event_id: str
    began: float
    took_s: float
    status: int
    retry_after: str | None


class Connections:
    """Connections to intake that are used again."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._free: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = []

    async def post(self, key: str, body: bytes) -> tuple[int, str | None]:
        """Status and Retry-After of one report."""
        head = f"POST /v1/reports HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: Bearer {key}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        reader, writer = self._free.pop() if self._free else await asyncio.open_connection(HOST, self._port)
        try:
            writer.write(head.encode() + body)
            answer = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            headers = {k.lower(): v for k, _, v in (line.partition(": ") for line in answer.split("\r\n")[1:])}
            await reader.readexactly(int(headers["content-length"]))
        except BaseException:
            writer.close()
            raise
        self._free.append((reader, writer))
        return int(answer[9:12]), headers.get("retry-after")

    def close(self) -> None:
        for _, writer in self._free:
            writer.close()


class SteadyLoad:
    """A context: a thread that posts `per_second` reports, by the keys in turn, until the end of the block and then
    waits for the answers. `answers` may be read at any time."""

    def __init__(self, port: int, keys: Sequence[str], per_second: float) -> None:
        self._port, self._keys, self._pause_s = port, keys, 1 / per_second
        self.answers: list[Answered] = []
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    def __enter__(self) -> SteadyLoad:
        self._thread.start()
        return self

    def __exit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._is_over.set()
        self._thread.join()

    def accepted_since(self, began: float) -> list[Answered]:
        """What was answered 202 of the posts that began at that time or later."""
        return [a for a in self.answers if a.status == 202 and a.began >= began]

    async def send_again(self, ids: Sequence[str]) -> dict[str, int]:
        """Each under its id, until it is accepted; the last statuses by id. For afterwards."""
        connections = Connections(self._port)
        last = dict.fromkeys(ids, LOST)
        async with asyncio.timeout(60):
            while left := [event_id for event_id, status in last.items() if status != 202]:
                for n in range(0, len(left), 100):
                    some = left[n : n + 100]
                    found = await asyncio.gather(*(connections.post(self._key(i), _body(i)) for i in some))
                    last.update(zip(some, (status for status, _ in found), strict=True))
        connections.close()
        return last

    async def _run(self) -> None:
        connections, number, began = Connections(self._port), 0, time.monotonic()
        async with asyncio.TaskGroup() as posts:
            while not self._is_over.is_set():
                posts.create_task(self._post(connections, f"load-{number}"))
                number += 1
                await asyncio.sleep(max(0.0, began + number * self._pause_s - time.monotonic()))
        connections.close()

    async def _post(self, connections: Connections, event_id: str) -> None:
        began, status, retry_after = time.monotonic(), LOST, None
        with suppress(TimeoutError, OSError, asyncio.IncompleteReadError):
            async with asyncio.timeout(LONGEST_ANSWER_S):
                status, retry_after = await connections.post(self._key(event_id), _body(event_id))
        self.answers.append(Answered(event_id, began, time.monotonic() - began, status, retry_after))

    def _key(self, event_id: str) -> str:
        return self._keys[_number(event_id) % len(self._keys)]


def _number(event_id: str) -> int:
    return int(event_id.removeprefix("load-"))


def _body(event_id: str) -> bytes:
    region = ("64.01", "64.02", "64.03", "64.07", "64.08", "64.09", "64.11", "64.71", "64.72", "64.74")[
        _number(event_id) % 10
    ]
    summary = "Aman dan terkendali. " * 20
    return json.dumps({"id": event_id, "region": region, "condition": "normal", "summary": summary}).encode()
