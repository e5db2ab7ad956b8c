"""What intake publishes and answers, and what it does while Kafka or MongoDB is away."""

from __future__ import annotations

import asyncio
import json
import re
from typing import TYPE_CHECKING, Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.intake.app import create_app
from shared.access.keys import Grant, Role
from shared.events.incident import IncidentEvent
from shared.events.report import ReportEvent
from shared.kafka.producer import PublishFailed
from shared.settings import Settings
from tests.service.intake.exchange import until

if TYPE_CHECKING:
    from tests.service.intake.conftest import Intake

REPORT = {"id": "r1", "region": "64.72.01", "condition": "normal", "summary": "Aman."}
WEEKS = ("2024-11-11", "2024-11-18")  # the week before, and that of REPORT
WITHDRAWAL = {"region": "64.72.01", "reason": "Salah wilayah."}
INCIDENT = {
    "id": "i1",
    "region": "64.72",
    "category": "campaign_props",
    "occurred_at": "2024-11-18T08:00:00+08:00",
    "description": "Baliho.",
}


@pytest.mark.parametrize(
    ("method", "path", "status", "says"),
    [
        ("POST", "/v1/report", 404, "/docs"),
        ("POST", "/v1/reports/", 404, "/v1/reports/"),
        ("GET", "/v1/reports", 405, "POST"),
    ],
)
async def test_a_wrong_address_is_answered_with_what_to_do(
    intake: Intake, method: str, path: str, status: int, says: str
) -> None:
    """In words, never with an empty redirect, which curl shows as nothing and a program follows as GET."""
    answer = await intake.call(method, path)
    assert (answer.status, says in answer.body["detail"]) == (status, True)
    assert answer.headers.get("allow") == ("POST" if status == 405 else None)


@pytest.mark.parametrize(
    ("key", "status", "says"),
    [
        (None, 401, "Authorization"),
        ("nobody", 401, "dicabut"),
        ("person", 403, "milik orang"),
        ("samarinda", 403, "mengirim insiden untuk wilayah 64.74. Periksa"),
    ],
)
async def test_whoever_may_not_is_told_why_and_what_to_do(
    intake: Intake, key: str | None, status: int, says: str
) -> None:
    """No key, a wrong key, a person's key and another region are four mistakes."""
    intake.keys.give("person", Grant("siti", role=Role.OPERATOR))
    answer = await intake.post("/v1/incidents", {**INCIDENT, "region": "64.74"}, key=key)
    assert (answer.status, says in answer.body["detail"]) == (status, True), answer.body


