"""A client whose every byte the test decides about: when it sends, when it reads, when it leaves."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

from tests.service.intake.conftest import Intake


async def until(is_so: Callable[[], bool]) -> None:
    """Return when something is so. Fails after ten seconds."""
    async with asyncio.timeout(10):
        while not is_so():  # noqa: ASYNC110 - what happens in intake sets no event for us
            await asyncio.sleep(0.001)


class Exchange:
    """One `POST /v1/batch` under way."""

    def __init__(
        self, intake: Intake, query: str = "", media_type: str = "application/x-ndjson", key: str = "all"
    ) -> None:
        self._incoming: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.reads = asyncio.Event()  # a client that does not read blocks the sender, as a full socket does
        self.reads.set()
        self.status = 0
        self.received = bytearray()
        self._arrived = asyncio.Event()
        headers = {"content-type": media_type, "authorization": f"Bearer {key}", "accept-language": "en"}
        scope: dict[str, Any] = {
            "type": "http",
            "method": "POST",
            "path": "/v1/batch",
            "raw_path": b"/v1/batch",
            "query_string": query.encode(),
            "headers": [(k.encode(), v.encode()) for k, v in headers.items()],
            "scheme": "http",
            "server": ("intake", 80),
            "client": ("127.0.0.1", 1),
            "root_path": "",
            "http_version": "1.1",
        }
        self._task = asyncio.create_task(intake.app(scope, self._incoming.get, self._send))

    async def _send(self, message: Any) -> None:
        await self.reads.wait()
        if message["type"] == "http.response.start":
            self.status = message["status"]
        else:
            self.received += message.get("body", b"")
        self._arrived.set()

    def send(self, *chunks: bytes) -> None:
        for chunk in chunks:
            self._incoming.put_nowait({"type": "http.request", "body": chunk, "more_body": True})

    def finish(self) -> None:
        self._incoming.put_nowait({"type": "http.request", "body": b"", "more_body": False})

    def leave(self) -> None:
        self._incoming.put_nowait({"type": "http.disconnect"})

    @property
    def unread(self) -> int:
        """Chunks that intake has not yet taken from the connection."""
        return self._incoming.qsize()

    def results(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.received.splitlines()]

    async def until(self, results: int) -> list[dict[str, Any]]:
        """The results, as soon as there are so many."""
        async with asyncio.timeout(10):
            while len(self.results()) < results:
                self._arrived.clear()
                await self._arrived.wait()
        return self.results()

    async def end(self) -> list[dict[str, Any]]:
        """All results, when intake is done."""
        async with asyncio.timeout(10):
            await self._task
        return self.results()
