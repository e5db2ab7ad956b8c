"""Server-sent events (WHATWG HTML, 9.2) as an ASGI response: an answer without an end of its own.

It ends when its events do, when the client leaves, when the client does not take what is sent for `SEND_TIMEOUT_S`,
and when the process ends (`BoundedConnection.shutdown`: uvicorn would wait for it).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from shared.http.connection import ABORT, ENDLESS
from shared.logs import get_logger

log = get_logger(__name__)

MEDIA_TYPE = "text/event-stream"
SEND_TIMEOUT_S = 20.0
HEADERS = {
    "Cache-Control": "no-store",
    "X-Accel-Buffering": "no",  # nginx would collect what is to be there at once
}


class EventStream(Response):
    """`frames` yields what is sent, each piece whole frames; it is closed whatever happens."""

    media_type = MEDIA_TYPE

    def __init__(self, frames: AsyncGenerator[bytes, None]) -> None:
        super().__init__(None, 200, {**HEADERS, "Content-Type": f"{MEDIA_TYPE}; charset=utf-8"})
        del self.headers["content-length"]
        self._frames = frames

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        state = scope.setdefault("state", {})
        state[ENDLESS] = True
        sending = asyncio.create_task(self._send(send))
        leaving = asyncio.create_task(_left(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sending.cancel()
            leaving.cancel()
            results = await asyncio.gather(sending, leaving, return_exceptions=True)
            await self._frames.aclose()
        if isinstance(results[0], TimeoutError):
            log.info("watcher_stuck", for_s=SEND_TIMEOUT_S)
            state.get(ABORT, lambda: None)()
        elif isinstance(results[0], Exception):
            raise results[0]

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for frames in self._frames:
            async with asyncio.timeout(SEND_TIMEOUT_S):
                await send({"type": "http.response.body", "body": frames, "more_body": True})
        async with asyncio.timeout(SEND_TIMEOUT_S):
            await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
