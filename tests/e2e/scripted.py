"""An HTTP server that answers by a script, and keeps what it was sent."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HANG_UP = 0  # instead of a status: the connection is closed without an answer


class Scripted(ThreadingHTTPServer):
    """Each POST gets the next status of the script, 429 and 503 with `Retry-After: 1`."""

    daemon_threads = True

    def __init__(self, script: Sequence[int]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.left = list(script)
        self.bodies: list[bytes] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        assert isinstance(self.server, Scripted)
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))
        status = self.server.left.pop(0)
        if status == HANG_UP:
            self.close_connection = True
            return
        said = f'{{"said": {status}}}'.encode()
        self.send_response(status)
        if status in (429, 503):
            self.send_header("Retry-After", "1")
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass


@contextmanager
def serving(script: Sequence[int]) -> Iterator[Scripted]:
    with Scripted(script) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
