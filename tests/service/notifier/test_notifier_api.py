"""The notifier's HTTP side: who may see it, what is shown, filtered and paged, what is refused."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest

from services.notifier import api
from services.notifier.delivery.delivery_store import DeliveryStore
from shared.access.keys import Grant, Kind, Role
from shared.access.store import COLLECTION, AccessStore
from shared.clock import real
from shared.events.incident_status import IncidentStatus
from shared.http.service import make_app
from shared.metrics import Metrics
from tests.builders import a_holder_document, a_report, a_status, a_withdrawal, an_incident, utc
from tests.service.notifier.asgi import Answer, call
from tests.service.notifier.conftest import Bench, receivers_of, until_told

IN_TIME = utc("2024-11-18T08:00:00Z")
DIGEST = "missing-report:2024-11-18:64@2024-11-18T18:00:00Z"
Get = Callable[..., Awaitable[Answer]]


@pytest.fixture
async def get(bench: Bench) -> Get:
    """Calls with a key by its name: `viewer`, `agency`, `revoked` ...; None for no key."""
    holders = bench.store.database[COLLECTION]
    for key, grant in {
        "viewer": Grant("ani", role=Role.VIEWER),
        "agency": Grant("desk", "desk", frozenset({Kind.REPORTS.value}), ("*",)),
        "revoked": Grant("old", role=Role.ADMIN, is_revoked=True),
        "expired": Grant("late", role=Role.ADMIN, expires_at=real() - timedelta(seconds=1)),
        "operator": Grant("budi", role=Role.OPERATOR),
        "admin": Grant("citra", role=Role.ADMIN),
    }.items():
        await holders.insert_one(a_holder_document(key, grant))
    access = AccessStore(holders, 15)

    @asynccontextmanager
    async def lifespan(_app: Any) -> Any:
        yield

    app = make_app("test", lifespan, {}, Metrics("test"), lambda: b"{}")
    app.include_router(api.routes(bench.calendar, bench.store, DeliveryStore(bench.store.database), access))

    async def get(
        path: str, key: str | None = "viewer", method: str = "GET", language: str = "en", **query: str
    ) -> Answer:
        headers = {"Accept-Language": language} | ({"Authorization": f"Bearer {key}"} if key else {})
        return await call(app, method, path, query, headers)

    return get


async def violate(bench: Bench, event_id: str, region: str = "64.72") -> None:
    await bench.file(an_incident(utc("2024-11-25T02:00Z"), region=region, event_id=event_id))


@pytest.fixture
async def judged(bench: Bench) -> Bench:
    """Samarinda reported, two regencies are missing, two violations, all of it planned for one receiver."""
    await bench.file(a_report(IN_TIME, region="64.72"))
    await bench.judge().step()
    await violate(bench, "i1", "64.72.01")
    await violate(bench, "i2", "64.02")
    await until_told(bench.planning(receivers_of({"name": "hook"})), bench.settling().step)
    return bench


def ids(answer: Answer) -> list[str]:
    assert answer[0] == 200, answer
    return [item["id"] for item in answer[2]["items"]]


MISSING = ["missing-report:2024-11-18:64.02", "missing-report:2024-11-18:64.71"]
VIOLATIONS = ["quiet-period-violation:bawaslu:i1", "quiet-period-violation:bawaslu:i2"]


@pytest.mark.parametrize("key", ["viewer", "operator", "admin"])
async def test_who_may_see_it(judged: Bench, get: Get, key: str) -> None:
    """Every list there is, for people of every role."""
    for path in ("/v1/alerts", f"/v1/alerts/{MISSING[0]}", "/v1/deliveries", "/v1/obligations"):
        query = {"period": "2024-11-18"} if path == "/v1/obligations" else {}
        assert (await get(path, key, **query))[0] == 200, path


@pytest.mark.parametrize("path", ["/v1/alerts", f"/v1/alerts/{MISSING[0]}", "/v1/deliveries", "/v1/obligations"])
@pytest.mark.parametrize(
    ("key", "status"), [(None, 401), ("unknown", 401), ("revoked", 401), ("expired", 401), ("agency", 403)]
)
async def test_who_may_not_see_it(judged: Bench, get: Get, path: str, key: str | None, status: int) -> None:
    """No key, a wrong one or an ended one is 401; an agency's key is 403: this is for people."""
    answered, headers, problem = await get(path, key, period="2024-11-18")
    assert (answered, problem["status"]) == (status, status)
    assert headers["content-type"] == "application/problem+json"
    assert ("www-authenticate" in headers) is (status == 401)
    assert "missing-report" not in json.dumps(problem)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({}, MISSING + VIOLATIONS),
        ({"rule": "missing-report"}, MISSING),
        ({"rule": "quiet-period-violation"}, VIOLATIONS),
        ({"rule": "cannot-evaluate"}, []),
        ({"state": "firing"}, MISSING + VIOLATIONS),
        ({"state": "resolved"}, []),
        ({"region": "64"}, MISSING + VIOLATIONS),
        ({"region": "64.02"}, [MISSING[0], VIOLATIONS[1]]),
        ({"region": "64.72"}, [VIOLATIONS[0]]),  # everything below it too
        ({"region": "64.72.01"}, [VIOLATIONS[0]]),
        ({"region": "64.7"}, None),
        ({"region": "63"}, []),
        ({"period": "2024-11-18"}, MISSING),
        ({"period": "2024-11-25"}, []),
        ({"period": "2024-11-18", "region": "64.71", "rule": "missing-report", "state": "firing"}, [MISSING[1]]),
        ({"state": "burning"}, None),
        ({"rule": "no-such-rule"}, None),
        ({"rule": "$ne"}, None),
        ({"region": ".*"}, None),
        ({"period": "18-11-2024"}, None),
        ({"limit": "0"}, None),
        ({"limit": "1001"}, None),
        ({"limit": "x"}, None),
        ({"cursor": "*"}, None),
        ({"cursor": "_w"}, None),
        ({"stat": "resolved"}, None),
        ({"period": "1731888000"}, None),
        ({"period": "20241118"}, None),
        ({"period": "1724-11-18"}, None),
    ],
)
async def test_filters(judged: Bench, get: Get, query: dict[str, str], expected: list[str] | None) -> None:
    """Filters narrow, together too; what is no valid parameter is a 422 that names it."""
    answer = await get("/v1/alerts", **query)
    if expected is None:
        assert answer[0] == 422
        assert [e["field"] for e in answer[2]["errors"]] == list(query)
    else:
        assert ids(answer) == expected


