"""The limit of `POST`: httptools alone reads the same bytes and answers 202. Nothing is parsed, asked or kept:
`python -m benchmarks.peers.bare_http PORT`."""

from __future__ import annotations

import asyncio
import sys

import httptools
import uvloop

ANSWER = b'{"id":"18f0a1b2c3d4e5f6-1234-0000000001","type":"desk.report.v1","region":"64.72","period":"2024-11-18",'
ANSWER += b'"duplicate":false}'
HEAD = b"HTTP/1.1 202 Accepted\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
WHOLE = HEAD % len(ANSWER) + ANSWER


class Bare(asyncio.Protocol):
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        self._parser = httptools.HttpRequestParser(self)
        self._body = b""

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        self._body = b""
        self._transport.write(WHOLE)


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Bare, "127.0.0.1", port)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
