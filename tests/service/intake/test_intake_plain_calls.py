"""A call without query parameters goes another way than the documented route, one that came whole a shorter one, and
all are answered the same."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from services.intake.calls.plain_calls import PlainCall
from services.intake.calls.short_calls import short_calls
from shared.access.keys import Grant
from shared.kafka.producer import PublishFailed
from tests.service.intake.test_intake_answers import INCIDENT, REPORT

if TYPE_CHECKING:
    from tests.service.intake.conftest import Intake

LOGISTICS = {
    "id": "l1",
    "region": "64.72",
    "item": "ballot_boxes",
    "required": 10,
    "received": 4,
    "as_of": "2024-11-18T08:00:00+08:00",
}
BODIES: dict[str, dict[str, Any]] = {
    "/v1/reports": REPORT,
    "/v1/incidents": INCIDENT,
    "/v1/logistics": LOGISTICS,
}


def test_all_of_them_are_compared(intake: Intake) -> None:
    found = {route.path for route in intake.app.routes if isinstance(route, PlainCall)}
    assert found == {target.decode() for _, target in short_calls(intake.door)} == set(BODIES)


@pytest.mark.parametrize("path", BODIES)
@pytest.mark.parametrize(
    ("key", "change", "status"),
    [
        pytest.param("everything", {}, 202, id="taken"),
        pytest.param("samarinda", {"region": "64.74"}, 403, id="of another region"),
        pytest.param("everything", {"region": "99"}, 422, id="of an unknown region"),
        pytest.param("everything", {"period": 7, "more": 1}, 422, id="with wrong fields"),
        pytest.param("nobody", {}, 401, id="by nobody we know"),
    ],
)
async def test_all_ways_answer_the_same(
    intake: Intake, path: str, key: str, change: dict[str, Any], status: int
) -> None:
    """Status, body and every header; an id of its own each, so that none is a repeat of another."""
    await intake.access.grant_of(key)
    short = await intake.post(path, {**BODIES[path], **change, "id": "a"}, key=key)
    assert intake.went_short == (status != 401)
    documented = await intake.post(f"{path}?dry_run=0", {**BODIES[path], **change, "id": "b"}, key=key)
    intake.goes_short = False
    plain = await intake.post(path, {**BODIES[path], **change, "id": "c"}, key=key)
    for answer, own_id in ((short, "a"), (documented, "b"), (plain, "c")):
        said = {**plain.body, "id": own_id} if status == 202 else plain.body
        assert (answer.status, answer.body) == (status, said)
        assert _headers(answer) == _headers(plain)
    assert len(intake.kafka.records) == (3 if status == 202 else 0)
    headers = [set(headers) for _, _, _, headers in intake.kafka.records]
    assert all(names == {"content-type", "traceparent"} for names in headers)


@pytest.mark.parametrize(
    ("make", "status"),
    [
        pytest.param("same again", 202, id="a duplicate"),
        pytest.param("other content", 409, id="a conflict"),
        pytest.param("no Kafka", 503, id="Kafka away"),
        pytest.param("too many", 429, id="beyond the rate"),
        pytest.param("a correction", 202, id="a correction"),
        pytest.param("a correction of nothing", 422, id="a correction of nothing"),
    ],
)
async def test_what_is_known_only_later_is_told_the_same(intake: Intake, make: str, status: int) -> None:
    """By the short way and by the usual one: the answer, what is counted, and what is logged of it."""
    intake.keys.give("slow", Grant("slow", "slow-desk", frozenset({"reports"}), ("*",), events_per_minute=1))
    key = "slow" if make == "too many" else "everything"
    await intake.access.grant_of(key)
    await intake.post("/v1/reports", {**REPORT, "id": "old"}, key=key)
    if make == "no Kafka":
        intake.kafka.fails_with = PublishFailed("away")
    body = {
        "same again": {**REPORT, "id": "old"},
        "other content": {**REPORT, "id": "old", "summary": "Lain."},
        "a correction": {**REPORT, "id": "new", "replaces": "old"},
        "a correction of nothing": {**REPORT, "id": "new", "replaces": "nothing"},
    }.get(make, {**REPORT, "id": "new"})
    english = {"accept-language": "en"}
    short, counted = await intake.post("/v1/reports", body, key=key, headers=english), intake.metrics.render()
    assert intake.went_short == 2
    intake.goes_short = False
    if make == "a correction":
        intake.known.documents.pop("/agencies/kaltim-desk/new")
    usual = await intake.post("/v1/reports", body, key=key, headers=english)
    assert (short.status, short.body) == (usual.status, usual.body) == (status, short.body)
    assert _headers(short) == _headers(usual)
    for name in ("desk_refused_total", "desk_accepted_total", "desk_turned_away_total"):
        assert len(_lines(counted, name)) == len(_lines(intake.metrics.render(), name))


@pytest.mark.expect_errors("unexpected")
async def test_a_defect_on_the_short_way_is_told_and_logged(intake: Intake, caplog: pytest.LogCaptureFixture) -> None:
    """500 with the id by which the log has it; the calls beside it are taken."""
    await intake.access.grant_of("everything")
    intake.kafka.fails_with = RuntimeError("broken")
    answer = await intake.post("/v1/reports", REPORT)
    assert (answer.status, intake.went_short) == (500, 1)
    assert answer.headers["x-request-id"] in answer.body["detail"]
    assert [r.msg["event"] for r in caplog.records if isinstance(r.msg, dict)] == ["unexpected"]
    intake.kafka.fails_with = None
    assert (await intake.post("/v1/reports", REPORT)).status == 202


@pytest.mark.parametrize(
    "headers",
    [
        {"idempotency-key": "h1"},
        {"content-type": "application/json;charset=UTF-8"},
        {"content-encoding": "identity"},
    ],
)
async def test_what_is_unusual_goes_the_usual_way(intake: Intake, headers: dict[str, str]) -> None:
    """And is judged there: the short way knows no rule of its own."""
    await intake.access.grant_of("everything")
    answer = await intake.post("/v1/reports", REPORT, headers=headers)
    assert intake.went_short == 0
    assert answer.status == (422 if "idempotency-key" in headers else 202)


async def test_calls_of_one_turn_are_told_apart(intake: Intake) -> None:
    """Good and bad ones of several agencies at once: each has its own answer."""
    keys = ("everything", "samarinda", "incidents-only")
    for key in keys:
        await intake.access.grant_of(key)
    bodies = [{**REPORT, "id": f"r{n}", "condition": "normal" if n % 2 else "?"} for n in range(6)]
    answers = await asyncio.gather(
        *(intake.post("/v1/reports", b, key=k) for b, k in zip(bodies, keys * 2, strict=True))
    )
    assert [a.status for a in answers] == [422, 202, 422, 202, 422, 403]
    assert intake.went_short == 6
    assert sorted(event.id for event in intake.kafka.events()) == ["r1", "r3"]


def _lines(rendered: tuple[bytes, str], name: str) -> list[str]:
    return [line for line in rendered[0].decode().splitlines() if line.startswith(name)]


def _headers(answer: Any) -> dict[str, str]:
    """What each call has of its own is there; what it is, is its own."""
    return {n: "" if n in ("date", "x-request-id") else value for n, value in answer.headers.items()}
