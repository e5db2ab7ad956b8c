"""Bodies and headers that somebody sends by mistake or on purpose."""

from __future__ import annotations

import gzip
import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest

from shared.events.report import ReportEvent

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


def raw_report(more: str) -> bytes:
    """A good report with more raw JSON members at its end."""
    return json.dumps(REPORT)[:-1].encode() + b", " + more.encode() + b"}"


BAD_JSON = [
    ("empty body", b"", "json_syntax"),
    ("blank body", b"  \n", "json_syntax"),
    ("no JSON", b"condition=normal", "json_syntax"),
    ("a second document", b"{} {}", "json_syntax"),
    ("byte order mark", b"\xef\xbb\xbf{}", "json_syntax"),
    ("raw control character in a string", b'{"id": "a\x1bb"}', "json_syntax"),
    ("array at the top", json.dumps([REPORT]).encode(), "json_object"),
    ("text at the top", b'"normal"', "json_object"),
    ("null at the top", b"null", "json_object"),
    ("bad UTF-8", b'{"summary": "\xff\xfe"}', "json_utf8"),
    ("UTF-16", json.dumps(REPORT).encode("utf-16"), "json_utf8"),
    ("surrogate as UTF-8 bytes", b'{"summary": "\xed\xa0\x80"}', "json_utf8"),
    ("NaN", raw_report('"x": NaN'), "json_number"),
    ("Infinity", raw_report('"x": Infinity'), "json_number"),
    ("minus Infinity", raw_report('"x": -Infinity'), "json_number"),
    ("1e999", raw_report('"x": 1e999'), "json_number"),
    ("integer of 30 digits", raw_report('"x": ' + "9" * 30), "json_number"),
    ("integer of 5,000 digits", raw_report('"x": ' + "9" * 5000), "json_number"),
    ("duplicate key", raw_report('"summary": "Lain."'), "json_duplicate_key"),
    ("duplicate key by escape", raw_report(r'"r\u0065gion": "64.71"'), "json_duplicate_key"),
    ("duplicate key further down", raw_report('"topics": {"a": "1", "a": "2"}'), "json_duplicate_key"),
    ("deep nesting", raw_report('"x": ' + "[" * 1000 + "]" * 1000), "json_depth"),
    ("deep objects", raw_report('"x": ' + '{"a":' * 50 + "1" + "}" * 50), "json_depth"),
    ("lone surrogate in a text", raw_report(r'"source_office": "a\ud800b"'), "json_surrogate"),
    ("lone surrogate in a key", raw_report(r'"\udfff": 1'), "json_surrogate"),
]

