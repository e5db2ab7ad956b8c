"""`POST /v1/batch` and the templates: what each line is answered, and what keeps a batch within its bounds."""

from __future__ import annotations

import asyncio
import json
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from services.intake.accepting.places import Places
from services.intake.batch.columns import COLUMNS
from services.intake.batch.ndjson import Ndjson
from services.intake.batch.templates import template
from services.intake.batch.upload import UploadLimits
from services.intake.examples import EXAMPLES, IN_PATH
from services.intake.submissions import KINDS
from services.intake.submissions.body import Body
from shared.access.keys import Grant, Kind, Role
from shared.election.calendar import Calendar
from shared.events.report import ReportEvent
from shared.events.withdrawal import WithdrawalEvent
from shared.kafka.producer import PublishFailed
from tests.service.intake import conftest
from tests.service.intake.conftest import BODY_LIMIT, Answer, Intake
from tests.service.intake.exchange import Exchange, until
from tests.tasks import running_tasks

NDJSON, CSV = "application/x-ndjson", "text/csv"
REPORT: dict[str, Any] = {"kind": "report", "region": "64.72", "condition": "normal", "summary": "Aman."}
INCIDENT: dict[str, Any] = {
    "kind": "incident",
    "region": "64.72",
    "category": "other",
    "occurred_at": "2024-11-25T08:00:00+08:00",
    "description": "Baliho roboh.",
}
PAGE = (Path(__file__).resolve().parents[3] / "docs" / "batches.md").read_text(encoding="utf-8")
LIMITS = UploadLimits(most_lines=1_000, most_bytes=512 * 1024)


def an_intake(calendar: Calendar, limits: UploadLimits = LIMITS, key: str = "all") -> Intake:
    """With room for what an agency may have under way at once, as a real one has."""
    made = Intake(calendar, places=Places(), uploads=limits)
    made.clock.set("2024-11-25T12:00:00+08:00")  # when all examples have happened
    everything = frozenset(kind.value for kind in Kind)
    made.keys.give(key, Grant(key, "kaltim-desk", everything, ("*",)))
    made.keys.give("other", Grant("other", "berau-desk", everything, ("*",)))
    made.keys.give("samarinda", Grant("samarinda", "samarinda-desk", frozenset({Kind.REPORTS.value}), ("64.72",)))
    made.keys.give("person", Grant("siti", role=Role.ADMIN))
    return made


@pytest.fixture
def desk(calendar: Calendar) -> Intake:
    return an_intake(calendar)


def ndjson(*lines: dict[str, Any] | bytes) -> bytes:
    return b"".join((one if isinstance(one, bytes) else json.dumps(one).encode()) + b"\n" for one in lines)


async def post(
    desk: Intake, raw: bytes, query: str = "", media_type: str = NDJSON, key: str = "all", **headers: str
) -> Answer:
    sent = {
        "content-type": media_type,
        "accept-language": "en",
        **{k.replace("_", "-"): v for k, v in headers.items()},
    }
    return await desk.post(f"/v1/batch?{query}" if query else "/v1/batch", raw, key, sent)


async def results(desk: Intake, *lines: dict[str, Any] | bytes, **how: Any) -> list[dict[str, Any]]:
    answer = await post(desk, ndjson(*lines), **how)
    assert answer.status == 200
    assert answer.headers["content-type"] == NDJSON
    return [json.loads(line) for line in answer.raw.splitlines()]


def statuses(found: list[dict[str, Any]]) -> list[tuple[int, int]]:
    return [(one["line"], one["status"]) for one in found]


