"""The HTTP side of sending: how receivers are doing, one delivery, and what an operator may do."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import unquote

import pytest

from services.notifier.channels import SendFailed
from services.notifier.delivery import sending_api
from services.notifier.delivery.breaker import OPEN_AFTER
from services.notifier.delivery.delivering import Sender
from services.notifier.delivery.delivery_store import DeliveryStore
from services.notifier.delivery.receiver_store import ReceiverStore
from services.notifier.store import Store
from shared.access.keys import Grant, Kind, Role
from shared.access.store import COLLECTION, AccessStore
from shared.http.service import make_app
from shared.metrics import Metrics
from tests.builders import a_holder_document, a_notice_payload
from tests.service.notifier.asgi import Answer
from tests.service.notifier.asgi import call as call_app
from tests.service.notifier.conftest import FakeChannel, receivers_of

Call = Callable[..., Awaitable[Answer]]
ADDRESSES = receivers_of({"name": "hook"}, {"name": "quiet"}).receivers
PERMANENT = SendFailed("HTTP 404", is_permanent=True, status=404, reply="no such place")
PASSING = SendFailed("HTTP 503", is_permanent=False, status=503)
GONE = SendFailed("HTTP 410", is_permanent=True, status=410, disables=True)
ID = "missing-report:2024-11-18:64@2024-11-18T18:00:00Z|hook"


class Desk:
    """Deliveries, how receivers are doing, and the app over both."""

    def __init__(self, store: Store) -> None:
        self.deliveries, self.receivers = DeliveryStore(store.database), ReceiverStore(store.database)

    async def plan(self, delivery_id: str = ID, state: str = "pending") -> None:
        fields = {"receiver": "hook", "channel": "console", "notice": delivery_id, "alerts": [f"a:{delivery_id}"]}
        rest = {"payload": a_notice_payload(), "webhook_id": f"msg_{len(delivery_id)}", "state": state}
        await self.deliveries.plan([{"_id": delivery_id, **fields, **rest}])

    async def send(self, *outcomes: Exception | int, times: int = 1) -> None:
        channel = FakeChannel(*outcomes)
        sender = Sender(ADDRESSES[0], channel, self.deliveries, self.receivers, "me", 30, Metrics("test"))
        for _ in range(times):
            await sender.step()


@pytest.fixture
async def desk(store: Store) -> Desk:
    return Desk(store)


@pytest.fixture
async def call(desk: Desk) -> Call:
    """Calls with a key by its name."""
    holders = desk.deliveries.database[COLLECTION]
    for key, grant in {
        "viewer": Grant("ani", role=Role.VIEWER),
        "operator": Grant("budi", role=Role.OPERATOR),
        "agency": Grant("desk", "desk", frozenset({Kind.REPORTS.value}), ("*",)),
    }.items():
        await holders.insert_one(a_holder_document(key, grant))

    @asynccontextmanager
    async def lifespan(_app: Any) -> Any:
        yield

    app = make_app("test", lifespan, {}, Metrics("test"), lambda: b"{}")
    access = AccessStore(holders, 15)
    app.include_router(sending_api.routes(ADDRESSES, desk.deliveries, desk.receivers, access))

    async def made(path: str, key: str | None = "operator", method: str = "GET") -> Answer:
        headers = {"Accept-Language": "en"} | ({"Authorization": f"Bearer {key}"} if key else {})
        return await call_app(app, method, unquote(path), {}, headers)

    return made


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/receivers"),
        ("GET", f"/v1/deliveries/{ID}"),
        ("POST", f"/v1/deliveries/{ID}/retry"),
        ("POST", "/v1/receivers/hook/enable"),
    ],
)
@pytest.mark.parametrize(
    ("key", "status"), [(None, 401), ("unknown", 401), ("agency", 403), ("viewer", 0), ("operator", 0)]
)
async def test_who_may(desk: Desk, call: Call, method: str, path: str, key: str | None, status: int) -> None:
    """People see it; what changes something needs an operator; nothing is changed by whoever may not."""
    await desk.plan(state="dead")
    await desk.receivers.disable("hook", "HTTP 410")
    expected = status or (403 if (method, key) == ("POST", "viewer") else 200)
    assert (await call(path, key, method))[0] == expected
    if expected != 200:
        assert await desk.receivers.disabled_because("hook") == "HTTP 410"
        delivery = await desk.deliveries.one(ID)
        assert delivery is not None
        assert delivery["state"] == "dead"


@pytest.mark.expect_errors("delivery_failed")
async def test_one_delivery(desk: Desk, call: Call) -> None:
    """With every attempt: when, status, latency, reply; by its id, or by the one its receiver knows."""
    await desk.plan()
    await desk.send(PERMANENT)
    for name in (ID, f"msg_{len(ID)}"):
        status, _, shown = await call(f"/v1/deliveries/{name}", "viewer")
        assert (status, shown["id"], shown["state"], shown["receiver"]) == (200, ID, "dead", "hook")
        (attempt,) = shown["attempts"]
        assert attempt.keys() >= {"started_at", "ended_at", "latency_ms", "by"}
        assert (attempt["outcome"], attempt["status"], attempt["reply"]) == ("failed", 404, "no such place")
    assert "payload" not in shown
    status, _, problem = await call("/v1/deliveries/$ne")
    assert (status, problem["detail"]) == (404, "There is no `$ne`.")


@pytest.mark.expect_errors("delivery_failed")
async def test_retry(desk: Desk, call: Call) -> None:
    """A dead one is owed again, by whom is on record; a delivered one is refused, an unknown one not found."""
    await desk.plan()
    await desk.send(PERMANENT)
    status, _, shown = await call(f"/v1/deliveries/{ID}/retry", method="POST")
    assert (status, shown["state"], shown["retried_by"]) == (200, "pending", "budi")
    await desk.send()
    status, _, problem = await call(f"/v1/deliveries/{ID}/retry", method="POST")
    assert (status, problem["type"]) == (409, "urn:desk-pilkada:problem:delivered")
    assert (await call("/v1/deliveries/unknown/retry", method="POST"))[0] == 404
    assert [a["outcome"] for a in (await call(f"/v1/deliveries/{ID}"))[2]["attempts"]] == ["failed", "ok"]


def by_name(answer: Answer) -> dict[str, Any]:
    assert answer[0] == 200
    return {receiver["name"]: receiver for receiver in answer[2]["items"]}


@pytest.mark.expect_errors("delivery_failed")
async def test_receivers(desk: Desk, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ok, away, disabled; its breaker, its last success, what waits and what is dead; no address."""
    quiet = by_name(await call("/v1/receivers", "viewer"))["quiet"]
    assert quiet == {
        "name": "quiet",
        "channel": "console",
        "state": "ok",
        "breaker": "closed",
        "failures_in_a_row": 0,
        "last_success_at": None,
        "last_failure_at": None,
        "last_problem": None,
        "disabled_because": None,
        "disabled_at": None,
        "enabled_by": None,
        "enabled_at": None,
        "pending": 0,
        "dead": 0,
    }
    await desk.plan("n0|hook")
    await desk.send(200)
    for n in range(1, OPEN_AFTER + 1):
        await desk.plan(f"n{n}|hook")
    await desk.plan("x|hook", state="dead")
    await desk.send(*[PASSING] * OPEN_AFTER, times=OPEN_AFTER)
    hook = by_name(await call("/v1/receivers"))["hook"]
    assert (hook["state"], hook["breaker"], hook["failures_in_a_row"]) == ("away", "open", OPEN_AFTER)
    assert (hook["pending"], hook["dead"], hook["last_problem"]) == (OPEN_AFTER, 1, "HTTP 503")
    assert hook["last_success_at"] < hook["last_failure_at"]
    await desk.receivers.database.receivers.update_one({"_id": "hook"}, [{"$set": {"open_until": "$$NOW"}}])
    assert by_name(await call("/v1/receivers"))["hook"]["breaker"] == "half_open"
    await desk.send(GONE)
    hook = by_name(await call("/v1/receivers"))["hook"]
    assert (hook["state"], hook["disabled_because"], hook["breaker"]) == ("disabled", "HTTP 410", "closed")


@pytest.mark.expect_errors("delivery_failed")
async def test_enable(desk: Desk, call: Call) -> None:
    """By whom and when is on record; from then on it is told."""
    await desk.plan("n1|hook")
    await desk.send(GONE)
    status, _, hook = await call("/v1/receivers/hook/enable", method="POST")
    assert (status, hook["state"], hook["enabled_by"], hook["dead"]) == (200, "ok", "budi", 1)
    await desk.plan("n2|hook")
    await desk.send()
    assert (await call("/v1/deliveries/n2|hook"))[2]["state"] == "delivered"
    assert (await call("/v1/receivers/unknown/enable", method="POST"))[0] == 404
    assert json.dumps(hook).count("http") == 0
