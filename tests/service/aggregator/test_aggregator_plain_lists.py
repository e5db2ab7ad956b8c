"""Two ways to a list, one answer: past FastAPI's routing, and through it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from pymongo.errors import AutoReconnect
from starlette.routing import Match

from services.aggregator.lists.plain_lists import PlainList
from services.aggregator.store import Store
from shared.access.keys import Kind
from shared.election.calendar import Calendar
from shared.settings import Settings
from tests.service.aggregator.conftest import Bench, a_bench
from tests.service.aggregator.november import StandingClock, november

LISTS = ("/v1/reports", "/v1/incidents", "/v1/alerts", "/v1/logistics")
# Parameters that are plain.
PLAIN = ("", "limit=2", "region=64.72&limit=1", "limit=2&region=64")
OF_ONE = {
    "/v1/reports": ("period=2024-11-18", "withdrawn=true", "withdrawn=false&region=64.72"),
    "/v1/incidents": ("category=money_politics", "status=reported&quiet_period=1", "violation=false"),
    "/v1/alerts": ("state=firing", "rule=missing-report&period=2024-11-18"),
    "/v1/logistics": ("item=ballot_boxes", "item=ballot_boxes&region=64.71"),
}
REFUSED = (
    "limit=0",
    "limit=x",
    "limit=",
    "cursor=%25%25",
    "regoin=64",
    "region=64&region=x",
    "region=%D9%A6",
    "limit=2&x",
    "limit=2&limit=2",
    "region=64&region=64.72",
)


@pytest.fixture(scope="module")
async def fed(mongo_url: str, calendar: Calendar) -> AsyncIterator[Bench]:
    async with a_bench(Settings(mongo=mongo_url, kafka="127.0.0.1:1"), calendar, StandingClock()) as made:
        await made.feed(*november())
        yield made


@pytest.fixture
def plainly(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that went the plain way."""
    went: list[str] = []
    handle = PlainList.handle

    async def seen(self: PlainList, *about: Any) -> None:
        went.append(self.path)
        await handle(self, *about)

    monkeypatch.setattr(PlainList, "handle", seen)
    return went


def client(bench: Bench, key: str | None, **headers: str) -> httpx.AsyncClient:
    sent = {"authorization": f"Bearer {key}"} if key else {}
    transport = httpx.ASGITransport(bench.app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://desk.example", headers={**sent, **headers})


async def usually(caller: httpx.AsyncClient, path: str) -> httpx.Response:
    """Through FastAPI's routing, where nothing is plain."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(PlainList, "matches", lambda *_: (Match.NONE, {}))
        return await caller.get(path)


def told(answer: httpx.Response) -> tuple[int, dict[str, str], bytes]:
    assert answer.headers["x-request-id"]
    headers = {name: value for name, value in answer.headers.items() if name != "x-request-id"}
    return answer.status_code, headers, answer.content


async def test_what_is_plain_is_answered_as_what_is_not(fed: Bench, plainly: list[str]) -> None:
    """Status, headers and body, every page."""
    async with client(fed, fed.viewer) as caller:
        for path in LISTS:
            for query in (*PLAIN, *OF_ONE[path]):
                cursor: str | None = ""
                while cursor is not None:
                    asked = "&".join(filter(None, [query or "limit=200", cursor]))
                    plain, usual = await caller.get(f"{path}?{asked}"), await usually(caller, f"{path}?{asked}")
                    assert told(plain) == told(usual), asked
                    assert (plainly.pop(), plainly, plain.status_code) == (path, [], 200), asked
                    following = plain.json()["next"]
                    cursor = following and f"cursor={following}"
            bare = await caller.get(path)
            assert told(bare) == told(await usually(caller, f"{path}?limit=200"))
            known = await caller.get(path, headers={"if-none-match": bare.headers["etag"]})
            assert (known.status_code, known.content) == (304, b"")
            plainly.clear()


@pytest.mark.parametrize("path", LISTS)
async def test_what_is_refused_goes_the_usual_way(fed: Bench, plainly: list[str], path: str) -> None:
    """And is told what is wrong with it, which only the usual way knows."""
    async with client(fed, fed.viewer) as caller:
        for query in REFUSED:
            answer = await caller.get(f"{path}?{query}")
            assert answer.status_code == 422, query
            assert answer.headers["content-type"] == "application/problem+json"
        assert plainly == [path]  # a cursor is looked at by the handler
        for method in ("POST", "HEAD"):
            assert (await caller.request(method, path)).status_code == 405
        assert (await caller.get(f"{path}/")).status_code == 404
    assert plainly == [path]


@pytest.mark.parametrize("who", ["nobody", "wrong", "agency"])
async def test_the_door_is_the_same(fed: Bench, plainly: list[str], who: str) -> None:
    """Without a key, with one that is none, with one that may not look: in both languages."""
    keys = {"nobody": None, "wrong": "x" * 40, "agency": await fed.key(agency="kpu", kinds=frozenset({Kind.REPORTS}))}
    for language in ("id", "en"):
        async with client(fed, keys[who], **{"accept-language": language}) as caller:
            for path in LISTS:
                plain, usual = await caller.get(f"{path}?limit=1"), await usually(caller, f"{path}?limit=1")
                assert told(plain) == told(usual)
                assert plain.status_code == (403 if who == "agency" else 401)
    assert len(plainly) == 2 * len(LISTS)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        pytest.param(AutoReconnect("away"), 503, id="database"),
        pytest.param(ZeroDivisionError(), 500, id="defect", marks=pytest.mark.expect_errors("unexpected")),
    ],
)
async def test_a_failure_is_told_the_same(
    fed: Bench, plainly: list[str], monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    """A database that is away, and a defect of ours."""

    async def fail(*_args: Any) -> None:
        raise error

    for kind in ("reports", "incidents", "alerts", "logistics"):
        monkeypatch.setattr(Store, kind, fail)
    async with client(fed, fed.viewer) as caller:
        for path in LISTS:
            plain, usual = await caller.get(f"{path}?limit=1"), await usually(caller, f"{path}?limit=1")
            assert (plain.status_code, usual.status_code) == (status, status)
            for answer in (plain, usual):
                assert answer.headers["content-type"] == "application/problem+json"
                assert answer.headers["x-request-id"]
    assert len(plainly) == len(LISTS)