BAD_REPORTS: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    ("NUL", {"summary": "a\0b"}, {"summary": "text_characters"}),
    ("ESC", {"summary": "a\x1b[31mb"}, {"summary": "text_characters"}),
    ("C1 control", {"summary": "a\x9bb"}, {"summary": "text_characters"}),
    ("bidi override", {"summary": "a\u202eb"}, {"summary": "text_characters"}),
    ("bidi isolate in a section", {"topics": {"security": "a\u2066b"}}, {"topics.security": "text_characters"}),
    ("private use", {"summary": "a\ue000b"}, {"summary": "text_characters"}),
    ("noncharacter", {"summary": "a\uffffb"}, {"summary": "text_characters"}),
    ("empty text", {"summary": ""}, {"summary": "text_blank"}),
    ("blank text", {"summary": " \n\t"}, {"summary": "text_blank"}),
    ("blank by Unicode", {"summary": "\u2003\u3000"}, {"summary": "text_blank"}),
    ("too long", {"summary": "a" * 4001}, {"summary": "text_too_long"}),
    ("too long once normalised", {"source_office": "\u0958" * 200}, {"source_office": "text_too_long"}),
    ("number as text", {"summary": 1}, {"summary": "type_text"}),
    ("null in a required field", {"summary": None}, {"summary": "type_text"}),
    ("missing fields", {"summary": ..., "condition": ...}, {"summary": "missing", "condition": "missing"}),
    ("unknown field", {"sumary": "x"}, {"sumary": "extra_forbidden"}),
    ("unknown field with a trick", {"a\u202eb": 1}, {"a\ufffdb": "extra_forbidden"}),
    ("unknown condition", {"condition": "fine"}, {"condition": "enum"}),
    ("condition in capitals", {"condition": "NORMAL"}, {"condition": "enum"}),
    ("unknown region", {"region": "64.99"}, {"region": "region_unknown"}),
    ("no region code", {"region": "Samarinda"}, {"region": "region_syntax"}),
    ("Arabic digits", {"region": "\u0666\u0664"}, {"region": "region_syntax"}),
    ("region with a line break", {"region": "64.72\n"}, {"region": "region_syntax"}),
    ("region as number", {"region": 64.72}, {"region": "type_text"}),
    ("region as operator", {"region": {"$ne": ""}}, {"region": "type_text"}),
    ("id with a slash", {"id": "a/b"}, {"id": "slug"}),
    ("id with a line break", {"id": "a\n"}, {"id": "slug"}),
    ("id of dots", {"id": ".."}, {"id": "id_dots"}),
    ("empty id", {"id": ""}, {"id": "slug"}),
    ("id of 65", {"id": "a" * 65}, {"id": "slug"}),
    ("id as number", {"id": 7}, {"id": "type_text"}),
    ("replaces itself", {"replaces": "r1"}, {"replaces": "replaces_itself"}),
    ("section with a bad name", {"topics": {"a b": "x"}}, {"topics.a b": "slug"}),
    ("too many sections", {"topics": {f"s{n}": "x" for n in range(21)}}, {"topics": "too_many"}),
    ("sections as list", {"topics": ["x"]}, {"topics": "type_object"}),
    ("naive time", {"submitted_at": "2024-11-18T09:00:00"}, {"submitted_at": "timezone_aware"}),
    ("time as number", {"submitted_at": 1731891600}, {"submitted_at": "time_syntax"}),
    ("time as a number in quotes", {"submitted_at": "1731891600"}, {"submitted_at": "time_syntax"}),
    ("a date alone as time", {"submitted_at": "2024-11-18"}, {"submitted_at": "time_syntax"}),
    ("no such hour", {"submitted_at": "2024-11-18T25:00:00+08:00"}, {"submitted_at": "time_syntax"}),
    ("year 1", {"submitted_at": "0001-01-01T00:00:00+08:00"}, {"submitted_at": "time_far_off"}),
    ("year 9999", {"submitted_at": "9999-12-31T23:59:59-12:00"}, {"submitted_at": "time_far_off"}),
    ("1969 in UTC", {"submitted_at": "1970-01-01T07:59:59.999999+08:00"}, {"submitted_at": "time_far_off"}),
    ("2100 in UTC", {"submitted_at": "2099-12-31T23:00:00-01:00"}, {"submitted_at": "time_far_off"}),
    ("a Tuesday", {"period": "2024-11-19"}, {"period": "period_weekday"}),
    ("Monday after next", {"period": "2024-12-02"}, {"period": "period_future"}),
    ("period with a time", {"period": "2024-11-18T00:00:00Z"}, {"period": "date_syntax"}),
    ("period as a number in quotes", {"period": "1731888000"}, {"period": "date_syntax"}),
    ("period as number", {"period": 20241118}, {"period": "date_syntax"}),
    ("period in year 1", {"period": "0001-01-01"}, {"period": "time_far_off"}),
    ("period in year 9999", {"period": "9999-12-31"}, {"period": "time_far_off"}),
    (
        "many at once",
        {"region": "64.99", "condition": "x", "summary": " ", "period": "2024-11-19", "x": 1},
        {
            "region": "region_unknown",
            "condition": "enum",
            "summary": "text_blank",
            "period": "period_weekday",
            "x": "extra_forbidden",
        },
    ),
]

