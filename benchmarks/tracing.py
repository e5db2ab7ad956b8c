"""What tracing costs, off and on: `python -m benchmarks.tracing`.

Our own CPU alone, median of interleaved rounds, so that a busy machine does not show. On, spans go to a collector in a
process of its own; the thread that sends them counts.
"""

from __future__ import annotations

import asyncio
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence

from starlette.types import Message, Receive, Scope, Send

from shared.http.tracing import Traced
from shared.settings import Settings
from shared.tracing import spans
from shared.tracing.places import TRACEPARENT, Place, new_place, place_of
from shared.tracing.spans import Kind

CALLS, RECORDS, ROUNDS = 2_000, 2_000, 7
SHARES = (None, 0.1, 1.0)  # None: off
COLLECTOR = """
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()
    def log_message(self, *_): pass
server = HTTPServer(("127.0.0.1", 0), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
"""
START = """
import services.aggregator.app
{more}
import resource
used = resource.getrusage(0)
print(used[0] + used[1], used[2])
"""


async def _answer(_scope: Scope, _receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 202, "headers": []})
    await send({"type": "http.response.body", "body": b""})


async def _answer_and_publish(scope: Scope, receive: Receive, send: Send) -> None:
    with spans.span("desk.reports publish", Kind.PRODUCER) as span:
        span.note({"desk.event": "desk/x", "desk.duplicate": False})
    await _answer(scope, receive, send)


async def _calls(app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(_message: Message) -> None: ...

    for _ in range(CALLS):
        await app({"type": "http", "path": "/v1/reports", "method": "POST", "headers": []}, receive, send)


async def _batch(headers: Sequence[Sequence[tuple[str, bytes]]]) -> None:
    below, links = spans.causes(map(place_of, headers))
    with spans.span("fold", Kind.CONSUMER, parent=below, links=links, values={"n": len(headers)}):
        pass


def _records(is_kept: bool) -> list[list[tuple[str, bytes]]]:
    places = [Place(p.trace_id, p.span_id, is_kept) for p in (new_place() for _ in range(RECORDS))]
    return [[("content-type", b"x"), (TRACEPARENT, place.traceparent.encode())] for place in places]


async def costs(url: str) -> list[str]:
    """CPU of a call and of a record, us, without a middleware and with each share."""
    took: dict[str, list[float]] = {}

    async def measure(name: str, work: Awaitable[None], number: int) -> None:
        began = time.process_time()
        await work
        took.setdefault(name, []).append((time.process_time() - began) / number * 1e6)

    for _ in range(ROUNDS):
        await measure("a call without the middleware", _calls(_answer), CALLS)
        for share in SHARES:
            word = "off" if share is None else f"a share of {share:g}"
            if share is not None:
                spans.start("bench", Settings(otlp_endpoint=url, trace_share=share))
            await measure(f"a call with two spans, {word}", _calls(Traced(_answer_and_publish)), CALLS)
            await measure(f"a record of a batch of {RECORDS}, {word}", _batch(_records(share == 1.0)), RECORDS)
            await spans.stop()
            spans.use(None)
    return [f"| {name} | {statistics.median(each):.2f} |" for name, each in took.items()]


def starts() -> list[str]:
    """CPU and memory of a service's imports, with OpenTelemetry's SDK and without."""
    lines = []
    for name, more in (("off", ""), ("on", "import shared.tracing.otlp")):
        program = START.format(more=more)
        done = [
            subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()
            for _ in range(ROUNDS)
        ]
        cpu_s = statistics.median(float(cpu) for cpu, _ in done)
        lines.append(f"| imports of the aggregator, {name} | {cpu_s:.2f} s, {int(done[0][1]) / 1024:.0f} MB |")
    return lines


def run() -> None:
    """Both tables on stdout."""
    collector = subprocess.Popen([sys.executable, "-c", COLLECTOR], stdout=subprocess.PIPE, text=True)
    assert collector.stdout is not None
    try:
        lines = asyncio.run(costs(f"http://127.0.0.1:{int(collector.stdout.readline())}"))
    finally:
        collector.terminate()
        collector.wait()
    sys.stdout.write("\n".join(["| what | CPU, us |", "| --- | --- |", *lines, *starts()]) + "\n")


if __name__ == "__main__":
    run()