async def test_each_line_is_answered_as_its_own_call(desk: Intake) -> None:
    """In order, with its number; what is wrong is said as in a problem, and everything else is taken."""
    lines: list[dict[str, Any] | bytes] = [
        {**REPORT, "id": "r1"},
        b"",
        {**REPORT, "region": "64.99"},
        b"nonsense",
        {**INCIDENT, "id": "i1"},
        {**REPORT, "kind": "laporan"},
        {**REPORT, "id": "r1", "summary": "Lain."},
        {**REPORT, "id": "r1"},
        {**REPORT, "summary": "x" * BODY_LIMIT},
        {**REPORT, "id": "r2"},
    ]
    found = await results(desk, *lines)
    assert statuses(found) == [
        (1, 202),
        (3, 422),
        (4, 422),
        (5, 202),
        (6, 422),
        (7, 409),
        (8, 202),
        (9, 413),
        (10, 202),
    ]
    period = "2024-11-25"
    accepted = {"type": "desk.report.v1", "region": "64.72", "period": period, "line": 1, "status": 202}
    assert found[0] == {**accepted, "id": "r1", "duplicate": False}
    assert found[6] == {**accepted, "id": "r1", "duplicate": True, "line": 8}
    assert found[1]["problem"]["type"] == "urn:desk-pilkada:problem:invalid"
    assert found[1]["problem"]["errors"][0]["field"] == "region"
    assert found[4]["problem"]["errors"][0]["field"] == "kind"
    assert Counter(event.id for event in desk.kafka.events()) == {"r1": 2, "i1": 1, "r2": 1}


@pytest.mark.parametrize("kind", KINDS)
async def test_every_kind_goes_as_by_its_own_call(desk: Intake, kind: str) -> None:
    """What is published of a line is what is published of the call, but for the moment and the trace."""
    sent = max((example["value"] for example in EXAMPLES[kind].values()), key=len)
    path = IN_PATH.get(kind, {})
    calls = {
        "report": "/v1/reports",
        "withdrawal": f"/v1/reports/{path.get('report')}/withdraw",
        "incident": "/v1/incidents",
        "incident_status": f"/v1/incidents/{path.get('incident_agency')}/{path.get('incident_id')}/status",
        "logistics": "/v1/logistics",
    }
    assert (await desk.post(calls[kind], sent, "all")).status == 202
    (line,) = await results(desk, {**sent, **path, "kind": kind})
    assert (line["status"], line["duplicate"]) == (202, True)
    alone, in_batch = desk.kafka.records
    assert (alone[:2], json.loads(alone[2])) == (in_batch[:2], json.loads(in_batch[2]))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("query", ["", "example=0&separator=comma"])
async def test_templates_can_be_downloaded_without_a_key(desk: Intake, kind: str, query: str) -> None:
    """As a file with a name, and a header line alone."""
    answer = await desk.call("GET", f"/v1/templates/{kind}.csv?{query}")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == f'attachment; filename="desk-{kind}.csv"'
    assert answer.raw == template(kind, "comma" if query else "semicolon", False)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("separator", ["semicolon", "comma"])
async def test_a_template_with_its_example_is_accepted(desk: Intake, kind: str, separator: str) -> None:
    """What we hand out, we take."""
    file = await desk.call("GET", f"/v1/templates/{kind}.csv?example=1&separator={separator}")
    answer = await post(desk, file.raw, media_type=CSV)
    (line,) = [json.loads(one) for one in answer.raw.splitlines()]
    assert (line["line"], line["status"], line["duplicate"]) == (2, 202, False)


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/v1/templates/laporan.csv", 404, "report, withdrawal, incident, incident_status, logistics"),
        ("/v1/templates/report.csv?seperator=comma", 422, "seperator"),
        ("/v1/templates/report.csv?separator=tab", 422, "semicolon"),
    ],
)
async def test_templates_that_are_not_there(desk: Intake, path: str, status: int, said: str) -> None:
    """The answer says which there are."""
    answer = await desk.call("GET", path)
    assert answer.status == status
    assert said in answer.raw.decode()


async def test_csv_and_json_are_one(desk: Intake) -> None:
    """The same content under the same id, first as JSON, then as a row: a duplicate."""
    (first,) = await results(desk, {**INCIDENT, "id": "i1", "evidence": [{"url": "https://x.id/1"}]})
    rows = (
        "id;region;category;occurred_at;description;evidence_url\r\n"
        "i1;6472;other;2024-11-25T08:00:00+08:00;Baliho roboh.;https://x.id/1\r\n"
    )
    answer = await post(desk, rows.encode(), "kind=incident", CSV)
    assert json.loads(answer.raw) == {**first, "line": 2, "duplicate": True}


async def test_wrong_cells_are_named_by_their_column(desk: Intake) -> None:
    """In the reader's language."""
    rows = "kind;region;item;required;received;as_of\nlogistics;64.72;ink;1.214;0;kemarin\n"
    for language, word in (("id", "bilangan bulat"), ("en", "whole number")):
        answer = await post(desk, rows.encode(), media_type=CSV, accept_language=language)
        errors = json.loads(answer.raw)["problem"]["errors"]
        assert [error["field"] for error in errors] == ["required", "as_of"]
        assert word in errors[0]["problem"]
        assert answer.headers["content-language"] == language


