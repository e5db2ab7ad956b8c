"""Proof of notice: who was told what when, by which attempt; who was not, and why; as a list and as a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import httpx
import pytest

from services.notifier.channels import SendFailed
from services.notifier.delivery.delivering import Sender
from services.notifier.delivery.delivery_store import DeliveryStore
from services.notifier.delivery.receiver_store import ReceiverStore
from services.notifier.holding import silences
from services.notifier.holding.silence_store import SilenceStore
from services.notifier.notices import notices_api
from services.notifier.notices.notice_store import NoticeStore
from shared.access.keys import Grant, Kind, Role
from shared.access.store import COLLECTION, AccessStore
from shared.http.service import make_app
from shared.metrics import Metrics
from tests.builders import a_holder_document, an_incident, utc
from tests.service.notifier.conftest import Bench, FakeChannel, receivers_of, until_idle

NOW = utc("2024-11-25T02:10:00Z")
HOUR = timedelta(hours=1)
READ_AFTER = timedelta(minutes=5)  # from when an incident occurred to when it was received
FILE = receivers_of(
    {"name": "hook"},
    {"name": "gone", "regions": ["64.72"]},
    {"name": "slow", "regions": ["64.72"]},
    {"name": "night", "regions": ["64.02"]},
    teams=[{"name": "piket", "members": [{"name": "Budi", "receivers": ["hook"]}]}],
    routes=[{"to": ["piket"]}],
)
PERMANENT = SendFailed("HTTP 404", is_permanent=True, status=404, reply="no such place")
PASSING = SendFailed("HTTP 503", is_permanent=False, status=503)
I1, I2 = "quiet-period-violation:bawaslu:i1", "quiet-period-violation:bawaslu:i2"
Get = Callable[..., Awaitable[httpx.Response]]


@pytest.fixture
async def told(bench: Bench) -> Bench:
    """Samarinda's violation arrived at one, is dead at another, waits at a third; Kutai Kartanegara's is silenced."""
    bench.clock.fixed = NOW
    store = bench.store.database
    await bench.file(an_incident(NOW - READ_AFTER, region="64.72", event_id="i1", description='=HYPERLINK("x")\nlagi'))
    await bench.file(an_incident(NOW + HOUR - READ_AFTER, region="64.02", event_id="i2"))
    silence = silences.made(
        "s1", region="64.02", rule=None, from_=NOW, until=NOW + 9 * HOUR, reason="x", by="budi", at=NOW
    )
    await SilenceStore(store).add(silence)
    await until_idle(bench.planning(FILE).step)
    for receiver, outcome in (("hook", 200), ("gone", PERMANENT), ("slow", PASSING)):
        address = next(r for r in FILE.receivers if r.name == receiver)
        channel = FakeChannel(outcome)
        sender = Sender(address, channel, DeliveryStore(store), ReceiverStore(store), "me", 30, Metrics("test"))
        await sender.step()
    return bench


@pytest.fixture
async def get(told: Bench) -> AsyncIterator[Get]:
    holders = told.store.database[COLLECTION]
    await holders.insert_one(a_holder_document("viewer", Grant("ani", role=Role.VIEWER)))
    grant = Grant("desk", "desk", frozenset({Kind.REPORTS.value}), ("*",))
    await holders.insert_one(a_holder_document("agency", grant))

    @asynccontextmanager
    async def lifespan(_app: Any) -> Any:
        yield

    app = make_app("test", lifespan, {}, Metrics("test"), lambda: b"{}")
    app.include_router(notices_api.routes(told.calendar, NoticeStore(told.store.database), AccessStore(holders, 15)))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://notifier") as client:

        async def made(path: str = "/v1/notices", key: str | None = "viewer", **query: str) -> httpx.Response:
            headers = {"Accept-Language": "en"} | ({"Authorization": f"Bearer {key}"} if key else {})
            return await client.get(path, params=query, headers=headers)

        yield made


@pytest.mark.expect_errors("delivery_failed")
@pytest.mark.parametrize("path", ["/v1/notices", "/v1/notices.csv"])
@pytest.mark.parametrize(("key", "status"), [(None, 401), ("agency", 403), ("viewer", 200)])
async def test_who_may_see_it(get: Get, path: str, key: str | None, status: int) -> None:
    """People."""
    assert (await get(path, key)).status_code == status


@pytest.mark.expect_errors("delivery_failed")
async def test_who_was_told_and_who_was_not(get: Get) -> None:
    """By whom and when it was confirmed; else in words why not."""
    items = (await get()).json()["items"]
    shown = {(i["receiver"], i["region"]): i for i in items}
    hook = shown["hook", "64.72"]
    assert (hook["is_told"], hook["why_not"], hook["status"], hook["attempts"]) == (True, None, 200, 1)
    assert hook["told_at"] >= hook["planned_at"]
    assert hook["people"] == [{"team": "piket", "name": "Budi"}]
    assert (hook["at"], hook["change"], hook["alerts"]) == ("2024-11-25T02:10:00+00:00", "raised", [I1])
    why = {key: (i["state"], i["why_not"]["en"]) for key, i in shown.items() if not i["is_told"]}
    assert why == {
        ("gone", "64.72"): ("dead", "could not be delivered, tried 1 times: HTTP 404"),
        ("slow", "64.72"): ("pending", "not sent yet; tried 1 times"),
        ("hook", "64.02"): ("held", "held by the silence `s1` until 25-11-2024 19:10 WITA"),
        ("night", "64.02"): ("held", "held by the silence `s1` until 25-11-2024 19:10 WITA"),
    }
    assert shown["gone", "64.72"]["told_at"] is None


@pytest.mark.expect_errors("delivery_failed")
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, [I1, I1, I1, I2, I2]),
        ({"alert": I2}, [I2, I2]),
        ({"receiver": "hook"}, [I1, I2]),
        ({"rule": "missing-report"}, []),
        ({"rule": "quiet-period-violation", "receiver": "gone"}, [I1]),
        ({"region": "64"}, [I1, I1, I1, I2, I2]),
        ({"region": "64.02"}, [I2, I2]),
        ({"region": "64.7"}, None),
        ({"state": "held"}, [I2, I2]),
        ({"from": "2024-11-25T10:10:00+08:00", "until": "2024-11-25T11:10:00+08:00"}, [I1, I1, I1]),
        ({"from": "2024-11-25T10:10:00.001+08:00"}, [I2, I2]),
        ({"from": "2024-11-25T10:10:00"}, None),
        ({"since": "x"}, None),
        ({"cursor": "x"}, None),
        ({"cursor": "MjAyNA"}, None),
    ],
)
async def test_filters(get: Get, query: dict[str, str], expected: list[str] | None) -> None:
    """By alert, receiver, rule, region and below, state, time of what happened; what is unknown is refused."""
    answer = await get(**query)
    if expected is None:
        assert answer.status_code == 422
        return
    assert [i["alerts"][0] for i in answer.json()["items"]] == expected
    if "cursor" not in query:
        rows = (await get("/v1/notices.csv", **query)).text.lstrip("\ufeff").splitlines()
        assert len(rows) == len(expected) + 1


@pytest.mark.expect_errors("delivery_failed")
async def test_page_by_page(get: Get) -> None:
    """Each once, in the same order."""
    everything = [i["id"] for i in (await get()).json()["items"]]
    found: list[str] = []
    query = {"limit": "2"}
    while True:
        page = (await get(**query)).json()
        found += [i["id"] for i in page["items"]]
        if page["next"] is None:
            break
        query["cursor"] = page["next"]
    assert (found, len(found)) == (everything, 5)


@pytest.mark.expect_errors("delivery_failed")
async def test_as_a_spreadsheet(get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    """Local times, names, one line a cell, and no cell is a formula; the same however many are read at a time."""
    answer = await get("/v1/notices.csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert "notices.csv" in answer.headers["content-disposition"]
    assert answer.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode("utf-8-sig")), delimiter=";"))
    hook = next(r for r in rows if r["receiver"] == "hook" and r["is_told"] == "1")
    assert hook["at"] == "2024-11-25T10:10:00+08:00"
    assert (hook["region_name"], hook["people"]) == ("Kota Samarinda", "Budi (piket)")
    assert "\n" not in hook["text"]
    monkeypatch.setattr(notices_api, "_AT_A_TIME", 2)
    assert (await get("/v1/notices.csv")).content == answer.content
    assert b"," in (await get("/v1/notices.csv", separator="comma")).content.splitlines()[0]


@pytest.mark.expect_errors("delivery_failed")
async def test_told_in_part(told: Bench, get: Get) -> None:
    """A mail that one of two recipients was refused: who has it since when, and who has not; also when the other gets
    it in the end. `is_told` is of all of them."""
    some = SendFailed("refused: b@x (550)", is_permanent=True, status=550, left=["b@x"], took=["a@x"])
    store = told.store.database
    address, deliveries = next(r for r in FILE.receivers if r.name == "slow"), DeliveryStore(store)
    sender = Sender(address, FakeChannel(some), deliveries, ReceiverStore(store), "me", 30, Metrics("test"))
    await deliveries.release("slow")
    await sender.step()
    (in_part,) = (await get(receiver="slow")).json()["items"]
    ((who, at),) = ((one["recipient"], one["at"]) for one in in_part["told_in_part"])
    assert (in_part["state"], in_part["is_told"], in_part["told_at"]) == ("dead", False, None)
    assert (who, at >= in_part["planned_at"], in_part["left_out"]) == ("a@x", True, ["b@x"])
    (line,) = csv.DictReader(io.StringIO((await get("/v1/notices.csv", receiver="slow")).text), delimiter=";")
    assert list(line)[-2:] == ["told_in_part", "left_out"]
    assert (line["told_in_part"][:7], line["told_in_part"][-7:], line["left_out"]) == ("a@x (20", "+08:00)", "b@x")
    await deliveries.retry(in_part["id"], "budi")
    await sender.step()
    (in_full,) = (await get(receiver="slow")).json()["items"]
    assert (in_full["is_told"], in_full["left_out"], in_full["told_at"] > at) == (True, [], True)
    assert in_full["told_in_part"] == in_part["told_in_part"]
