"""A real HTTP server that answers as a test says and keeps what it got."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web


class HttpReceiver:
    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.paths: list[str] = []
        self.status, self.headers, self.body, self.delay_s, self.port = 200, dict[str, str](), b"", 0.0, 0

    async def handle(self, request: web.Request) -> web.Response:
        self.got.append(({k.lower(): v for k, v in request.headers.items()}, await request.read()))
        self.paths.append(request.path_qs)
        await asyncio.sleep(self.delay_s)
        return web.Response(status=self.status, headers=self.headers, body=self.body)

    def url(self, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}/hook"


@asynccontextmanager
async def http_receiver() -> AsyncIterator[HttpReceiver]:
    made = HttpReceiver()
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", made.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.port = runner.addresses[0][1]
    yield made
    await runner.cleanup()