async def test_report_is_published_under_its_regency(intake: Intake) -> None:
    """A village's report goes to its regency's partition as a CloudEvent that says who, where and when."""
    answer = await intake.post(
        "/v1/reports", REPORT, key="samarinda", headers={"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
    )
    assert answer.status == 202
    assert answer.body == {
        "id": "r1",
        "type": "desk.report.v1",
        "region": "64.72.01",
        "period": "2024-11-18",
        "duplicate": False,
    }
    [(topic, key, value, headers)] = intake.kafka.records
    assert (topic, key) == ("desk.reports", b"64.72")
    assert headers["content-type"].startswith(b"application/cloudevents+json")
    assert headers["traceparent"].split(b"-")[1] == b"a" * 32
    [event] = intake.kafka.events()
    assert event.identity == "/agencies/samarinda-desk/r1"
    assert json.loads(value)["subject"] == "64.72.01"


@pytest.mark.parametrize(
    ("path", "body", "key", "status"),
    [
        ("/v1/reports", REPORT, "samarinda", 202),
        ("/v1/reports", {}, "samarinda", 422),
        ("/v1/reports", REPORT, None, 401),
        ("/v1/nothing", REPORT, "samarinda", 404),
        ("/healthz", REPORT, None, 405),
    ],
)
async def test_every_answer_has_its_id(
    intake: Intake, path: str, body: dict[str, object], key: str | None, status: int
) -> None:
    """A new one for each call, or the caller's; probes alone have none."""
    trace = "c" * 32
    own = await intake.post(path, body, key=key)
    theirs = await intake.post(path, body, key=key, headers={"traceparent": f"00-{trace}-{'b' * 16}-01"})
    assert (own.status, theirs.status) == (status, status)
    if path == "/healthz":
        assert "x-request-id" not in own.headers
    else:
        assert re.fullmatch("[0-9a-f]{32}", own.headers["x-request-id"])
        assert own.headers["x-request-id"] != theirs.headers["x-request-id"] == trace


@pytest.mark.expect_errors("unexpected")
@pytest.mark.parametrize("accepts", ["application/json", "text/html"])
async def test_a_defect_of_ours_is_found_by_its_id(intake: Intake, accepts: str) -> None:
    """The answer comes from outside of everything else that answers, and has it all the same; its words, too."""
    intake.kafka.fails_with = RuntimeError("broken")
    trace = "d" * 32
    headers = {
        "authorization": "Bearer everything",
        "content-type": "application/json",
        "traceparent": f"00-{trace}-{'b' * 16}-01",
        "accept": accepts,
    }
    transport = httpx.ASGITransport(intake.app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://intake") as client:
        answer = await client.post("/v1/reports", json=REPORT, headers=headers)
    assert (answer.status_code, answer.headers["x-request-id"]) == (500, trace)
    assert trace in answer.text


async def test_a_refusal_is_logged_in_keys(intake: Intake, caplog: pytest.LogCaptureFixture) -> None:
    """Of somebody we know, once, with nothing that was sent; not what came too often, nor from nobody."""
    caplog.set_level("INFO")
    await intake.post("/v1/reports", {**REPORT, "condition": "secret", "secret": "secret"}, key="samarinda")
    await intake.post("/v1/reports", REPORT, key=None)
    (line,) = [r.msg for r in caplog.records if isinstance(r.msg, dict) and r.msg["event"] == "refused"]
    assert (line["kind"], line["status"], line["because"]) == ("report", 422, "invalid_detail")
    assert "secret" not in str(line)


async def test_incident_answers_no_period(intake: Intake) -> None:
    """An incident is no weekly matter: its period is null."""
    answer = await intake.post("/v1/incidents", INCIDENT)
    assert answer.body == {
        "id": "i1",
        "type": "desk.incident.v1",
        "region": "64.72",
        "period": None,
        "duplicate": False,
    }
    [event] = intake.kafka.events()
    assert isinstance(event, IncidentEvent)
    assert event.data.severity == "medium"


async def test_id_comes_from_body_or_header_or_from_us(intake: Intake) -> None:
    """The body's id, else the header's, else a new one each time."""
    nameless = {k: v for k, v in REPORT.items() if k != "id"}
    by_header = await intake.post("/v1/reports", nameless, headers={"idempotency-key": "h1"})
    first, second = [await intake.post("/v1/reports", nameless) for _ in range(2)]
    assert by_header.body["id"] == "h1"
    assert len({first.body["id"], second.body["id"]}) == 2
    assert len(first.body["id"]) == 26


async def test_same_again_is_a_duplicate_even_over_midnight(intake: Intake) -> None:
    """A retry after a Monday's midnight is answered with the first one's period."""
    await intake.post("/v1/reports", REPORT)
    intake.clock.set("2024-11-25T00:00:01+08:00")
    again = await intake.post("/v1/reports", REPORT)
    assert (again.status, again.body["duplicate"], again.body["period"]) == (202, True, "2024-11-18")
    hashes = {e.contenthash for e in intake.kafka.events()}
    assert len(hashes) == 1


async def test_a_correction_is_for_the_week_of_what_it_corrects(intake: Intake) -> None:
    """Last week's report, corrected in this week, would else pass for this week's, and nobody would miss that one.
    Where nobody can know which week is meant, it has to be said."""
    await intake.post("/v1/reports", REPORT)
    intake.clock.set("2024-11-25T10:00:00+08:00")
    nameless = {**REPORT, "id": "r2", "replaces": "r1"}
    unknown = {**REPORT, "id": "r3", "replaces": "never-sent"}
    said = {**unknown, "period": "2024-11-18"}
    known = await intake.post("/v1/reports", nameless)
    assert (known.status, known.body["period"]) == (202, "2024-11-18")
    for lang, words in (("id", "sebutkan Senin"), ("en", "name the Monday")):
        refused = await intake.post("/v1/reports", unknown, headers={"accept-language": lang})
        assert (refused.status, refused.wrong) == (422, {"period": "correction_period"})
        assert words in refused.body["errors"][0]["problem"]
    assert (await intake.post("/v1/reports", said)).body["period"] == "2024-11-18"
    intake.known.is_away = True
    statuses = [(await intake.post("/v1/reports", {**body, "id": "r4"})).status for body in (nameless, said)]
    assert statuses == [503, 202]


async def test_a_withdrawal_without_an_id_is_the_same_only_if_it_says_the_same(intake: Intake) -> None:
    """A second tap is a duplicate. One that was mended takes effect, whatever was said by mistake while nobody knew
    the report; and nobody is told of a conflict over an id that they did not name."""
    path = "/v1/reports/r1/withdraw"
    mistaken = await intake.post(path, {**WITHDRAWAL, "period": "2024-11-11"})
    await intake.post("/v1/reports", REPORT)
    mended = [await intake.post(path, body) for body in (WITHDRAWAL, WITHDRAWAL, {**WITHDRAWAL, "reason": "Lain."})]
    assert [answer.status for answer in (mistaken, *mended)] == [202] * 4
    assert [answer.body["duplicate"] for answer in mended] == [False, True, False]
    assert len({answer.body["id"] for answer in (mistaken, *mended)}) == 3


@pytest.mark.parametrize(("query", "records"), [("", 3), ("?dry_run=1", 1)])
async def test_a_correction_moves_no_report_into_another_week(intake: Intake, query: str, records: int) -> None:
    """The old one would stay in force in its own week. Where nobody can look it up, what is said holds."""
    path = f"/v1/reports{query}"
    await intake.post("/v1/reports", REPORT)
    other, right = ({**REPORT, "id": f"r-{period}", "replaces": "r1", "period": period} for period in WEEKS)
    refused = await intake.post(path, other, headers={"accept-language": "en"})
    assert (refused.status, refused.wrong) == (422, {"period": "correction_other_period"})
    assert all(words in refused.body["errors"][0]["problem"] for words in ("2024-11-18", "withdraw it"))
    assert (await intake.post(path, right)).status == 202
    intake.known.is_away = True
    unseen = await intake.post(path, other)
    assert (unseen.status, unseen.body["period"]) == (202, "2024-11-11")
    assert len(intake.kafka.records) == records


@pytest.mark.parametrize(("query", "records"), [("", 3), ("?dry_run=1", 1)])
async def test_a_withdrawal_is_for_the_week_of_its_report(intake: Intake, query: str, records: int) -> None:
    """One that names another week is not taken, or the wrong report might no longer count. While nobody can look the
    report up it is kept, and means what it says."""
    path = f"/v1/reports/r1/withdraw{query}"
    await intake.post("/v1/reports", REPORT)
    other, right = ({**WITHDRAWAL, "period": period} for period in WEEKS)
    refused = await intake.post(path, other, headers={"accept-language": "en"})
    assert (refused.status, refused.wrong) == (422, {"period": "meant_other_period"})
    assert refused.body["errors"][0]["problem"] == "that report is for 2024-11-18"
    assert (await intake.post(path, right)).status == 202
    intake.known.is_away = True
    orphan = await intake.post(path, other)
    assert (orphan.status, orphan.body["period"]) == (202, "2024-11-11")
    assert len(intake.kafka.records) == records


@pytest.mark.parametrize("query", ["", "?dry_run=1"])
@pytest.mark.parametrize("wrong", [{"period": "2024-11-11"}, {"period": "2024-11-18", "region": "64.01"}])
@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/reports", {**REPORT, "id": "r2", "replaces": "r1"}),
        ("/v1/reports/r1/withdraw", {**WITHDRAWAL, "id": "w1"}),
        ("/v1/reports/r1/withdraw", WITHDRAWAL),  # its id is made of what it says
    ],
)
async def test_what_was_accepted_before_its_report_is_accepted_again(
    intake: Intake, path: str, body: dict[str, str], wrong: dict[str, str], query: str
) -> None:
    """It is counted, so a retry is no mistake, though the report has come and is another week's or region's; anything
    else that is said of the report now is one."""
    sent = {**body, **wrong}
    first = await intake.post(path, sent)
    await intake.post("/v1/reports", REPORT)
    again = await intake.post(f"{path}{query}", sent)
    other = await intake.post(path, {**sent, ("reason" if "reason" in sent else "summary"): "Lain."})
    assert [first.status, again.status, other.status] == [202, 202, 422]
    assert again.body == {**first.body, "duplicate": True}


