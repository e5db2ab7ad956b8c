"""The demo's client and receiver, against real sockets: retries keep the id, signatures are verified."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from standardwebhooks import Webhook

from desk.demo.client import Client, ServiceAway
from desk.demo.receiver import HOST, PATH, Receiver, listen, new_secret
from desk.demo.scenario import Step
from desk.demo.team import DESK
from desk.running import RunningStack

STEP = Step(at=datetime(2024, 11, 18, 8, tzinfo=UTC), send="report", body={"id": "a-1", "region": "64.72"})


def stack_at(url: str) -> RunningStack:
    return RunningStack(
        intake=url,
        aggregator=url,
        notifier=url,
        kafka="",
        mongo="",
        agency="desk",
        agency_key="agency-key",
        operator_key="operator-key",
        clock=None,
        broker_name="none",
        keeps_data=True,
        children=(),
    )


class Service:
    """Answers with the statuses it is given, in order, then 202; keeps the ids it was sent."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.ids: list[str] = []
        self.keys: set[str] = set()

    async def take(self, request: web.Request) -> web.Response:
        self.ids.append((await request.json())["id"])
        self.keys.add(request.headers["Authorization"])
        status = self.statuses.pop(0) if self.statuses else 202
        return web.json_response({"duplicate": len(self.ids) > 1}, status=status)

    async def pages(self, request: web.Request) -> web.Response:
        following = {None: "2", "2": None}[request.query.get("cursor")]
        return web.json_response({"items": [{"page": request.query.get("cursor", "1")}], "next": following})


@pytest.fixture
async def service() -> AsyncIterator[tuple[Service, Client, list[tuple[str, str, str]]]]:
    fake = Service()
    app = web.Application()
    app.router.add_post("/v1/reports", fake.take)
    app.router.add_get("/v1/alerts", fake.pages)
    told: list[tuple[str, str, str]] = []
    async with TestServer(app) as server, aiohttp.ClientSession() as session:
        url = str(server.make_url("")).rstrip("/")
        yield fake, Client(stack_at(url), session, lambda *said: told.append(said)), told


async def test_a_passing_failure_is_tried_again(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 and 429 are tried again under the same id with the agency's key, and somebody is told."""
    monkeypatch.setattr("desk.demo.client.NEXT_TRY_S", 0.01)
    fake, client, told = service
    fake.statuses = [503, 429, 503]
    answer = await client.send(STEP)
    assert (answer.status, answer.calls, answer.body) == (202, 4, {"duplicate": True})
    assert set(fake.ids) == {"a-1"}
    assert fake.keys == {"Bearer agency-key"}
    assert told == [("POST", "intake", "HTTP 503")]


async def test_a_refusal_is_an_answer(service: Any) -> None:
    """422 is not tried again."""
    fake, client, _ = service
    fake.statuses = [422]
    assert (await client.send(STEP)).status == 422
    assert len(fake.ids) == 1


async def test_patience_ends(service: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service that stays away is given up, by name."""
    monkeypatch.setattr("desk.demo.client.PATIENCE_S", 0.05)
    monkeypatch.setattr("desk.demo.client.NEXT_TRY_S", 0.01)
    fake, client, _ = service
    fake.statuses = [503] * 100
    with pytest.raises(ServiceAway, match="intake"):
        await client.send(STEP)


async def test_lists_are_read_to_their_end(service: Any) -> None:
    """Every page of a list is read; what is not there is None."""
    _, client, _ = service
    assert await client.items("notifier", "/v1/alerts") == [{"page": "1"}, {"page": "2"}]
    assert await client.get("notifier", "/v1/nothing") is None


async def post_signed(receiver_secret: str, signed_with: str) -> Receiver:
    receiver = Receiver(receiver_secret)
    data = {"change": "raised", "alerts": [{"id": "missing-report:2024-11-18:64.72"}], "text": {"id": "a", "en": "b"}}
    body = json.dumps({"data": data})
    now = datetime.now(UTC)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(signed_with).sign("msg_1", now, body),
    }
    with listen() as listening:
        url = f"http://{HOST}:{listening.getsockname()[1]}{PATH}/{DESK}"
        async with receiver.serve(listening), aiohttp.ClientSession() as session:
            for _ in range(2):
                async with session.post(url, data=body, headers=headers) as answer:
                    assert answer.status in (204, 401)
    return receiver


async def test_a_signed_notice_is_kept() -> None:
    """What is signed with our secret is kept; the same webhook-id again is a repeat."""
    secret = new_secret()
    receiver = await post_signed(secret, secret)
    assert receiver.told == {(DESK, "missing-report:2024-11-18:64.72", "raised")}
    assert (receiver.bad_signatures, receiver.repeats) == (0, 1)


async def test_a_wrong_signature_is_refused() -> None:
    """What is signed with another secret is refused and counted."""
    receiver = await post_signed(new_secret(), new_secret())
    assert (receiver.told, receiver.bad_signatures) == (set(), 2)