@pytest.mark.parametrize(
    ("path", "query", "field", "problem"),
    [
        ("/v1/alerts", {"stat": "resolved"}, "stat", "parameter tidak dikenal"),
        ("/v1/deliveries", {"states": "dead"}, "states", "parameter tidak dikenal"),
        ("/v1/deliveries", {"region": "64"}, "region", "parameter tidak dikenal"),
        ("/v1/obligations", {"period": "2024-11-18", "day": "1"}, "day", "parameter tidak dikenal"),
        ("/v1/obligations", {"period": "1731888000"}, "period", "harus tanggal, misalnya 2024-11-18"),
        ("/v1/obligations", {}, "period", "wajib diisi"),
        ("/v1/alerts", {"period": "18-11-2024"}, "period", "harus tanggal, misalnya 2024-11-18"),
        (
            "/v1/alerts",
            {"region": "64.*"},
            "region",
            "harus kode wilayah dengan titik, "
            "misalnya 64.72 (kota), 64.72.01 (kecamatan), atau 64.72.01.1001 (kelurahan)",
        ),
        (
            "/v1/obligations",
            {"period": "2024-11-19"},
            "period",
            "tidak ada yang wajib melapor untuk tanggal ini; yang dinilai 2024-11-18 sampai 2024-11-18",
        ),
    ],
)
async def test_what_is_wrong_is_said_in_indonesian(
    bench: Bench, get: Get, path: str, query: dict[str, str], field: str, problem: str
) -> None:
    """A misspelt name never gives an unfiltered list, and a number is no day; no English in an Indonesian answer."""
    status, _, answer = await get(path, language="id", **query)
    assert status == 422
    assert [(e["field"], e["problem"]) for e in answer["errors"]] == [(field, problem)]


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5])
async def test_paging(judged: Bench, get: Get, limit: int) -> None:
    """Page by page everything is seen once, in order; the last page has no next."""
    seen, cursor = list[str](), dict[str, str]()
    for _ in range(10):
        answer = await get("/v1/alerts", limit=str(limit), **cursor)
        assert len(ids(answer)) <= limit
        seen += ids(answer)
        if answer[2]["next"] is None:
            break
        cursor = {"cursor": answer[2]["next"]}
    assert seen == MISSING + VIOLATIONS