async def test_other_content_under_a_known_id_is_a_conflict(intake: Intake) -> None:
    """Another report or an incident under the same id is refused; another agency's equal id is another event."""
    await intake.post("/v1/reports", REPORT, key="samarinda")
    other = await intake.post("/v1/reports", {**REPORT, "summary": "Lain."}, key="samarinda")
    incident = await intake.post("/v1/incidents", {**INCIDENT, "id": "r1"}, key="samarinda")
    neighbour = await intake.post("/v1/reports", {**REPORT, "summary": "Lain."}, key="everything")
    assert [other.status, incident.status, neighbour.status] == [409, 409, 202]
    assert "r1" in other.body["detail"]
    assert len(intake.kafka.records) == 2


@pytest.mark.parametrize("lang", ["id", "en"])
async def test_a_conflict_says_what_can_be_done(intake: Intake, lang: str) -> None:
    """A report can be corrected by another one; nothing else can be, nor by a report."""
    withdraw, withdrawal = "/v1/reports/r1/withdraw", {**WITHDRAWAL, "id": "w1"}
    pairs: list[tuple[str, dict[str, str], str, dict[str, str]]] = [
        ("/v1/reports", REPORT, "/v1/reports", {**REPORT, "summary": "Lain."}),
        ("/v1/incidents", INCIDENT, "/v1/incidents", {**INCIDENT, "description": "Lain."}),
        (withdraw, withdrawal, withdraw, {**withdrawal, "reason": "Lain."}),
        ("/v1/incidents", INCIDENT, "/v1/reports", {**REPORT, "id": "i1"}),
        ("/v1/reports", REPORT, "/v1/incidents", {**INCIDENT, "id": "r1"}),
    ]
    advised = []
    for first_path, first, path, other in pairs:
        assert (await intake.post(first_path, first)).status == 202
        refused = await intake.post(path, other, headers={"accept-language": lang})
        assert refused.status == 409
        assert ("id baru" if lang == "id" else "new id") in refused.body["detail"]
        advised.append("`replaces`" in refused.body["detail"])
    assert advised == [True, False, False, False, False]