@pytest.mark.parametrize(
    ("raw", "query", "headers", "key", "status", "said"),
    [
        (b"{}", "", {}, "nobody", 401, "revoked"),
        (b"{}", "", {}, "person", 403, "only an agency"),
        (b"{}", "", {"content_type": "application/json"}, "all", 415, "application/x-ndjson"),
        (b"{}", "", {"content_type": "text/csv; charset=windows-1252"}, "all", 415, "UTF-8"),
        (b"{}", "", {"content_encoding": "gzip"}, "all", 415, "uncompressed"),
        (b"{}", "", {"content_length": str(LIMITS.most_bytes + 1)}, "all", 413, str(LIMITS.most_bytes)),
        (b"{}", "dryrun=1", {}, "all", 422, "dryrun"),
        (b"{}", "kind=laporan", {}, "all", 422, "incident_status"),
        (b"{}", "", {"idempotency_key": "a b"}, "all", 422, "Idempotency-Key"),
        (b"{}", "", {"idempotency_key": "a" * 55}, "all", 422, "54 "),
        (b"a;b\n", "", {"content_type": CSV}, "all", 422, "columns' names"),
        (b"", "", {"content_type": CSV}, "all", 422, "columns' names"),
        ("kind;region\n".encode("utf-16"), "", {"content_type": CSV}, "all", 422, "CSV UTF-8"),
        (b"region;kind;region;x\n", "", {"content_type": CSV}, "all", 422, "unknown column"),
    ],
)
async def test_what_is_known_before_the_first_line_is_an_ordinary_problem(
    desk: Intake, raw: bytes, query: str, headers: dict[str, str], key: str, status: int, said: str
) -> None:
    """No line is taken, and the status is the call's."""
    answer = await post(desk, raw, query, **{"key": key, **headers})
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert said in answer.raw.decode()
    assert desk.kafka.records == []


async def test_rights_are_judged_line_by_line(desk: Intake) -> None:
    """A key for Samarinda's reports sends those and nothing else."""
    lines = [REPORT, {**REPORT, "region": "64.72.01"}, {**REPORT, "region": "64.71"}, INCIDENT]
    found = await results(desk, *lines, key="samarinda")
    assert [one["status"] for one in found] == [202, 202, 403, 403]
    assert "64.71" in found[2]["problem"]["detail"]


async def test_lines_without_an_id(desk: Intake) -> None:
    """Fresh ids, or those of the Idempotency-Key and the line's number; a line's own id goes first."""
    fresh = await results(desk, REPORT, REPORT)
    assert len({one["id"] for one in fresh}) == 2
    lines: list[dict[str, Any] | bytes] = [REPORT, b"", {**REPORT, "id": "own"}, REPORT]
    for is_duplicate in (False, True):
        named = await results(desk, *lines, idempotency_key='"file-7"')
        assert [(one["id"], one["duplicate"]) for one in named] == [
            ("file-7.1", is_duplicate),
            ("own", is_duplicate),
            ("file-7.4", is_duplicate),
        ]


async def test_a_withdrawal_without_an_id_has_the_same_one_however_it_comes(desk: Intake) -> None:
    """By a call, as a line of JSON or as a row: the first counts, the others are taps on it. With another reason, or
    with its week, it is another one."""
    await results(desk, {**REPORT, "id": "r1", "period": "2024-11-18"})
    said = {"region": "64.72", "reason": "Salah wilayah."}
    withdrawal = {"kind": "withdrawal", "report": "r1", **said}
    called = (await desk.post("/v1/reports/r1/withdraw", said, "all")).body
    row = await post(desk, b"kind;report;region;reason\nwithdrawal;r1;64.72;Salah wilayah.\n", media_type=CSV)
    others = ({**withdrawal, "reason": "Lain."}, {**withdrawal, "period": "2024-11-18"})
    line, *mended = await results(desk, withdrawal, *others)
    again = [(one["id"], one["duplicate"]) for one in (json.loads(row.raw), line)]
    assert again == [(called["id"], True)] * 2
    assert [one["duplicate"] for one in (called, *mended)] == [False] * 3


