"""A real OTLP/HTTP collector on 127.0.0.1: it decodes what it is sent and keeps the spans."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Received:
    """One span, ids in hexadecimal."""

    service: str
    name: str
    kind: int
    trace_id: str
    span_id: str
    parent: str
    links: tuple[str, ...]
    values: dict[str, Any]
    is_failed: bool
    raw: bytes = field(repr=False)


class Collector:
    """`status` is what it answers; what it does not answer 200 it has not got. `held` keeps it from answering."""

    def __init__(self) -> None:
        self.url, self.status, self.held = "", 200, threading.Event()
        self.held.set()
        self._lock = threading.Lock()
        self._spans: list[Received] = []

    def take(self, body: bytes) -> int:
        self.held.wait(30)
        if self.status == 200:
            request = ExportTraceServiceRequest.FromString(body)
            with self._lock:
                self._spans += spans_in(request)
        return self.status

    def spans(self, trace_id: str | None = None) -> list[Received]:
        """All, or those of one trace."""
        with self._lock:
            return [span for span in self._spans if trace_id in (None, span.trace_id)]


def spans_in(request: ExportTraceServiceRequest) -> Iterator[Received]:
    for resource in request.resource_spans:
        about = {one.key: one.value.string_value for one in resource.resource.attributes}
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Received(
                    service=about["service.name"],
                    name=span.name,
                    kind=span.kind,
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent=span.parent_span_id.hex(),
                    links=tuple(link.trace_id.hex() for link in span.links),
                    values={a.key: getattr(a.value, a.value.WhichOneof("value") or "") for a in span.attributes},
                    is_failed=span.status.code == 2,
                    raw=span.SerializeToString(),
                )


@contextmanager
def collecting() -> Iterator[Collector]:
    """A collector at its `url`, until the block ends."""
    collector = Collector()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            status = collector.take(body) if self.path == "/v1/traces" else 404
            self.send_response(status)
            self.send_header("content-type", "application/x-protobuf")
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the standard library's name
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    collector.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, name="collector", daemon=True)
    thread.start()
    try:
        yield collector
    finally:
        collector.held.set()
        server.shutdown()
        thread.join()
        server.server_close()