async def test_other_content_under_an_id_that_is_under_way_waits(intake: Intake) -> None:
    """Two contents at once: nobody knows yet which will be the first, so the other is asked to come back, and is then
    a conflict; a copy of the first passes, and places come back."""
    gate = intake.kafka.gate = asyncio.Event()
    first, copy = (asyncio.create_task(intake.post("/v1/reports", REPORT)) for _ in range(2))
    await until(lambda: len(intake.kafka.waited_s) == 2)
    other = await asyncio.wait_for(intake.post("/v1/reports", {**REPORT, "region": "64.71"}), 5)
    gate.set()
    assert [(await first).status, (await copy).status, other.status] == [202, 202, 503]
    assert other.headers["retry-after"] == "1"
    assert (await intake.post("/v1/reports", {**REPORT, "region": "64.71"})).status == 409
    assert (await intake.post("/v1/reports", {**REPORT, "id": "free"})).status == 202


async def test_a_retry_of_what_was_accepted_is_never_a_conflict(intake: Intake) -> None:
    """Not even while other content under its id is being looked at: that one is the conflict."""
    await intake.post("/v1/reports", REPORT)
    intake.known.takes_s, before = 0.05, intake.known.calls
    other = asyncio.create_task(intake.post("/v1/reports", {**REPORT, "summary": "Lain."}))
    await until(lambda: intake.known.calls > before)
    retry = await intake.post("/v1/reports", REPORT)
    assert (retry.status, retry.body["duplicate"], (await other).status) == (202, True, 409)


