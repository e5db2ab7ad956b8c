"""The stream over HTTP: who may watch, what is sent, and that nothing outlives a connection."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import AsyncIterator, Callable
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import FastAPI

from services.aggregator.stream import hub as hub_module
from services.aggregator.stream.api import _frames, stream_routes
from services.aggregator.stream.events import Kind, Wanted
from services.aggregator.stream.hub import Hub
from shared.access.keys import Kind as Sent
from shared.http import event_stream, problems
from shared.http.etags import Etags
from tests.builders import a_report, utc
from tests.service.aggregator.browser import served
from tests.service.aggregator.conftest import Bench

AT = utc("2024-11-18 01:00")


@pytest.fixture
async def served_bench(bench: Bench) -> AsyncIterator[tuple[Bench, str]]:
    async with bench.streaming(), served(bench.app) as url:
        yield bench, url


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


async def until(is_so: Callable[[], bool], within_s: float = 10) -> None:
    async with asyncio.timeout(within_s):
        while not is_so():  # noqa: ASYNC110 - another task's doing
            await asyncio.sleep(0.02)


class Lines:
    """What a stream sends, line by line."""

    def __init__(self, answer: httpx.Response) -> None:
        self._lines = answer.aiter_lines()

    async def until(self, wanted: str) -> list[str]:
        """What comes up to a line that begins so."""
        found = []
        async with asyncio.timeout(10):
            async for line in self._lines:
                found.append(line)
                if line.startswith(wanted):
                    return found
        raise AssertionError(f"the stream ended: {found}")

    async def rest(self) -> list[str]:
        async with asyncio.timeout(10):
            return [line async for line in self._lines]


async def test_a_browser_watches_by_its_cookie_and_a_program_by_its_key(served_bench: tuple[Bench, str]) -> None:
    """Both see the same frames, uncompressed and uncached, from the first event on."""
    bench, url = served_bench
    for n, headers in enumerate((bearer(bench.viewer), {"cookie": f"desk-viewer-key={bench.viewer}"})):
        async with httpx.AsyncClient() as client, client.stream("GET", f"{url}/v1/stream", headers=headers) as answer:
            assert (answer.status_code, answer.headers["content-type"]) == (200, "text/event-stream; charset=utf-8")
            assert answer.headers["cache-control"] == "no-store"
            lines = Lines(answer)
            assert (await lines.until("event: ready"))[0] == "retry: 3000"
            await bench.feed(a_report(AT, event_id=f"r{n}"))
            assert "event: report" in await lines.until('data: {"kind":"report"')


@pytest.mark.parametrize(
    ("key", "query", "status"),
    [
        (None, "", 401),
        ("desk_nobody", "", 401),
        ("agency", "", 403),
        ("viewer", "?kinds=report,verdict", 422),
        ("viewer", "?region=6472", 422),
        ("viewer", "?regions=64", 422),
        ("viewer", "?region=64&region=64", 422),
    ],
)
async def test_who_may_not_watch_is_told_so(bench: Bench, key: str | None, query: str, status: int) -> None:
    """By a problem document, before anything is streamed."""
    keys = {"viewer": bench.viewer, "agency": await bench.key(agency="kpu", kinds=frozenset({Sent.REPORTS}))}
    headers = bearer(keys.get(key, key)) if key else {}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(bench.app), base_url="http://desk") as client:
        answer = await client.get(f"/v1/stream{query}", headers=headers)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    named = {"?" + error["field"] for error in answer.json().get("errors", ())}
    assert named == ({query.partition("=")[0]} if status == 422 else set())
    assert not bench.hub._members


async def test_too_many_watchers_are_asked_to_come_back(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 with `Retry-After`: memory is bounded."""
    monkeypatch.setattr(Hub, "is_full", property(lambda _hub: True))
    answer = await bench.get("/v1/stream")
    assert (answer.status, answer.headers["retry-after"]) == (503, "10")