async def test_a_batch_means_the_same_as_its_lines_in_order(desk: Intake) -> None:
    """A withdrawal finds the report above it, a second tap on it the first; a correction finds what it corrects."""
    withdrawal = {"kind": "withdrawal", "report": "r1", "region": "64.72", "reason": "Salah wilayah."}
    correction = {**REPORT, "id": "r3", "replaces": "r2", "summary": "Benar."}
    report = {**REPORT, "id": "r1", "period": "2024-11-18"}
    older = {**REPORT, "id": "r2", "period": "2024-11-11"}
    found = await results(desk, report, withdrawal, withdrawal, older, correction, {**withdrawal, "report": "r9"})
    assert [one["status"] for one in found] == [202, 202, 202, 202, 202, 422]
    assert [one.get("duplicate") for one in found] == [False, False, True, False, False, None]
    assert [one.get("period") for one in found[1:5]] == ["2024-11-18", "2024-11-18", "2024-11-11", "2024-11-11"]
    kinds = [type(event) for event in desk.kafka.events() if event.period and event.period.day == 18]
    assert kinds == [ReportEvent, WithdrawalEvent, WithdrawalEvent]


@pytest.mark.parametrize("query", ["", "dry_run=1"])
async def test_a_withdrawal_means_the_week_of_its_report(desk: Intake, query: str) -> None:
    """Whoever names another one has the wrong report or the wrong week. Where the report is not known it is kept, and
    accepted again when it is known."""
    withdrawal = {"kind": "withdrawal", "report": "r1", "region": "64.72", "reason": "Salah wilayah."}
    other = {**withdrawal, "period": "2024-11-11"}
    report = {**REPORT, "id": "r1", "period": "2024-11-18"}
    another, right = {**other, "reason": "Salah minggu."}, {**withdrawal, "period": "2024-11-18"}
    found = await results(desk, other, report, another, right, other, query=query)
    assert [one["status"] for one in found] == [202, 202, 422, 202, 202]
    assert [one.get("duplicate") for one in found] == [False, False, None, False, True]
    assert [(e["field"], e["code"]) for e in found[2]["problem"]["errors"]] == [("period", "meant_other_period")]
    assert "2024-11-18" in found[2]["problem"]["errors"][0]["problem"]


@pytest.mark.parametrize("query", ["", "dry_run=1"])
async def test_a_correction_is_for_the_week_of_the_line_it_corrects(desk: Intake, query: str) -> None:
    """As by a call of its own: a report is moved by a withdrawal and a new one."""
    report = {**REPORT, "id": "r1", "period": "2024-11-18"}
    correction = {**report, "id": "r2", "replaces": "r1"}
    moved = {**report, "id": "r3", "replaces": "r1", "period": "2024-11-25"}
    found = await results(desk, report, correction, moved, query=query)
    assert [one["status"] for one in found] == [202, 202, 422]
    assert [(e["field"], e["code"]) for e in found[2]["problem"]["errors"]] == [("period", "correction_other_period")]


async def test_a_report_cannot_replace_itself_by_its_line_number(desk: Intake) -> None:
    """The id that the Idempotency-Key gives it is an id like any other."""
    (line,) = await results(desk, {**REPORT, "replaces": "k.1"}, idempotency_key="k")
    assert line["problem"]["errors"][0]["code"] == "replaces_itself"


async def test_dry_run_checks_everything_and_publishes_nothing(desk: Intake) -> None:
    """Also what lines of the file say of one another."""
    withdrawal = {"kind": "withdrawal", "report": "r1", "region": "64.72", "reason": "Salah wilayah."}
    report = {**REPORT, "id": "r1"}
    found = await results(
        desk, report, {**report, "summary": "Lain."}, report, withdrawal, {**REPORT, "region": "1"}, query="dry_run=1"
    )
    assert [(one["status"], one.get("duplicate")) for one in found] == [
        (202, False),
        (409, None),
        (202, True),
        (202, False),
        (422, None),
    ]
    assert desk.kafka.records == []
    assert desk.known.documents == {}
    assert (await results(desk, report))[0]["duplicate"] is False