async def test_one_alert_with_its_deliveries(judged: Bench, get: Get) -> None:
    """An alert shows its history and each delivery that told of it, with every attempt."""
    deliveries = DeliveryStore(judged.store.database)
    claimed = await deliveries.claim("hook", "me", 30)
    assert claimed is not None
    await deliveries.record_attempt(claimed, {"outcome": "failed", "status": 503}, "pending", 1)
    status, _, alert = await get(f"/v1/alerts/{MISSING[0]}")
    assert status == 200
    assert (alert["rule"], alert["region"], alert["period"], alert["state"]) == (
        "missing-report",
        "64.02",
        "2024-11-18",
        "firing",
    )
    assert [h["what"] for h in alert["history"]] == ["raised"]
    (delivery,) = alert["deliveries"]
    assert (delivery["id"], delivery["receiver"], delivery["alerts"]) == (f"{DIGEST}|hook", "hook", MISSING)
    assert not {"unpublished", "rev", "cursors", "to_notice"} & set(alert)
    _, _, listed = await get("/v1/deliveries")
    attempts = {d["id"]: [a["status"] for a in d["attempts"]] for d in listed["items"]}
    assert attempts[claimed["_id"]] == [503]


@pytest.mark.parametrize("alert_id", ["missing-report:2024-11-18:64.72", "x", "$where"])
async def test_no_such_alert(judged: Bench, get: Get, alert_id: str) -> None:
    """404, naming what there is not."""
    status, _, problem = await get(f"/v1/alerts/{alert_id}")
    assert (status, problem["detail"]) == (404, f"There is no `{alert_id}`.")


@pytest.mark.parametrize(
    ("query", "count"), [({}, 3), ({"state": "pending"}, 3), ({"state": "dead"}, 0), ({"state": "lost"}, None)]
)
async def test_deliveries(judged: Bench, get: Get, query: dict[str, str], count: int | None) -> None:
    """Deliveries by state, without their payloads."""
    answer = await get("/v1/deliveries", **query)
    if count is None:
        assert answer[0] == 422
        return
    assert len(ids(answer)) == count
    assert all("payload" not in d for d in answer[2]["items"])


async def test_pages_of_deliveries(judged: Bench, get: Get) -> None:
    """Deliveries are paged the same way."""
    first = await get("/v1/deliveries", limit="2")
    second = await get("/v1/deliveries", limit="2", cursor=first[2]["next"])
    assert len(set(ids(first) + ids(second))) == 3
    assert second[2]["next"] is None


