"""Bodies and headers that somebody sends by mistake or on purpose."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

import bson
import pytest

from services.intake.submissions import KINDS
from shared.events.codec import decode, encode
from shared.events.report import ReportEvent
from tests.service.intake.hostile_bodies import (
    COMMON_FIELDS,
    NOT_OUR_JSON,
    NOW,
    NUMBERS_AND_KEYS,
    PATHS,
    REPORTED,
    TEXTS,
    TIMES,
    Row,
)
from tests.service.intake.hostile_kinds import ODD_BUT_GOOD, OF_ONE_KIND

if TYPE_CHECKING:
    from tests.service.intake.conftest import Intake

REPORT = {"id": "r1", "region": "64.72", "condition": "normal", "summary": "Aman."}
INCIDENT = {
    "id": "i1",
    "region": "64.72.01",
    "category": "money_politics",
    "occurred_at": "2024-11-18T08:00:00+08:00",
    "description": "Amplop dibagikan.",
}
HOSTILE = (*NOT_OUR_JSON, *NUMBERS_AND_KEYS, *COMMON_FIELDS, *TEXTS, *TIMES, *OF_ONE_KIND)


def over_all_kinds(rows: Iterable[Row]) -> list[Any]:
    return [pytest.param(k, row, id=f"{k}: {row.name}") for row in rows for k in KINDS if row.concerns(k)]


@pytest.fixture
async def on_monday(lasting_intake: Intake) -> Intake:
    """An intake on the Monday of the tables, which knows nothing but the report that they withdraw."""
    lasting_intake.clock.set(NOW)
    lasting_intake.known.documents.clear()
    answer = await lasting_intake.post("/v1/reports", REPORTED)
    assert answer.status == 202
    lasting_intake.kafka.records.clear()
    return lasting_intake


def test_there_are_enough_hostile_bodies() -> None:
    """At least sixty for each kind; each row concerns some kind, and no two are called the same."""
    for kind in KINDS:
        assert sum(row.concerns(kind) for row in HOSTILE) >= 60, kind
    assert all(any(map(row.concerns, KINDS)) for row in (*HOSTILE, *ODD_BUT_GOOD))
    names = [row.name for row in (*HOSTILE, *ODD_BUT_GOOD)]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize(("kind", "row"), over_all_kinds(HOSTILE))
async def test_hostile_body_is_refused(on_monday: Intake, kind: str, row: Row) -> None:
    """422 in both languages, every wrong field named with its reason and no other; nothing is published or kept."""
    answer = await on_monday.post(PATHS[kind], row.bytes_for(kind))
    in_english = await on_monday.post(PATHS[kind], row.bytes_for(kind), headers={"accept-language": "en"})
    assert (answer.status, answer.wrong) == (422, row.wrong_for(kind))
    assert (in_english.status, in_english.wrong) == (422, answer.wrong)
    assert answer.headers["content-type"] == "application/problem+json"
    assert len(answer.body["errors"]) == len(answer.wrong)
    for ours, theirs in zip(answer.body["errors"], in_english.body["errors"], strict=True):
        assert ours["problem"] != theirs["problem"]
    assert on_monday.kafka.records == []
    assert [d["_id"] for d in on_monday.known.documents.values()] == [f"/agencies/kaltim-desk/{REPORTED['id']}"]


@pytest.mark.parametrize(("kind", "row"), over_all_kinds(ODD_BUT_GOOD))
async def test_odd_body_is_taken_and_can_be_counted(on_monday: Intake, kind: str, row: Row) -> None:
    """What is answered 202 is read back from its record without loss, and survives BSON and JSON."""
    answer = await on_monday.post(PATHS[kind], row.bytes_for(kind))
    assert answer.status == 202, answer.body
    [(topic, _, value, _)] = on_monday.kafka.records
    event = decode(topic, value)
    assert encode(event) == value
    plain = event.model_dump(mode="json")
    assert bson.decode(bson.encode(plain)) == json.loads(json.dumps(plain)) == plain


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "text/plain"}, 415),
        ({"content-type": ""}, 415),
        ({"content-type": "application/x-www-form-urlencoded"}, 415),
        ({"content-type": "application/cloudevents+json"}, 415),
        ({"content-type": "application/json, application/json"}, 415),
        ({"content-type": "application/json; charset=latin-1"}, 415),
        ({"content-type": "application/json; charset=utf-16"}, 415),
        ({"content-encoding": "gzip"}, 415),
        ({"content-encoding": "br"}, 415),
        ({"content-encoding": "identity, gzip"}, 415),
        ({"content-encoding": "GZIP"}, 415),
        ({"content-type": 'application/json; a="' + ";" * 4_000}, 202),
        ({"content-type": "application/json; charset"}, 415),
        ({"content-type": "application/json-patch+json"}, 415),
        ({"content-length": "8193"}, 413),
        ({"content-length": "9" * 5000}, 413),
        ({"content-type": "application/json; charset=UTF-8"}, 202),
        ({"content-type": 'Application/JSON; charset="utf-8"'}, 202),
        ({"content-encoding": "identity"}, 202),
        ({"idempotency-key": "r1"}, 202),
        ({"idempotency-key": '"r1"'}, 202),
        ({"idempotency-key": "r2"}, 422),
        ({"idempotency-key": "r/1"}, 422),
        ({"idempotency-key": ""}, 422),
        ({"idempotency-key": "..".ljust(64, ".")}, 422),
        ({"idempotency-key": "r1" * 2_000}, 422),
    ],
)
async def test_headers(intake: Intake, headers: dict[str, str], status: int) -> None:
    """Only plain JSON in UTF-8 of bounded size is read."""
    answer = await intake.post("/v1/reports", REPORT, headers=headers)
    assert answer.status == status
    assert len(intake.kafka.records) == (status == 202)


@pytest.mark.parametrize(
    "submitted_at",
    [
        "1970-01-01T00:00:00Z",
        "2000-01-01T00:00:00+08:00",
        "2024-09-01T00:00:00+08:00",
        "2024-11-18T10:11:00+08:00",
        "2024-11-19T11:00:00+08:00",
        "2099-12-31T23:59:59Z",
    ],
)
async def test_wrong_clock_loses_no_report(intake: Intake, submitted_at: str) -> None:
    """A report from a device whose clock is plainly wrong is accepted, as of its receipt; what it showed is kept."""
    answer = await intake.post("/v1/reports", {**REPORT, "submitted_at": submitted_at})
    assert (answer.status, answer.body["period"]) == (202, "2024-11-18")
    [event] = intake.kafka.events()
    assert isinstance(event, ReportEvent)
    assert event.data.submitted_at == datetime.fromisoformat(submitted_at)
    assert event.time == event.receivedat == intake.clock.now()


async def test_compressed_body_without_saying_so(intake: Intake) -> None:
    """Compressed bytes that call themselves JSON are no UTF-8."""
    answer = await intake.post("/v1/reports", gzip.compress(json.dumps(REPORT).encode()))
    assert (answer.status, answer.wrong) == (422, {"body": "json_utf8"})


async def test_chunked_body_over_the_limit(intake: Intake) -> None:
    """A body that announces no length is cut off at the limit, not read to its end."""
    headers = {"content-type": "application/json", "authorization": "Bearer everything"}
    answer = await intake.call("POST", "/v1/reports", [b" " * 1000] * 20, headers)
    assert answer.status == 413
    assert "8192" in answer.body["detail"]


async def test_chunked_body_within_the_limit(intake: Intake) -> None:
    """A body in pieces, cut inside a character, is one body."""
    raw = json.dumps({**REPORT, "summary": "Aman \u2714"}, ensure_ascii=False).encode()
    headers = {"content-type": "application/json", "authorization": "Bearer everything"}
    cut = raw.index(b"\xe2") + 1
    answer = await intake.call("POST", "/v1/reports", [raw[:cut], raw[cut:]], headers)
    assert answer.status == 202


async def test_client_that_leaves(intake: Intake) -> None:
    """A client that leaves in the middle of its body publishes nothing and is no error of ours."""
    headers = {"content-type": "application/json", "authorization": "Bearer everything"}
    answer = await intake.call("POST", "/v1/reports", [], headers)
    assert answer.status == 400
    assert intake.kafka.records == []


async def test_answer_to_thousands_of_wrong_fields_is_bounded(intake: Intake) -> None:
    """A body of nothing but unknown fields is not answered with something much larger than itself."""
    answer = await intake.post("/v1/reports", {f"{n:x}": 0 for n in range(600)})
    assert answer.status == 422
    assert len(answer.body["errors"]) == 100


@pytest.mark.parametrize(
    ("key", "path", "region", "status"),
    [
        (None, "/v1/reports", "64.72", 401),
        ("unknown", "/v1/reports", "64.72", 401),
        ("revoked", "/v1/reports", "64.72", 401),
        ("x" * 300, "/v1/reports", "64.72", 401),
        ("samarinda", "/v1/reports", "64.72", 202),
        ("samarinda", "/v1/reports", "64.72.01.1001", 202),
        ("samarinda", "/v1/reports", "64.71", 403),
        ("samarinda", "/v1/reports", "64", 403),
        ("incidents-only", "/v1/reports", "64.72", 403),
        ("incidents-only", "/v1/incidents", "64.72", 202),
    ],
)
async def test_scopes(intake: Intake, key: str | None, path: str, region: str, status: int) -> None:
    """A key sends its kinds for its regions and what is below them, and nothing else."""
    body = {**(REPORT if path == "/v1/reports" else INCIDENT), "region": region}
    answer = await intake.post(path, body, key=key)
    assert answer.status == status
    assert ("www-authenticate" in answer.headers) == (status == 401)
    assert len(intake.kafka.records) == (status == 202)


async def test_order_of_the_checks(intake: Intake) -> None:
    """Each check comes after the one whose answer tells a stranger less: 401, 415, 413, 422, 403."""
    bad = {**REPORT, "region": "64.71", "summary": "", "x": "a" * 9000}
    plain = {"content-type": "text/plain"}
    statuses = [
        (await intake.post("/v1/reports", bad, key=None, headers=plain)).status,
        (await intake.post("/v1/reports", bad, key="samarinda", headers=plain)).status,
        (await intake.post("/v1/reports", bad, key="samarinda")).status,
        (await intake.post("/v1/reports", {**bad, "x": ""}, key="samarinda")).status,
        (await intake.post("/v1/reports", {**REPORT, "region": "64.71"}, key="samarinda")).status,
    ]
    assert statuses == [401, 415, 413, 422, 403]


async def test_misspelled_query_parameter_publishes_nothing(intake: Intake) -> None:
    """Whoever misspells `dry_run`, or says it twice, is told so, instead of finding the report published."""
    for query in ("dryrun=1", "dry_run=perhaps", "dry_run=1&dry_run=0", "dry_run=1&dry_run=1"):
        answer = await intake.post(f"/v1/reports?{query}", REPORT)
        batch = await intake.post(f"/v1/batch?{query}", REPORT, headers={"content-type": "application/x-ndjson"})
        assert (answer.status, batch.status) == (422, 422)
    assert intake.kafka.records == []


async def test_language(intake: Intake) -> None:
    """Problems speak Indonesian unless the reader prefers English; names of weekdays too."""
    body = {**REPORT, "period": "2024-11-19"}
    ours = await intake.post("/v1/reports", body)
    theirs = await intake.post("/v1/reports", body, headers={"accept-language": "en"})
    assert ours.body["errors"][0]["problem"] == "harus hari Senin; yang terdekat 2024-11-18 dan 2024-11-25"
    assert theirs.body["errors"][0]["problem"] == "must be a Monday; the nearest are 2024-11-18 and 2024-11-25"