async def test_more_lines_than_a_batch_may_have(calendar: Calendar) -> None:
    """The first ones are taken, and the last result says where to go on."""
    desk = an_intake(calendar, replace(LIMITS, most_lines=300))
    found = await results(desk, *[REPORT] * 302)
    assert [one["status"] for one in found] == [202] * 300 + [413]
    assert (found[-1]["line"], found[-1]["taken"]) == (301, 300)
    assert "300" in found[-1]["problem"]["detail"]
    assert len(await results(desk, *[REPORT] * 300)) == 300


async def test_more_bytes_than_a_batch_may_have(calendar: Calendar) -> None:
    """Nobody announces the length of a chunked body; what came before the limit is taken."""
    desk = an_intake(calendar)
    exchange = Exchange(desk)
    chunk = ndjson(*[{**REPORT, "summary": "x" * 900}] * 60)
    exchange.send(*[chunk] * 15)
    exchange.finish()
    found = await exchange.end()
    taken = LIMITS.most_bytes // len(chunk) * 60
    assert [one["status"] for one in found] == [202] * taken + [413]
    assert (found[-1]["line"], found[-1]["taken"]) == (taken + 1, taken)
    assert exchange.unread == 0


async def test_a_client_that_waits_for_results_gets_them(desk: Intake) -> None:
    """Line by line, if it sends line by line: nothing is held back until a window is full."""
    exchange = Exchange(desk)
    for number in range(1, 4):
        exchange.send(ndjson(REPORT))
        assert [one["line"] for one in await exchange.until(number)] == list(range(1, number + 1))
    exchange.finish()
    assert len(await exchange.end()) == 3


async def test_a_client_that_sends_everything_before_it_reads(desk: Intake) -> None:
    """Its lines are taken while not one byte of the results can leave."""
    exchange = Exchange(desk)
    exchange.reads.clear()
    exchange.send(*[ndjson(*[REPORT] * 10)] * 100)
    exchange.finish()
    await until(lambda: len(desk.kafka.records) == 1000)
    assert exchange.results() == []
    exchange.reads.set()
    assert [one["line"] for one in await exchange.end()] == list(range(1, 1001))


async def test_a_client_that_leaves_in_the_middle(desk: Intake) -> None:
    """What was taken is taken, the half line is not, and nothing goes on without it."""
    before = running_tasks()
    exchange = Exchange(desk)
    exchange.send(ndjson(*[REPORT] * 10), b'{"kind": "report", ')
    await exchange.until(10)
    exchange.leave()
    await exchange.end()
    assert len(desk.kafka.records) == 10
    assert running_tasks() - before <= {exchange._task}
    assert len(await results(desk, REPORT)) == 1


async def test_a_client_that_stops_sending(calendar: Calendar) -> None:
    """After a while it is told so, and how far it came."""
    desk = an_intake(calendar, replace(LIMITS, idle_s=0.05))
    exchange = Exchange(desk)
    exchange.send(ndjson(REPORT, REPORT), b"{")
    found = await exchange.end()
    assert statuses(found) == [(1, 202), (2, 202), (3, 408)]
    assert found[-1]["taken"] == 2


async def test_a_client_that_trickles(calendar: Calendar) -> None:
    """Never idle for long, and yet not for ever: the time we wait for it is bounded as a whole."""
    desk = an_intake(calendar, replace(LIMITS, waiting_s=0.1))
    exchange = Exchange(desk)

    async def trickle() -> None:
        while True:
            exchange.send(b" ")
            await asyncio.sleep(0.01)

    trickling = asyncio.create_task(trickle())
    found = await exchange.end()
    trickling.cancel()
    assert statuses(found) == [(1, 408)]


async def test_a_csv_header_that_never_comes(calendar: Calendar) -> None:
    """Known before the first line: the call itself is answered 408."""
    desk = an_intake(calendar, replace(LIMITS, idle_s=0.05))
    exchange = Exchange(desk, media_type=CSV)
    exchange.send(b"kind;reg")
    await exchange.end()
    assert exchange.status == 408


