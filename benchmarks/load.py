"""A load generator that is not the bottleneck: one process, an asyncio protocol on ready-made bytes, about 10 us a
request. `python -m benchmarks.load` reads a Load as JSON on stdin, prints `begin` when the warm-up is over, and at the
end a Loaded as JSON."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field

import uvloop

WARM_UP_S = 0.7
_CONTENT_LENGTH = b"content-length: "
_LAST_CHUNK = b"0\r\n\r\n"


@dataclass(frozen=True)
class Load:
    """Who sends what. Without a rate, every connection sends its next request as soon as the last is answered; with
    one, so many requests a second are spread over the connections. `lines` above 0 makes each request a batch."""

    port: int
    path: str
    keys: list[str]
    regions: list[str]
    connections: int
    seconds: float
    lines: int = 0
    per_s: float | None = None
    wanted: int = 202
    warm_up_s: float = WARM_UP_S


@dataclass(frozen=True)
class Loaded:
    """What was answered after the warm-up. `wrong` is how many answers were not the wanted one, and the first of
    them."""

    requests: int
    seconds: float
    p50_ms: float
    p99_ms: float
    cpu_s: float
    wrong: int
    first_wrong: str = ""


@dataclass
class Seen:
    took: list[float] = field(default_factory=list)
    wrong: int = 0
    first_wrong: str = ""


class Connection(asyncio.Protocol):
    """One request at a time. A server may end it while it is idle; one that ends with a request unanswered is a wrong
    answer."""

    def __init__(self, request: Callable[[], bytes], wanted: bytes, seen: Seen, is_free: bool) -> None:
        self._request, self._wanted, self._seen, self._is_free = request, wanted, seen, is_free
        self._is_closed = False
        self._transport: asyncio.Transport
        self._answer = b""
        self._began = 0.0
        self.is_busy, self.is_lost = False, False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport, self.is_lost = transport, False
        if self._is_free:
            self.send()

    def send(self) -> None:
        self.is_busy, self._began = True, time.perf_counter()
        self._transport.write(self._request())

    def data_received(self, data: bytes) -> None:
        answer = self._answer + data if self._answer else data
        if not _is_whole(answer):
            self._answer = answer
            return
        self._answer, self.is_busy = b"", False
        self._seen.took.append(time.perf_counter() - self._began)
        if answer[9:12] != self._wanted or b'"problem"' in answer:
            self._was_wrong(answer[:600].decode(errors="replace"))
        if self._is_free:
            self.send()

    def connection_lost(self, _reason: Exception | None) -> None:
        if self.is_busy and not self._is_closed:
            self._was_wrong("the connection ended without an answer")
        self._answer, self.is_busy, self.is_lost = b"", False, True

    def _was_wrong(self, answer: str) -> None:
        self._seen.wrong += 1
        self._seen.first_wrong = self._seen.first_wrong or answer

    def close(self) -> None:
        self._is_free, self._is_closed = False, True
        self._transport.close()


def _is_whole(answer: bytes) -> bool:
    head, blank, body = answer.partition(b"\r\n\r\n")
    if not blank:
        return False
    found = head.lower().find(_CONTENT_LENGTH)
    if found < 0:
        return body.endswith(_LAST_CHUNK)
    return len(body) >= int(head[found + len(_CONTENT_LENGTH) :].partition(b"\r\n")[0])


def report(n: str, region: str, kind: str = "") -> bytes:
    """A weekly report as an agency sends it: about 190 bytes."""
    said = {"id": n, "region": region, "period": "2024-11-18", "condition": "normal"}
    said |= {"summary": "Situasi aman dan terkendali; logistik lengkap, tidak ada kejadian menonjol."}
    return json.dumps({**said, "kind": kind} if kind else said).encode()


def _requests(load: Load) -> Iterator[bytes]:
    """Requests of the agencies in turn, each with ids that nobody has sent before, all of one length."""
    run, numbers = f"{time.time_ns():x}-{os.getpid():x}", itertools.count(1)
    marker = "@" * 10
    parts = [
        tuple(report(f"{run}-{marker}", region, "report" if load.lines else "").split(marker.encode()))
        for region in load.regions
    ]
    media = "application/x-ndjson" if load.lines else "application/json"
    size = sum(len(b) for b in _line(parts, 1)) * load.lines + load.lines - 1 if load.lines else 0
    heads = [
        f"POST {load.path} HTTP/1.1\r\nHost: bench\r\nContent-Type: {media}\r\nAuthorization: Bearer {key}\r\n"
        for key in load.keys
    ]
    for turn in itertools.count():
        head = heads[turn % len(heads)]
        if load.lines:
            body = b"\n".join(b"".join(_line(parts, next(numbers))) for _ in range(load.lines))
            assert len(body) == size or len(load.regions) > 1
        else:
            body = b"".join(_line(parts, next(numbers)))
        yield b"%sContent-Length: %d\r\n\r\n%s" % (head.encode(), len(body), body)


def _line(parts: Sequence[tuple[bytes, ...]], n: int) -> tuple[bytes, bytes, bytes]:
    before, after = parts[n % len(parts)]
    return before, b"%010d" % n, after


async def run(load: Load, begin: Callable[[], None]) -> Loaded:
    """Warm up, then measure. Raises OSError where a server that ended a connection takes no other."""
    seen, requests = Seen(), _requests(load)
    wanted, is_free = str(load.wanted).encode(), load.per_s is None
    connections = [Connection(lambda: next(requests), wanted, seen, is_free) for _ in range(load.connections)]
    for connection in connections:
        await _connect(connection, load.port)
    pacing = None if is_free else asyncio.create_task(_pace(connections, load))
    try:
        await _pass(load.warm_up_s, pacing)
        seen.took.clear()
        begin()
        began, cpu = time.perf_counter(), time.process_time()
        await _pass(load.seconds, pacing)
        took, seconds, used = list(seen.took), time.perf_counter() - began, time.process_time() - cpu
    finally:
        if pacing is not None:
            pacing.cancel()
        for connection in connections:
            connection.close()
    ordered = sorted(took) or [float("nan")]
    p50, p99 = ordered[len(ordered) // 2] * 1e3, ordered[int(len(ordered) * 0.99)] * 1e3
    return Loaded(len(took), seconds, p50, p99, used, seen.wrong, seen.first_wrong)


async def _pass(seconds: float, pacing: asyncio.Task[None] | None) -> None:
    """So much time, unless the pacing fails: a load that has stopped and goes on for its time is none."""
    if pacing is None:
        await asyncio.sleep(seconds)
        return
    ended, _ = await asyncio.wait([pacing], timeout=seconds)
    for one in ended:
        one.result()


async def _connect(connection: Connection, port: int) -> None:
    await asyncio.get_running_loop().create_connection(lambda: connection, "127.0.0.1", port)


async def _pace(connections: Sequence[Connection], load: Load) -> None:
    """A request whenever one is due and a connection is free; one that was idle for too long is made anew."""
    began, sent = time.perf_counter(), 0
    while True:
        due = int((time.perf_counter() - began) * (load.per_s or 0))
        for connection in connections:
            if sent >= due:
                break
            if connection.is_lost:
                await _connect(connection, load.port)
            if not connection.is_busy:
                connection.send()
                sent += 1
        await asyncio.sleep(0.002)


async def loaded(load: Load, at_begin: Callable[[], None] = lambda: None) -> Loaded:
    """Run a load in a process of its own; `at_begin` is called when its warm-up is over. Raises AssertionError for
    wrong answers."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "benchmarks.load"),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(load.seconds + 60):
            process.stdin.write(json.dumps(asdict(load)).encode() + b"\n")
            process.stdin.close()
            assert await process.stdout.readline() == b"begin\n"
            at_begin()
            found = Loaded(**json.loads(await process.stdout.read()))
            await process.wait()
    finally:
        if process.returncode is None:  # whoever waits for it has left
            process.kill()
            await process.wait()
    assert not found.wrong, f"{found.wrong} wrong answers, the first: {found.first_wrong}"
    return found


def main() -> None:
    load = Load(**json.loads(sys.stdin.readline()))

    def begin() -> None:
        sys.stdout.write("begin\n")
        sys.stdout.flush()

    sys.stdout.write(json.dumps(asdict(uvloop.run(run(load, begin)))))


if __name__ == "__main__":
    main()