async def test_obligations(judged: Bench, get: Get) -> None:
    """Who owes the report of a period, by name, with every verdict so far."""
    _, _, found = await get("/v1/obligations", period="2024-11-18")
    assert [(o["region"], o["name"], o["verdict"]) for o in found["items"]] == [
        ("64.02", "Kabupaten Kutai Kartanegara", "missing"),
        ("64.71", "Kota Balikpapan", "missing"),
        ("64.72", "Kota Samarinda", "on_time"),
    ]
    samarinda = found["items"][2]
    assert [v["reason"] for v in samarinda["verdicts"]] == ["received_in_time"]
    assert samarinda["verdict_text"] == {"id": "Tepat waktu", "en": "On time"}
    assert samarinda["reason"] == "received_in_time"
    assert samarinda["reason_text"] == {"id": "diterima sebelum tenggat", "en": "received before it was due"}
    assert found["items"][0]["reason_text"] == {"id": "tidak ada laporan", "en": "no report was received"}
    assert (samarinda["due_at"], samarinda["judge_at"]) == ("2024-11-18T16:00:00+00:00", "2024-11-18T18:00:00+00:00")
    page = await get("/v1/obligations", period="2024-11-18", limit="2")
    rest = await get("/v1/obligations", period="2024-11-18", limit="2", cursor=page[2]["next"])
    assert [o["region"] for p in (page, rest) for o in p[2]["items"]] == ["64.02", "64.71", "64.72"]


async def test_obligations_of_who_withdrew(judged: Bench, get: Get) -> None:
    """Pending again, with whose withdrawal it was, when and why; nothing of our own marks."""
    await judged.file(a_withdrawal(IN_TIME + timedelta(hours=1)))
    _, _, found = await get("/v1/obligations", period="2024-11-18")
    samarinda = found["items"][2]
    assert (samarinda["verdict"], samarinda["reason"]) == ("pending", "report_withdrawn")
    assert samarinda["reason_text"]["en"] == "its report was withdrawn, there is no other"
    before, after = samarinda["verdicts"]
    assert (before["verdict"], before["withdrawal"]) == ("on_time", None)
    assert after == {
        "revision": 2,
        "verdict": "pending",
        "reason": "report_withdrawn",
        "judged_at": "2024-11-18T09:00:00+00:00",
        "report": None,
        "received_at": None,
        "excuse": None,
        "withdrawal": {
            "agency": "samarinda-desk",
            "report": "r1",
            "id": "w1",
            "received_at": "2024-11-18T09:00:00+00:00",
            "reason": "Salah wilayah.",
        },
    }


async def test_words_on_an_unknown_incident_are_no_alert(judged: Bench, get: Get) -> None:
    """They wait for their incident, and nobody sees them."""
    await judged.file(a_status(IN_TIME, IncidentStatus.DISMISSED, incident_id="unknown"))
    assert ids(await get("/v1/alerts")) == MISSING + VIOLATIONS
    assert (await get("/v1/alerts/quiet-period-violation:bawaslu:unknown"))[0] == 404
    await judged.file(a_status(utc("2024-11-28T02:00Z"), IncidentStatus.DISMISSED, region="64.02", incident_id="i2"))
    assert ids(await get("/v1/alerts", state="resolved")) == [VIOLATIONS[1]]


async def test_obligations_before_anything_happened(bench: Bench, get: Get) -> None:
    """Everyone is pending until there is a verdict."""
    _, _, found = await get("/v1/obligations", period="2024-11-18")
    assert {o["verdict"] for o in found["items"]} == {"pending"}
    assert found["items"][0]["verdict_text"] == {"id": "Ditunggu", "en": "Pending"}
    assert found["items"][0]["reason"] is found["items"][0]["reason_text"] is None


@pytest.mark.parametrize("query", [{}, {"period": "2024-11-19"}, {"period": "2030-01-07"}, {"period": "x"}])
async def test_obligations_of_no_period(judged: Bench, get: Get, query: dict[str, str]) -> None:
    """A day for which nobody owes a report is a 422, as is none at all."""
    status, _, problem = await get("/v1/obligations", **query)
    assert status == 422
    assert [e["field"] for e in problem["errors"]] == ["period"]


@pytest.mark.parametrize(("path", "method", "status"), [("/v1/nothing", "GET", 404), ("/v1/alerts", "PUT", 405)])
async def test_other_addresses_and_methods(bench: Bench, get: Get, path: str, method: str, status: int) -> None:
    """Errors of the framework leave as problems too."""
    answered, headers, problem = await get(path, method=method)
    assert (answered, problem["status"]) == (status, status)
    assert headers["content-type"] == "application/problem+json"