async def test_a_dry_run_is_in_nobodys_way(intake: Intake) -> None:
    """Other content that is only tried does not hold up the real one under the same id."""
    intake.known.takes_s = 0.05
    tried = asyncio.create_task(intake.post("/v1/reports?dry_run=1", {**REPORT, "summary": "Lain."}))
    await until(lambda: intake.known.calls > 0)
    assert ((await intake.post("/v1/reports", REPORT)).status, (await tried).status) == (202, 202)


async def test_the_publish_deadline_counts_from_receipt(intake: Intake) -> None:
    """What a slow database takes is time that Kafka no longer has: the answer comes in time all the same."""
    intake.known.takes_s = 0.1
    await intake.post("/v1/reports", REPORT)
    assert intake.kafka.waited_s[-1] >= 0.1


async def test_dry_run_publishes_and_stores_nothing(intake: Intake) -> None:
    """A dry run answers as the real one would, refusals included, and leaves no trace."""
    good = await intake.post("/v1/reports?dry_run=1", REPORT)
    outside = await intake.post("/v1/reports?dry_run=1", {**REPORT, "region": "64.71"}, key="samarinda")
    assert (good.status, good.body["period"], outside.status) == (202, "2024-11-18", 403)
    assert (intake.kafka.records, intake.known.documents) == ([], {})
    await intake.post("/v1/reports", REPORT)
    again = await intake.post("/v1/reports?dry_run=1", REPORT)
    conflict = await intake.post("/v1/reports?dry_run=1", {**REPORT, "summary": "Lain."})
    assert (again.body["duplicate"], conflict.status, len(intake.kafka.records)) == (True, 409, 1)


async def test_kafka_does_not_confirm(intake: Intake) -> None:
    """503 names the id to retry with, also one that we gave; nothing is remembered, so the retry is no duplicate."""
    intake.kafka.fails_with = PublishFailed("no confirmation within 8 s")
    nameless = {k: v for k, v in REPORT.items() if k != "id"}
    answer = await intake.post("/v1/reports", nameless, headers={"accept-language": "en"})
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    given_id = answer.body["detail"].split("`")[1]
    intake.kafka.fails_with = None
    retry = await intake.post("/v1/reports", {**REPORT, "id": given_id})
    assert (retry.status, retry.body["duplicate"]) == (202, False)


async def test_database_away_costs_one_wait_and_no_event(intake: Intake) -> None:
    """Without MongoDB a known key goes on working; conflicts pass, and it is asked once and then left alone."""
    await intake.post("/v1/reports", REPORT)
    intake.known.is_away = intake.keys.is_away = True
    calls = intake.known.calls
    statuses = [(await intake.post("/v1/reports", {**REPORT, "summary": f"{n}"})).status for n in range(5)]
    assert statuses == [202] * 5
    assert intake.known.calls == calls + 1
    unseen = await intake.post("/v1/reports", REPORT, key="samarinda")
    assert (unseen.status, "retry-after" in unseen.headers) == (503, True)


async def test_many_at_once_share_their_lookups(intake: Intake) -> None:
    """Requests that come while a lookup or an insert is under way share the next one; each gets its own answer."""
    await intake.post("/v1/reports", REPORT)
    intake.known.takes_s = 0.02
    calls = intake.known.calls
    ids = ["r1", "r2", "r3", "r2"]
    answers = await asyncio.gather(*(intake.post("/v1/reports", {**REPORT, "id": i}) for i in ids))
    assert [(a.body["id"], a.body["duplicate"]) for a in answers] == [
        ("r1", True),
        ("r2", False),
        ("r3", False),
        ("r2", False),
    ]
    assert intake.known.calls <= calls + 4
    assert len(intake.known.documents) == 3


async def test_metrics_count(intake: Intake) -> None:
    """Accepted and refused submissions are counted by kind, duplicates apart, dry runs not at all."""
    for _ in range(2):
        await intake.post("/v1/reports", REPORT)
    await intake.post("/v1/reports?dry_run=1", {**REPORT, "id": "r9"})
    await intake.post("/v1/incidents", INCIDENT, key=None)
    text = (await intake.call("GET", "/metrics")).raw.decode()
    assert 'desk_accepted_total{agency="kaltim-desk",duplicate="false",kind="report"} 1.0' in text
    assert 'desk_accepted_total{agency="kaltim-desk",duplicate="true",kind="report"} 1.0' in text
    assert 'desk_refused_total{agency="(no key)",kind="incident",reason="unauthorized"} 1.0' in text
    assert "desk_publish_seconds_count 2.0" in text