BAD_INCIDENTS: list[tuple[str, dict[str, Any], dict[str, str]]] = [
    ("unknown category", {"category": "money_politic"}, {"category": "category_unknown"}),
    ("category as list", {"category": ["x"]}, {"category": "type_text"}),
    ("future", {"occurred_at": "2024-11-18T10:10:01+08:00"}, {"occurred_at": "occurred_future"}),
    ("far future", {"occurred_at": "2099-12-31T23:59:59Z"}, {"occurred_at": "occurred_future"}),
    ("1999 in UTC", {"occurred_at": "2000-01-01T00:00:00+08:00"}, {"occurred_at": "time_far_off"}),
    ("naive", {"occurred_at": "2024-11-18T08:00:00"}, {"occurred_at": "timezone_aware"}),
    ("no time", {"occurred_at": None}, {"occurred_at": "time_syntax"}),
    ("script as evidence", {"evidence": [{"url": "javascript:alert(1)"}]}, {"evidence.0.url": "address_syntax"}),
    ("bidi in an address", {"evidence": [{"url": "https://a/\u202e"}]}, {"evidence.0.url": "text_characters"}),
    (
        "address too long once normalised",
        {"evidence": [{"url": "https://a/" + "\u0958" * 1100}]},
        {"evidence.0.url": "text_too_long"},
    ),
    ("short hash", {"evidence": [{"url": "https://a/", "sha256": "00"}]}, {"evidence.0.sha256": "other"}),
    ("unknown below", {"evidence": [{"url": "https://a/", "x": 1}]}, {"evidence.0.x": "extra_nested"}),
    ("too much evidence", {"evidence": [{"url": "https://a/"}] * 21}, {"evidence": "too_many"}),
    ("evidence as text", {"evidence": "https://a/"}, {"evidence": "type_list"}),
    ("severity as number", {"severity": 3}, {"severity": "enum"}),
    ("a report's field", {"condition": "normal"}, {"condition": "extra_forbidden"}),
]


def changed(body: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    return {k: v for k, v in {**body, **change}.items() if v is not ...}


@pytest.mark.parametrize(("raw", "code"), [c[1:] for c in BAD_JSON], ids=[c[0] for c in BAD_JSON])
async def test_bad_json_is_refused(intake: Intake, raw: bytes, code: str) -> None:
    """What is not JSON as every consumer reads it is refused with 422 and the reason, and goes nowhere."""
    answer = await intake.post("/v1/reports", raw)
    assert (answer.status, answer.wrong) == (422, {"body": code})
    assert answer.headers["content-type"] == "application/problem+json"
    assert intake.kafka.records == []


@pytest.mark.parametrize(("change", "wrong"), [c[1:] for c in BAD_REPORTS], ids=[c[0] for c in BAD_REPORTS])
async def test_bad_report_is_refused(intake: Intake, change: dict[str, Any], wrong: dict[str, str]) -> None:
    """A report with wrong fields is refused with 422, which names each of them and why."""
    answer = await intake.post("/v1/reports", changed(REPORT, change))
    assert (answer.status, answer.wrong) == (422, wrong)
    assert intake.kafka.records == []
    assert intake.known.documents == {}


@pytest.mark.parametrize(("change", "wrong"), [c[1:] for c in BAD_INCIDENTS], ids=[c[0] for c in BAD_INCIDENTS])
async def test_bad_incident_is_refused(intake: Intake, change: dict[str, Any], wrong: dict[str, str]) -> None:
    """An incident with wrong fields is refused with 422, which names each of them and why."""
    answer = await intake.post("/v1/incidents", changed(INCIDENT, change))
    assert (answer.status, answer.wrong) == (422, wrong)
    assert intake.kafka.records == []


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
        ({"content-length": "8193"}, 413),
        ({"content-length": "9" * 5000}, 413),
        ({"content-type": "application/json; charset=UTF-8"}, 202),
        ({"content-type": 'Application/JSON; charset="utf-8"'}, 202),
        ({"content-encoding": "identity"}, 202),
        ({"idempotency-key": "r1"}, 202),
        ({"idempotency-key": '"r1"'}, 202),
        ({"idempotency-key": "r2"}, 422),
        ({"idempotency-key": "r/1"}, 422),
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
    """Whoever misspells `dry_run` is told so, instead of finding the report published."""
    for query in ("dryrun=1", "dry_run=perhaps"):
        answer = await intake.post(f"/v1/reports?{query}", REPORT)
        assert answer.status == 422
    assert intake.kafka.records == []


async def test_language(intake: Intake) -> None:
    """Problems speak Indonesian unless the reader prefers English; names of weekdays too."""
    body = {**REPORT, "period": "2024-11-19"}
    ours = await intake.post("/v1/reports", body)
    theirs = await intake.post("/v1/reports", body, headers={"accept-language": "en"})
    assert ours.body["errors"][0]["problem"] == "harus hari Senin; yang terdekat 2024-11-18 dan 2024-11-25"
    assert theirs.body["errors"][0]["problem"] == "must be a Monday; the nearest are 2024-11-18 and 2024-11-25"