async def test_an_agency_has_two_batches_at_a_time(desk: Intake) -> None:
    """A third is told to wait; another agency's is taken, and when one is done there is a place again."""
    first, second = Exchange(desk), Exchange(desk)
    for exchange in (first, second):
        exchange.send(ndjson(REPORT))
        await exchange.until(1)
    third = await post(desk, ndjson(REPORT))
    assert (third.status, third.headers["retry-after"]) == (429, "5")
    assert len(await results(desk, REPORT, key="other")) == 1
    first.finish()
    await first.end()
    assert len(await results(desk, REPORT)) == 1
    second.leave()
    await second.end()


async def test_refused_batches_leave_their_place(desk: Intake) -> None:
    """However often one is refused before its first line."""
    for _ in range(5):
        assert (await post(desk, b"a;b\n", media_type=CSV)).status == 422
    assert len(await results(desk, REPORT)) == 1


async def test_kafka_that_confirms_nothing_is_asked_once(desk: Intake) -> None:
    """The rest of the batch is answered at once: send it again. Each try would take as long as the deadline."""
    desk.kafka.fails_with = PublishFailed("no confirmation within 8 s")
    found = await results(desk, *[REPORT] * 600, {**REPORT, "region": "1"})
    assert {one["status"] for one in found} == {503}
    assert len(found) == 601
    assert all(one["retry_after"] == 5 for one in found)
    untried = [one["line"] for one in found if "was not tried" in one["problem"]["detail"]]
    assert untried == list(range(251, 602))


async def test_batches_do_not_find_out_one_after_the_other_that_kafka_keeps_silent(desk: Intake) -> None:
    """What waited for its turn meanwhile is answered with the first that was tried; what comes later is tried."""
    desk.kafka.fails_with = PublishFailed("no confirmation within 8 s")
    desk.kafka.gate = asyncio.Event()
    batches = [asyncio.create_task(results(desk, REPORT))]
    await until(lambda: len(desk.kafka.waited_s) == 1)
    batches.append(asyncio.create_task(results(desk, REPORT)))
    for _ in range(1_000):  # until it waits, which nobody can see: nothing in its way takes time
        await asyncio.sleep(0)
    desk.kafka.gate.set()
    (first,), (second,) = await asyncio.gather(*batches)
    assert (first["status"], second["status"], second["retry_after"]) == (503, 503, 5)
    assert ["was not tried" in one["problem"]["detail"] for one in (first, second)] == [False, True]
    assert len(desk.kafka.waited_s) == 1
    desk.kafka.fails_with = None
    assert (await results(desk, REPORT))[0]["status"] == 202


