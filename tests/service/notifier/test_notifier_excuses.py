"""Excuses on a real database: before the judgement, after it, at the same time, and over HTTP."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from services.notifier.excuses import excuses_api
from services.notifier.excuses.excuse_store import ExcuseStore
from shared.access.keys import Grant, Role
from shared.access.store import COLLECTION, AccessStore
from shared.http.service import make_app
from shared.metrics import Metrics
from tests.builders import a_holder_document, a_report, a_withdrawal, utc
from tests.service.notifier.asgi import Answer, call
from tests.service.notifier.conftest import JUDGED_AT, Bench, Crash, dying, receivers_of, until_idle, until_told

SAMARINDA = "missing-report:2024-11-18:64.72"
IN_TIME = utc("2024-11-18T08:00:00Z")


async def test_given_before_the_judgement(bench: Bench) -> None:
    """No verdict missing, no alert; the digest counts it apart from the missing."""
    await bench.excuse()
    receivers = receivers_of({"name": "a"})
    await until_idle(bench.judge().step, bench.settling().step, bench.excusing().step, bench.planning(receivers).step)
    assert await bench.verdicts() == {"64.02": ["missing"], "64.71": ["missing"], "64.72": ["excused"]}
    assert SAMARINDA not in await bench.alerts()
    (digest,) = await bench.deliveries()
    told = "missing: Kabupaten Kutai Kartanegara, Kota Balikpapan. Excused: Kota Samarinda."
    assert digest["payload"]["data"]["text"]["en"].endswith(told)
    assert digest["payload"]["data"]["counts"] == {"owed": 3, "reported": 0, "missing": 2, "excused": 1}


async def test_given_after_the_judgement(bench: Bench) -> None:
    """The province is excused: every alert ends and who got the alarm is told, by whom and why."""
    receivers = receivers_of({"name": "a"})
    planning, steps = bench.planning(receivers), [bench.judge().step, bench.settling().step, bench.excusing().step]
    await until_told(planning, *steps)
    bench.clock.fixed = JUDGED_AT + timedelta(hours=3)
    await bench.excuse("64", "2024-11-11", "2024-11-24")
    await until_told(planning, *steps)
    assert set(map(tuple, (await bench.verdicts()).values())) == {("missing", "excused")}
    assert set((await bench.alerts()).values()) == {"resolved"}
    alert = await bench.store.alert(SAMARINDA)
    assert alert is not None
    assert (alert["resolution"], alert["details"]["excuse"]["by"]) == ("excused", "budi")
    (told,) = await bench.deliveries(notice="missing-report:2024-11-18:64~1-resolved")
    said = told["payload"]["data"]["text"]["en"]
    assert said.startswith("Excused for 18-11-2024: ")
    assert "Kota Samarinda (by budi, 19-11-2024 05:00 WITA, reason: Banjir.)" in said
    assert await bench.excusing().step() is False


async def test_later_digests_know_who_is_excused(bench: Bench) -> None:
    """As the first: all who owe are in the numbers, when one of the missing has reported and when the last of them is
    excused."""
    await bench.excuse()
    planning = bench.planning(receivers_of({"name": "a"}))
    steps = [bench.judge().step, bench.settling().step, bench.excusing().step]
    await until_told(planning, *steps)
    await bench.file(a_report(JUDGED_AT + timedelta(hours=1), region="64.02"))
    await until_told(planning, *steps)
    await bench.excuse("64.71")
    await until_told(planning, *steps)
    later = [(await bench.deliveries(notice=f"missing-report:2024-11-18:64~{n}-resolved"))[0] for n in (1, 2)]
    told = [d["payload"]["data"] for d in later]
    assert told[0]["counts"] == {"owed": 3, "reported": 1, "missing": 1, "excused": 1}
    assert told[0]["text"]["id"].endswith(
        "1/3 sudah melapor untuk 18-11-2024; belum lapor: Kota Balikpapan. Dimaklumi: Kota Samarinda."
    )
    assert told[1]["counts"] == {"owed": 3, "reported": 1, "missing": 0, "excused": 2}
    assert told[1]["text"]["en"].endswith("none is missing any more. Excused: Kota Balikpapan, Kota Samarinda.")


async def test_given_while_it_is_judged(bench: Bench) -> None:
    """The judge has asked for excuses and dies half-way; the excuse waits until the judgement is done."""
    with pytest.raises(Crash):
        await bench.judge(dying(bench.store, "close_judgement")).step()
    excuse = await bench.excuse("64.02")
    await until_idle(bench.excusing().step)
    waiting = await ExcuseStore(bench.store.database).unapplied()
    assert [e["_id"] for e in waiting] == [excuse["_id"]]
    await until_idle(bench.judge().step, bench.excusing().step)
    assert (await bench.verdicts())["64.02"] == ["missing", "excused"]
    assert await ExcuseStore(bench.store.database).unapplied() == []


async def test_dies_while_excusing(bench: Bench) -> None:
    """Whoever comes next excuses the rest, and nobody twice."""
    await bench.judge().step()
    await bench.excuse("64")
    with pytest.raises(Crash):
        await bench.excusing(dying(bench.store, "update_all")).step()
    await until_idle(bench.excusing().step, bench.excusing().step)
    assert set(map(tuple, (await bench.verdicts()).values())) == {("missing", "excused")}


async def test_withdrawn_after_the_judgement_under_an_excuse(bench: Bench) -> None:
    """It had reported when it was judged, and was not asked about: still it is excused, not missing."""
    await bench.excuse()
    await bench.file(a_report(IN_TIME))
    await until_idle(bench.judge().step, bench.excusing().step)
    await bench.file(a_withdrawal(JUDGED_AT + timedelta(hours=1)))
    await until_idle(bench.settling().step)
    assert (await bench.verdicts())["64.72"] == ["on_time", "missing", "excused"]
    assert (await bench.alerts())[SAMARINDA] == "resolved"


async def test_ended_before_the_judgement(bench: Bench) -> None:
    """Then it holds for nothing; after the judgement the verdict stays."""
    bench.clock.fixed = JUDGED_AT - timedelta(minutes=1)
    excuse = await bench.excuse()
    other = await bench.excuse("64.02")
    store = ExcuseStore(bench.store.database)
    await store.end(excuse["_id"], "budi", bench.clock.fixed)
    bench.clock.fixed = JUDGED_AT
    await until_idle(bench.judge().step, bench.excusing().step)
    await store.end(other["_id"], "budi", JUDGED_AT + timedelta(hours=1))
    await until_idle(bench.judge().step, bench.excusing().step)
    assert await bench.verdicts() == {"64.02": ["excused"], "64.71": ["missing"], "64.72": ["missing"]}


Say = Callable[..., Awaitable[Answer]]


@pytest.fixture
async def say(bench: Bench) -> Say:
    """Calls `/v1/excuses` with a key by its name and a body."""
    holders = bench.store.database[COLLECTION]
    for key, role in {"viewer": Role.VIEWER, "operator": Role.OPERATOR}.items():
        await holders.insert_one(a_holder_document(key, Grant(key, role=role)))

    @asynccontextmanager
    async def lifespan(_app: Any) -> Any:
        yield

    app = make_app("test", lifespan, {}, Metrics("test"), lambda: b"{}")
    store, access = ExcuseStore(bench.store.database), AccessStore(holders, 15)
    app.include_router(excuses_api.routes(bench.calendar, store, access, bench.now))

    async def say(method: str, path: str = "", body: Any = None, key: str = "operator", **query: str) -> Answer:
        headers = {"Authorization": f"Bearer {key}", "Accept-Language": "en", "Content-Type": "application/json"}
        raw = b"" if body is None else json.dumps(body).encode()
        return await call(app, method, f"/v1/excuses{path}", query, headers, raw)

    return say


EXCUSE = {"region": "64.72", "from": "2024-11-18", "until": "2024-11-24", "reason": "Banjir.", "id": "banjir-1"}


async def test_given_listed_and_ended(say: Say) -> None:
    """With who and why; ended it is still there; a repeat is answered as before, other content is a conflict."""
    status, _, given = await say("POST", body=EXCUSE)
    assert status == 201
    assert {name: given[name] for name in EXCUSE} == EXCUSE
    assert (given["given_by"], given["ended_at"]) == ("operator", None)
    status, _, again = await say("POST", body=EXCUSE)
    assert (status, again) == (201, given)
    assert (await say("POST", body={**EXCUSE, "reason": "Lain."}))[0] == 409
    assert (await say("GET", key="viewer", region="64"))[2]["items"] == [given]
    assert (await say("GET", key="viewer", region="64.71"))[2]["items"] == []
    status, _, ended = await say("DELETE", "/banjir-1")
    assert (status, ended["ended_by"]) == (200, "operator")
    assert ended["ended_at"] is not None
    assert (await say("GET", key="viewer"))[2]["items"] == [ended]
    assert (await say("DELETE", "/banjir-1"))[2] == ended
    assert (await say("DELETE", "/nobody"))[0] == 404


async def test_instants_are_days(say: Say) -> None:
    """Local days of the region; an id is made where none is given."""
    instants = {"from": "2024-11-18T00:00:00+08:00", "until": "2024-11-19T00:00:00+08:00"}
    status, _, given = await say("POST", body={"region": "64.72", "reason": "Banjir.", **instants})
    assert (status, given["from"], given["until"]) == (201, "2024-11-18", "2024-11-18")
    assert given["id"]


@pytest.mark.parametrize(
    ("changes", "field", "code"),
    [
        ({"reason": ""}, "reason", "text_blank"),
        ({"reason": None}, "reason", "type_text"),
        ({"until": None}, "until", "day_or_time_syntax"),
        ({"until": "2024-11-17"}, "until", "until_before_from"),
        ({"until": "2024-11-18T09:00:00"}, "until", "timezone_aware"),
        ({"until": "besok"}, "until", "day_or_time_syntax"),
        ({"until": "9999-01-01"}, "until", "time_far_off"),
        ({"region": "64.99"}, "region", "region_unknown"),
        ({"region": {"$gt": ""}}, "region", "type_text"),
        ({"id": "a b"}, "id", "slug"),
        ({"alasan": "x"}, "alasan", "extra_forbidden"),
    ],
)
async def test_refused(say: Say, changes: dict[str, Any], field: str, code: str) -> None:
    """Every wrong field is named; nothing is kept."""
    status, _, problem = await say("POST", body={**EXCUSE, **changes})
    assert status == 422, problem
    assert [(e["field"], e["code"]) for e in problem["errors"]] == [(field, code)]
    assert (await say("GET"))[2]["items"] == []


@pytest.mark.parametrize(("method", "path"), [("POST", ""), ("DELETE", "/banjir-1")])
async def test_only_an_operator(say: Say, method: str, path: str) -> None:
    """Who may look may not excuse."""
    assert (await say(method, path, EXCUSE, key="viewer"))[0] == 403