async def test_ready_says_what_is_wrong(intake: Intake) -> None:
    """Not ready as long as one check has something to say."""

    async def wrong() -> str | None:
        return "Kafka has not answered yet"

    assert (await intake.call("GET", "/readyz")).status == 200
    intake.checks["kafka"] = wrong
    answer = await intake.call("GET", "/readyz")
    assert (answer.status, answer.body["problems"]) == (503, {"kafka": "Kafka has not answered yet"})


async def test_not_ready_before_a_key_can_be_checked() -> None:
    """Started while MongoDB is away, it knows no key, and would answer everybody 503."""
    app = create_app(Settings(mongo="mongodb://127.0.0.1:1", kafka="127.0.0.1:1"))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://desk.example") as caller:
        answer = await caller.get("/readyz")
    assert (answer.status_code, "keys" in answer.json()["problems"]) == (503, True)


async def test_asyncapi_describes_the_topics(intake: Intake) -> None:
    """The AsyncAPI document names both topics that intake writes."""
    text = (await intake.call("GET", "/asyncapi.json")).raw.decode()
    assert "desk.reports" in text
    assert "desk.incidents" in text


INSTANTS = st.one_of(
    st.datetimes(timezones=st.timezones()).map(lambda t: t.isoformat()),
    st.sampled_from(
        [
            "2024-11-18T10:09:59+08:00",
            "2024-11-11T23:59:59Z",
            "2024-10-01T00:00:00.123456+09:00",
            "2024-11-18T09:00:00",
        ]
    ),
)
TEXTS = st.one_of(st.text(max_size=210), st.sampled_from(["\u0958" * 150, "e\u0301", "a\nb", "\U0001f600"]))
OPTIONAL = st.fixed_dictionaries(
    {},
    optional={
        "period": st.sampled_from(["2024-11-11", "2024-11-18", "2024-11-25", "2024-12-02", None]),
        "submitted_at": INSTANTS | st.none(),
        "replaces": st.sampled_from(["r0", "x", None, ""]),
        "topics": st.dictionaries(st.sampled_from(["security", "voters", "a b"]), TEXTS, max_size=3) | st.none(),
        "source_office": TEXTS | st.none(),
        "summary": TEXTS,
        "region": st.sampled_from(["64", "64.72", "64.72.01", "64.72.01.1001", "64.99"]),
        "occurred_at": INSTANTS,
        "description": TEXTS,
        "place": TEXTS | st.none(),
        "severity": st.sampled_from(["low", "critical", "x", None]),
        "evidence": st.lists(st.fixed_dictionaries({"url": TEXTS.map(lambda t: f"https://a/{t}")}), max_size=3),
    },
)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(change=OPTIONAL, kind=st.sampled_from(["reports", "incidents"]))
def test_whatever_is_accepted_every_consumer_can_read(intake: Intake, change: dict[str, Any], kind: str) -> None:
    """No body makes an error of ours, and what is answered 202 decodes, with every field as it was sent or absent."""
    wrong_kind = ("occurred_at", "description", "place", "severity", "evidence")
    if kind == "incidents":
        wrong_kind = ("period", "submitted_at", "replaces", "topics", "summary")
    sent = {**(REPORT if kind == "reports" else INCIDENT), **change}
    sent = {k: v for k, v in sent.items() if k not in wrong_kind}
    intake.known.documents.clear()
    intake.kafka.records.clear()
    answer = asyncio.run(intake.post(f"/v1/{kind}", sent))
    assert answer.status in (202, 422)
    if answer.status == 422:
        assert intake.kafka.records == []
        return
    [event] = intake.kafka.events()
    [(_, _, value, _)] = intake.kafka.records
    assert "null" not in json.dumps([v for v in json.loads(value)["data"].values() if not isinstance(v, str)])
    assert event.subject == sent["region"]
    assert isinstance(event, ReportEvent if kind == "reports" else IncidentEvent)
