"""What people do with alerts over HTTP: they take one on, they silence some for a while."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest

from services.notifier.alerts import life_api
from services.notifier.holding import silences_api
from services.notifier.holding.silence_store import SilenceStore
from shared.access.keys import Grant, Kind, Role
from shared.access.store import COLLECTION, AccessStore
from shared.events.incident_status import IncidentStatus
from shared.http.service import make_app
from shared.metrics import Metrics
from tests.builders import a_holder_document, a_status, an_incident, utc
from tests.service.notifier.asgi import Answer
from tests.service.notifier.asgi import call as call_app
from tests.service.notifier.conftest import Bench

Call = Callable[..., Awaitable[Answer]]
VIOLATION = "quiet-period-violation:bawaslu:i1"
ACKNOWLEDGE = f"/v1/alerts/{VIOLATION}/acknowledge"
NOW = utc("2024-11-25T02:10:00Z")
FLOOD = {"region": "64.72", "until": "2024-11-26T00:00:00+08:00", "reason": "Banjir."}


@pytest.fixture
async def call(bench: Bench) -> Call:
    """Calls with a key by its name, on 25 November 2024, 10:10 in Samarinda, minutes after a violation."""
    bench.clock.fixed = NOW
    await violate(bench)
    holders = bench.store.database[COLLECTION]
    for key, grant in {
        "viewer": Grant("ani", role=Role.VIEWER),
        "operator": Grant("budi", role=Role.OPERATOR),
        "other": Grant("citra", role=Role.OPERATOR),
        "agency": Grant("desk", "desk", frozenset({Kind.REPORTS.value}), ("*",)),
    }.items():
        await holders.insert_one(a_holder_document(key, grant))
    access = AccessStore(holders, 15)

    @asynccontextmanager
    async def lifespan(_app: Any) -> Any:
        yield

    async def now() -> datetime:
        return bench.clock.now()

    app = make_app("test", lifespan, {}, Metrics("test"), lambda: b"{}")
    app.include_router(life_api.routes(bench.store, access, now))
    app.include_router(silences_api.routes(bench.calendar.roster, SilenceStore(bench.store.database), access, now))

    async def made(method: str, path: str, body: Any = None, key: str | None = "operator", **query: str) -> Answer:
        headers = {"Accept-Language": "en"} | ({"Authorization": f"Bearer {key}"} if key else {})
        return await call_app(
            app, method, path, query, headers, json.dumps(body).encode() if body is not None else b""
        )

    return made


async def violate(bench: Bench) -> None:
    await bench.file(an_incident(utc("2024-11-25T02:00Z"), event_id="i1"))


async def dismiss(bench: Bench, event_id: str = "s1", status: IncidentStatus = IncidentStatus.DISMISSED) -> None:
    at = utc("2024-11-25T03:00Z") + timedelta(minutes=int(event_id[1:]))
    await bench.file(a_status(at, status, event_id=event_id))


@pytest.mark.parametrize("path", [ACKNOWLEDGE, "/v1/silences"])
@pytest.mark.parametrize(
    ("key", "status"), [(None, 401), ("unknown", 401), ("agency", 403), ("viewer", 403), ("operator", 0)]
)
async def test_who_may(bench: Bench, call: Call, path: str, key: str | None, status: int) -> None:
    """An operator; nothing is changed by whoever may not."""
    body = FLOOD if path == "/v1/silences" else {"note": "x"}
    answered = (await call("POST", path, body, key))[0]
    assert answered == (status or (201 if body is FLOOD else 200))
    if status:
        assert await bench.alerts() == {VIOLATION: "firing"}
        assert (await call("GET", "/v1/silences", key="viewer"))[2]["items"] == []


async def test_acknowledging(bench: Bench, call: Call) -> None:
    """Who, when, why stand in its history; it waits to be published; receivers are not told of it."""
    before = await bench.store.alert(VIOLATION) or {}
    status, _, shown = await call("POST", ACKNOWLEDGE, {"note": "Saya ke lokasi."})
    assert (status, shown["state"]) == (200, "acknowledged")
    told = {"at": "2024-11-25T02:10:00+00:00", "by": "budi", "what": "acknowledged", "why": "Saya ke lokasi."}
    assert shown["history"][-1] == told
    alert = await bench.store.alert(VIOLATION) or {}
    assert (alert["revision"], alert["unpublished"], alert["to_notice"]) == (2, 2, before["to_notice"])


@pytest.mark.parametrize("body", [None, {}, {"note": None}])
async def test_a_note_is_optional(call: Call, body: Any) -> None:
    """Also no body at all."""
    status, _, shown = await call("POST", ACKNOWLEDGE, body)
    assert (status, shown["history"][-1]["why"]) == (200, "")


async def test_the_first_one_is_on_record(bench: Bench, call: Call) -> None:
    """Two at once and one later: one entry, the same answer to all."""
    answers = await asyncio.gather(*(call("POST", ACKNOWLEDGE, {"note": key}, key) for key in ("operator", "other")))
    answers.append(await call("POST", ACKNOWLEDGE, {"note": "later"}))
    assert {status for status, _, _ in answers} == {200}
    notes = {shown["history"][-1]["why"] for _, _, shown in answers}
    assert len(notes) == 1
    assert len(answers[-1][2]["history"]) == 2


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({"note": " "}, "note", "text_blank"),
        ({"note": 1}, "note", "type_text"),
        ({"notes": "x"}, "notes", "extra_forbidden"),
        ([], "body", "json_object"),
    ],
)
async def test_a_wrong_note(bench: Bench, call: Call, body: Any, field: str, code: str) -> None:
    """Every wrong field is named, and nothing is done."""
    status, _, problem = await call("POST", ACKNOWLEDGE, body)
    assert (status, [(e["field"], e["code"]) for e in problem["errors"]]) == (422, [(field, code)])
    assert await bench.alerts() == {VIOLATION: "firing"}


async def test_what_is_resolved_is_not_taken_on(bench: Bench, call: Call) -> None:
    """409 for a resolved one, 404 for none; a stub that waits for its incident is none."""
    await dismiss(bench)
    status, _, problem = await call("POST", ACKNOWLEDGE)
    assert (status, problem["type"]) == (409, "urn:desk-pilkada:problem:alert_resolved")
    assert "dismissed" in problem["detail"]
    await bench.file(a_status(utc("2024-11-25T03:00Z"), IncidentStatus.VERIFIED, incident_id="unread"))
    for unknown in ("missing-report:2024-11-18:64.72", "quiet-period-violation:bawaslu:unread"):
        assert (await call("POST", f"/v1/alerts/{unknown}/acknowledge"))[0] == 404


async def test_an_acknowledged_alert_ends_and_fires_again_unacknowledged(bench: Bench, call: Call) -> None:
    """It is resolved as any other; if it fires again, somebody has to take it on again."""
    await call("POST", ACKNOWLEDGE)
    await dismiss(bench)
    assert await bench.alerts() == {VIOLATION: "resolved"}
    await dismiss(bench, "s2", IncidentStatus.VERIFIED)
    assert await bench.alerts() == {VIOLATION: "firing"}
    assert (await call("POST", ACKNOWLEDGE))[2]["state"] == "acknowledged"
    alert = await bench.store.alert(VIOLATION) or {}
    whats = [h["what"] for h in alert["history"]]
    assert whats == ["raised", "acknowledged", "resolved", "raised_again", "acknowledged"]


async def test_a_silence(call: Call) -> None:
    """It says what, from when to when, why and by whom; left out are the rule and the beginning."""
    status, _, made = await call("POST", "/v1/silences", FLOOD)
    assert status == 201
    assert made.pop("id").startswith("20241125T021000Z-")
    assert made == {
        "state": "active",
        "region": "64.72",
        "rule": None,
        "from": "2024-11-25T02:10:00+00:00",
        "until": "2024-11-25T16:00:00+00:00",
        "reason": "Banjir.",
        "made_by": "budi",
        "made_at": "2024-11-25T02:10:00+00:00",
        "ended_by": None,
        "ended_at": None,
    }


@pytest.mark.parametrize(
    ("change", "field", "code"),
    [
        ({"region": "64.99"}, "region", "region_unknown"),
        ({"region": None}, "region", "type_text"),
        ({"rule": "no-rule"}, "rule", "enum"),
        ({"reason": " "}, "reason", "text_blank"),
        ({"until": "2024-11-26T00:00:00"}, "until", "timezone_aware"),
        ({"until": "2024-11-25T10:10:00+08:00"}, "until", "until_past"),
        ({"from": "2024-11-27T00:00:00+08:00"}, "until", "until_past"),
        ({"rule": "cannot-evaluate"}, "region", "silence_system"),
        ({"for": "1h"}, "for", "extra_forbidden"),
    ],
)
async def test_a_wrong_silence(call: Call, change: Any, field: str, code: str) -> None:
    """Every wrong field is named; there is none without a region, a reason and an end to come."""
    status, _, problem = await call("POST", "/v1/silences", {**FLOOD, **change})
    assert (status, [(e["field"], e["code"]) for e in problem["errors"]]) == (422, [(field, code)])
    status, _, problem = await call("POST", "/v1/silences", {})
    assert [e["field"] for e in problem["errors"]] == ["region", "until", "reason"]
    assert (await call("GET", "/v1/silences"))[2]["items"] == []


async def test_a_silence_is_ended_never_deleted(bench: Bench, call: Call) -> None:
    """By whom and when is on record; who ends it once more changes nothing; an unknown one is 404."""
    made = (await call("POST", "/v1/silences", FLOOD))[2]
    bench.clock.fixed = NOW + timedelta(hours=1)
    status, _, ended = await call("DELETE", f"/v1/silences/{made['id']}", key="other")
    assert (status, ended["state"], ended["ended_by"]) == (200, "over", "citra")
    bench.clock.fixed = NOW + timedelta(hours=2)
    assert (await call("DELETE", f"/v1/silences/{made['id']}"))[2] == ended
    assert (await call("GET", "/v1/silences", key="viewer"))[2]["items"] == [ended]
    assert (await call("DELETE", "/v1/silences/unknown"))[0] == 404
    assert (await call("DELETE", f"/v1/silences/{made['id']}", key="viewer"))[0] == 403


async def test_silences_are_found(bench: Bench, call: Call) -> None:
    """By state at this moment, by rule, by region and below, page by page."""
    later = {"from": "2024-11-25T20:00:00+08:00", "until": "2024-11-25T22:00:00+08:00"}
    wanted = [FLOOD, {**FLOOD, "region": "64", "rule": "missing-report"}, {**FLOOD, **later, "region": "*"}]
    ids = []
    for number, body in enumerate(wanted):
        bench.clock.fixed = NOW + timedelta(seconds=number)
        ids.append((await call("POST", "/v1/silences", body))[2]["id"])

    async def found(**query: str) -> list[int]:
        return [ids.index(s["id"]) for s in (await call("GET", "/v1/silences", **query))[2]["items"]]

    assert await found() == [0, 1, 2]
    assert await found(state="active") == [0, 1]
    assert await found(state="planned") == [2]
    assert await found(rule="missing-report") == [1]
    assert await found(region="64.72") == [0]
    assert await found(region="64") == [0, 1]
    bench.clock.fixed = utc("2024-11-25T13:00Z")
    assert await found(state="active") == [0, 1, 2]
    bench.clock.fixed = utc("2024-11-25T16:00Z")
    assert await found(state="over") == [0, 1, 2]
    first = (await call("GET", "/v1/silences", limit="2"))[2]
    rest = (await call("GET", "/v1/silences", cursor=first["next"]))[2]
    assert [s["id"] for s in first["items"] + rest["items"]] == ids