async def test_lines_that_take_long_let_others_have_their_turn(desk: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worst line takes two hundred times as long as a usual one: turns are counted in time, not in lines."""
    turns, seen_at, read = 0, list[int](), Ndjson.read

    def slowly(*line: Any) -> Body:
        seen_at.append(turns)
        time.sleep(0.006)
        return read(*line)

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    monkeypatch.setattr(Ndjson, "read", slowly)
    counting = asyncio.create_task(count())
    await results(desk, *[REPORT] * 10)
    counting.cancel()
    assert len(set(seen_at)) == 10, seen_at


async def test_a_key_that_is_revoked_ends_its_batch(desk: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    """As soon as this replica knows."""
    monkeypatch.setattr(desk.access, "grant_of", desk.access.fresh_grant_of)
    exchange = Exchange(desk)
    exchange.send(ndjson(REPORT))
    await exchange.until(1)
    desk.keys.give("all", Grant("all", "kaltim-desk", frozenset({Kind.REPORTS.value}), ("*",), is_revoked=True))
    exchange.send(ndjson(REPORT))
    exchange.finish()
    assert [one["status"] for one in await exchange.end()] == [202, 401]


@pytest.mark.expect_errors("unexpected")
async def test_a_defect_of_ours_is_one_lines_problem(desk: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is recorded, and the other lines are taken."""
    publish = desk.kafka.publish

    async def breaks(topic: str, *rest: Any) -> None:
        if topic == "desk.incidents":
            raise ZeroDivisionError
        await publish(topic, *rest)

    monkeypatch.setattr(desk.kafka, "publish", breaks)
    assert [one["status"] for one in await results(desk, REPORT, INCIDENT, REPORT)] == [202, 500, 202]


async def test_what_is_counted(desk: Intake) -> None:
    """Each line under its kind, as single calls are; what is refused before that, as of a batch."""
    await results(desk, REPORT, {**REPORT, "region": "1"}, INCIDENT)
    await post(desk, b"", key="nobody")
    exposition = desk.metrics.render()[0].decode()
    for sample in (
        'desk_accepted_total{agency="kaltim-desk",duplicate="false",kind="report"} 1.0',
        'desk_accepted_total{agency="kaltim-desk",duplicate="false",kind="incident"} 1.0',
        'desk_refused_total{agency="kaltim-desk",kind="batch",reason="invalid"} 1.0',
        'desk_refused_total{agency="(no key)",kind="batch",reason="unauthorized"} 1.0',
    ):
        assert sample in exposition


async def test_results_that_nobody_reads_are_bounded(calendar: Calendar, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than in memory without end, the rest waits with the client."""
    monkeypatch.setattr("services.intake.batch.taking._ROOM_S", 0.05)
    monkeypatch.setattr("services.intake.batch.results.Results.__init__.__defaults__", (10_000,))
    desk = an_intake(calendar)
    exchange = Exchange(desk)
    exchange.reads.clear()
    exchange.send(ndjson(*[REPORT] * 1000))
    exchange.finish()
    await until(lambda: not exchange.unread)
    exchange.reads.set()
    found = await exchange.end()
    assert found[-1]["status"] == 413
    assert len(found) == found[-1]["taken"] + 1 < 1000


async def test_the_documents_have_the_batch(desk: Intake) -> None:
    """Media types, an example of each kind, what a line is answered, and each problem."""
    document = json.loads((await desk.call("GET", "/openapi.json")).raw)
    call = document["paths"]["/v1/batch"]["post"]
    content = call["requestBody"]["content"]
    assert set(content) == {NDJSON, "application/jsonl", "application/json-lines", CSV}
    assert {"200", "401", "403", "408", "413", "415", "422", "429", "503"} == set(call["responses"])
    example = content[NDJSON]["examples"]["all_kinds"]["value"].encode()
    now = desk.clock.now()
    desk.clock.set("2024-11-18T21:00:00+08:00")  # when the example of a report is sent
    await post(desk, example.splitlines()[0])
    desk.clock.set(now.isoformat())
    answered = await post(desk, example)
    assert [json.loads(line)["status"] for line in answered.raw.splitlines()] == [202] * len(KINDS)
    for kind, shown in content[CSV]["examples"].items():
        assert kind in COLUMNS
        answered = await post(desk, shown["value"].encode(), media_type=CSV)
        assert json.loads(answered.raw)["status"] in (202, 409)  # the same ids stand in the example of JSON
    (shown,) = call["responses"]["200"]["content"][NDJSON]["examples"].values()
    desk = an_intake(desk.calendar)
    desk.clock.set("2024-11-18T12:00:00+08:00")
    report = {**EXAMPLES["report"]["normal"]["value"], "kind": "report"}
    answered = await post(desk, ndjson(report, {**report, "region": "64.99"}))
    first, second = (json.loads(line) for line in shown["value"].splitlines())
    real_first, real_second = (json.loads(line) for line in answered.raw.splitlines())
    assert first == real_first
    assert second.keys() == real_second.keys()
    assert second["problem"].keys() == real_second["problem"].keys()


async def test_the_page_about_batches_shows_what_is_answered(desk: Intake) -> None:
    """Its example is a real one."""
    shown = [json.loads(line) for line in PAGE.partition("```json\n")[2].partition("```")[0].splitlines()]
    desk.clock.set("2024-11-18T12:00:00+08:00")
    report = {**REPORT, "id": "r1"}
    assert shown == await results(desk, report, {**REPORT, "region": "64.99"}, {**report, "summary": "Lain."})


async def test_a_batch_of_the_longest_lines_is_taken(calendar: Calendar, monkeypatch: pytest.MonkeyPatch) -> None:
    """Lines that wait for Kafka together never take more than the agency's share, however long they are."""
    monkeypatch.setattr(conftest, "BODY_LIMIT", 65_536)
    desk = an_intake(calendar, UploadLimits())
    long = {**REPORT, "topics": {f"topic-{n}": "a" * 3_100 for n in range(20)}}
    lines = [{**long, "id": f"long-{n}"} for n in range(200)]
    assert 200 * 62_000 > 0.25 * 32 * 1024 * 1024
    assert statuses(await results(desk, *lines)) == [(n, 202) for n in range(1, 201)]