async def test_a_burst_of_watchers_stays_within_the_limit(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever came through the door with the last one is asked to come back, and not counted."""
    monkeypatch.setattr(hub_module, "MOST_WATCHERS", 2)

    async def may_go_on() -> bool:
        return True

    wanted = Wanted(None, frozenset(Kind))
    async with bench.streaming():
        burst = [_frames(bench.hub, wanted, None, may_go_on, 5) for _ in range(3)]
        assert not bench.hub.is_full
        told = [await anext(frames) for frames in burst]
        assert [frames.partition(b"\n")[0] for frames in told] == [b"retry: 3000", b"retry: 3000", b"retry: 10000"]
        assert len(bench.hub._members) == 2
        assert await anext(burst[2], None) is None
        for frames in burst:
            await frames.aclose()
    assert not bench.hub._members


async def test_a_closed_client_leaves_nothing_behind(served_bench: tuple[Bench, str]) -> None:
    """Whether it has read something or not."""
    bench, url = served_bench
    async with httpx.AsyncClient() as client:
        async with client.stream("GET", f"{url}/v1/stream", headers=bearer(bench.viewer)) as answer:
            await Lines(answer).until("event: ready")
            assert len(bench.hub._members) == 1
        await until(lambda: not bench.hub._members)
    with raw_request(url, bench.viewer):
        await until(lambda: len(bench.hub._members) == 1)
    await until(lambda: not bench.hub._members)


def raw_request(url: str, key: str) -> socket.socket:
    """A client that asks and then does not read."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    client.connect(("127.0.0.1", urlsplit(url).port))
    client.sendall(f"GET /v1/stream HTTP/1.1\r\nHost: desk\r\nAuthorization: Bearer {key}\r\n\r\n".encode())
    return client


async def test_a_client_that_does_not_read_is_let_go(
    served_bench: tuple[Bench, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a time limit, its connection too; others go on."""
    monkeypatch.setattr(event_stream, "SEND_TIMEOUT_S", 0.3)
    bench, url = served_bench
    with raw_request(url, bench.viewer):
        await until(lambda: len(bench.hub._live) == 1)
        (watcher,) = bench.hub._live
        flood = b": " + b"x" * 1_000_000 + b"\n\n"
        for _ in range(12):
            watcher._put(flood)
            await asyncio.sleep(0.05)
        await until(lambda: not bench.hub._members)
    async with httpx.AsyncClient() as client:
        request = client.stream("GET", f"{url}/v1/stream", headers=bearer(bench.viewer))
        async with request as answer:
            await Lines(answer).until("event: ready")


async def test_the_end_of_the_process_ends_the_streams(bench: Bench) -> None:
    """uvicorn would wait for them, up to its time limit."""
    async with bench.streaming(), httpx.AsyncClient() as client:
        server = served(bench.app)
        url = await server.__aenter__()
        request = client.build_request("GET", f"{url}/v1/stream", headers=bearer(bench.viewer))
        lines = Lines(await client.send(request, stream=True))
        await lines.until("event: ready")
        began = time.monotonic()
        await server.__aexit__(None, None, None)
        assert time.monotonic() - began < 3
        with pytest.raises(httpx.RemoteProtocolError):
            await lines.rest()
    assert not bench.hub._members


async def test_a_revoked_key_sees_no_more(bench: Bench) -> None:
    """It is asked for again with each sign of life, and those come as long as nothing else does."""
    rights: list[Any] = [await bench.access.grant_of(bench.viewer)]

    class Access:
        async def grant_of(self, _key: str) -> Any:
            return rights[0]

    access: Any = Access()
    app = FastAPI()
    problems.install(app)
    app.include_router(stream_routes(bench.hub, access, heartbeat_s=0.1))
    async with bench.streaming(), served(app) as url, httpx.AsyncClient() as client:
        request = client.stream("GET", f"{url}/v1/stream", headers=bearer(bench.viewer))
        async with request as answer:
            lines = Lines(answer)
            await lines.until(": beat")
            rights[0] = None
            assert all(line.startswith((":", "id:")) for line in await lines.rest() if line)


async def test_the_same_answer_is_not_sent_twice(bench: Bench) -> None:
    """A strong ETag of the bytes: 304 while nothing has changed, another one when something has."""
    await bench.feed(a_report(AT))
    transport = httpx.ASGITransport(bench.app)
    async with httpx.AsyncClient(transport=transport, base_url="http://desk", headers=bearer(bench.viewer)) as client:
        for path in ("/v1/regions", "/v1/regions/64.72", "/v1/periods/2024-11-18", "/v1/reports", "/v1/incidents"):
            first = await client.get(path)
            etag = first.headers["etag"]
            assert (first.status_code, first.headers["cache-control"]) == (200, "private, no-cache")
            for known in (etag, f'"other", W/{etag}', "*"):
                again = await client.get(path, headers={"if-none-match": known})
                assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
                assert "content-length" not in again.headers
            assert (await client.get(path, headers={"if-none-match": '"other"'})).content == first.content
        before = (await client.get("/v1/reports")).headers["etag"]
        await bench.feed(a_report(AT, event_id="r2"))
        changed = await client.get("/v1/reports", headers={"if-none-match": before})
        assert (changed.status_code, len(changed.json()["items"])) == (200, 2)
        for path in ("/v1/reports?limit=0", "/v1/regions/99.99", "/healthz"):
            assert "etag" not in (await client.get(path)).headers
        for path, status in (("/v1/events/kpu/not-yet", 404), ("/v1/reports?limit=0", 422), ("/v1/nowhere", 404)):
            refused = await client.get(path)
            assert (refused.status_code, refused.headers["cache-control"]) == (status, "no-store")


async def test_an_answer_in_pieces_has_no_etag() -> None:
    """Its end is not known when its head is sent."""

    async def pieces(scope: Any, receive: Any, send: Any) -> None:
        headers = [(b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"[", "more_body": True})
        await send({"type": "http.response.body", "body": b"]"})

    transport = httpx.ASGITransport(Etags(pieces, below="/v1/"))
    async with httpx.AsyncClient(transport=transport, base_url="http://desk") as client:
        answer = await client.get("/v1/x")
    assert (answer.content, "etag" in answer.headers) == (b"[]", False)
