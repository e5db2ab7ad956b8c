"""The OpenAPI document is true: every example in it is really sent and answered as it says, every schema says what the
validators enforce."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.intake.examples import EXAMPLES, IN_PATH
from services.intake.problem_samples import WRONG_BODIES, samples_of
from services.intake.submissions import KINDS
from shared.access.keys import Grant, Kind, Role
from shared.http.problems import document
from shared.kafka.producer import PublishFailed
from tests.service.intake.exchange import until
from tests.service.intake.hostile_bodies import NOW, PATHS, TIMES
from tests.service.intake.hostile_kinds import ODD_BUT_GOOD
from tests.unit.intake_bodies import KIND, bodies, spelled

if TYPE_CHECKING:
    from tests.service.intake.conftest import Answer, Intake

TEMPLATES = {
    "report": "/v1/reports",
    "withdrawal": "/v1/reports/{report}/withdraw",
    "incident": "/v1/incidents",
    "incident_status": "/v1/incidents/{incident_agency}/{incident_id}/status",
    "logistics": "/v1/logistics",
}
EARLIER = "2024-11-18T21:00:00+08:00"  # when the examples of reports are sent
LANGUAGES = ("id", "en")


@pytest.fixture(scope="module")
async def openapi(lasting_intake: Intake) -> dict[str, Any]:
    found = (await lasting_intake.call("GET", "/openapi.json")).body
    assert isinstance(found, dict)
    return found


def operation(openapi: Mapping[str, Any], kind: str) -> Any:
    return openapi["paths"][TEMPLATES[kind]]["post"]


def schema(openapi: Mapping[str, Any], kind: str) -> Any:
    return operation(openapi, kind)["requestBody"]["content"]["application/json"]["schema"]


@pytest.fixture
async def fresh(lasting_intake: Intake) -> Intake:
    lasting_intake.kafka.fails_with = None
    lasting_intake.keys.is_away = False
    lasting_intake.known.documents.clear()
    lasting_intake.clock.set(NOW)
    return lasting_intake


@pytest.mark.parametrize("kind", KINDS)
def test_each_call_says_what_it_takes_and_answers(openapi: dict[str, Any], kind: str) -> None:
    """Parameters with their patterns, a body without what is in the path, each status; no reference into nowhere."""
    said = operation(openapi, kind)
    assert set(said["responses"]) == {"202", "401", "403", "408", "409", "413", "415", "422", "429", "503"}
    parameters = {p["name"]: p for p in said["parameters"]}
    assert set(parameters) == {"dry_run", "Idempotency-Key", *KINDS[kind].in_path}
    assert all(p["description"] for p in parameters.values())
    for name in KINDS[kind].in_path:
        assert (parameters[name]["in"], parameters[name]["required"]) == ("path", True)
        assert parameters[name]["schema"]["pattern"]
        assert IN_PATH[kind][name] in parameters[name]["schema"]["examples"]
    fields = schema(openapi, kind)
    assert set(fields["properties"]) == set(KINDS[kind].model_fields) - set(KINDS[kind].in_path)
    assert set(fields["required"]) <= set(fields["properties"])
    assert fields["additionalProperties"] is False
    assert all(field.get("description") or "enum" in json.dumps(field) for field in fields["properties"].values())
    assert "$ref" not in json.dumps(said["requestBody"])
    assert jsonschema_rs.meta.is_valid(fields)
    assert openapi["components"]["securitySchemes"]


@pytest.mark.parametrize("status", [401, 403, 408, 409, 413, 415, 422, 429, 503])
@pytest.mark.parametrize("kind", KINDS)
def test_each_error_shows_real_documents(openapi: dict[str, Any], kind: str, status: int) -> None:
    """Each in both languages and as its schema says, with the headers that it comes with."""
    answer = operation(openapi, kind)["responses"][str(status)]
    content = answer["content"]["application/problem+json"]
    samples = samples_of(kind)[status][1]
    assert set(content["examples"]) == {f"{sample.called}_{lang}" for sample in samples for lang in LANGUAGES}
    assert content["schema"] == {"$ref": "#/components/schemas/ProblemDocument"}
    for example in content["examples"].values():
        jsonschema_rs.validate(openapi["components"]["schemas"]["ProblemDocument"], example["value"])
        assert example["value"]["status"] == status
    wanted = {401: {"WWW-Authenticate"}, 429: {"Retry-After"}, 503: {"Retry-After"}}.get(status, set())
    assert set(answer["headers"]) == {"Content-Language", *wanted}


@pytest.mark.parametrize("kind", KINDS)
async def test_each_body_shown_is_accepted_as_shown(fresh: Intake, openapi: dict[str, Any], kind: str) -> None:
    """The examples of a call are sent in their order, and each is answered with the example of 202 of its name."""
    fresh.clock.set(EARLIER)
    report = EXAMPLES["report"]["normal"]["value"]
    if kind == "withdrawal":
        assert (await fresh.post("/v1/reports", report)).status == 202
    if kind != "report":
        fresh.clock.set(NOW)
    said = operation(openapi, kind)
    answers = said["responses"]["202"]["content"]["application/json"]["examples"]
    for name, example in said["requestBody"]["content"]["application/json"]["examples"].items():
        jsonschema_rs.validate(schema(openapi, kind), example["value"])
        answer = await fresh.post(PATHS[kind], example["value"])
        assert (answer.status, answer.body) == (202, answers[name]["value"]), name
        # The next one shows another way to say the same: it is no second event.
        fresh.known.documents.pop(f"/agencies/kaltim-desk/{example['value']['id']}")


@pytest.mark.parametrize("lang", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
async def test_wrong_body_shown_is_refused_as_shown(
    fresh: Intake, openapi: dict[str, Any], kind: str, lang: str
) -> None:
    """The document that is shown for 422 is, word for word, the answer to the body that it names."""
    answer = await fresh.post(PATHS[kind], WRONG_BODIES[kind].body, headers={"accept-language": lang})
    shown = operation(openapi, kind)["responses"]["422"]["content"]["application/problem+json"]["examples"]
    assert (answer.status, answer.body) == (422, shown[f"wrong_fields_{lang}"]["value"])
    assert json.dumps(WRONG_BODIES[kind].body) in shown[f"wrong_fields_{lang}"]["description"]


async def _no_key(intake: Intake, path: str, body: Any) -> Answer:
    return await intake.post(path, body, key=None)


async def _wrong_key(intake: Intake, path: str, body: Any) -> Answer:
    return await intake.post(path, body, key="nobody")


async def _a_persons_key(intake: Intake, path: str, body: Any) -> Answer:
    intake.keys.give("siti", Grant("siti", role=Role.OPERATOR))
    return await intake.post(path, body, key="siti")


async def _out_of_scope(intake: Intake, path: str, body: Any) -> Answer:
    kinds = frozenset(kind.value for kind in Kind)
    intake.keys.give("bontang", Grant("kpu-bontang", "kpu-bontang", kinds, ("64.74",)))
    return await intake.post(path, body, key="bontang")


async def _conflict(intake: Intake, path: str, body: Any) -> Answer:
    await intake.post(path, body)
    return await intake.post(path, {**body, "region": "64.02"})


async def _too_large(intake: Intake, path: str, body: Any) -> Answer:
    return await intake.post(path, {**body, "id": "x" * 10_000})


async def _media_type(intake: Intake, path: str, body: Any) -> Answer:
    return await intake.post(path, body, headers={"content-type": "text/plain"})


async def _too_many_a_minute(intake: Intake, path: str, body: Any) -> Answer:
    kinds = frozenset(kind.value for kind in Kind)
    intake.keys.give(f"one{path}", Grant("one", f"one{len(path)}", kinds, ("*",), events_per_minute=1))
    intake.clock.set("2024-11-20T10:00:00+08:00")
    answers = [await intake.post(path, body, key=f"one{path}") for _ in range(2)]
    return answers[1]


async def _held(intake: Intake, path: str, body: Any, agencies: list[str]) -> Answer:
    """Answered while the agencies hold their shares of the places."""
    with ExitStack() as held:
        for agency in agencies:
            while intake.places.why_not(agency, 0) is None:
                held.enter_context(intake.places.hold(agency, 0))
        return await intake.post(path, body)


async def _too_many_at_once(intake: Intake, path: str, body: Any) -> Answer:
    return await _held(intake, path, body, ["kaltim-desk"])


async def _busy(intake: Intake, path: str, body: Any) -> Answer:
    return await _held(intake, path, body, [f"other-{n}" for n in range(10)])


async def _same_id_under_way(intake: Intake, path: str, body: Any) -> Answer:
    gate, before = asyncio.Event(), len(intake.kafka.waited_s)
    intake.kafka.gate = gate
    other = {**EXAMPLES["incident"]["quiet_period"]["value"], "id": body["id"]}
    first = asyncio.create_task(intake.post("/v1/incidents", {**other, "description": "Lain."}))
    await until(lambda: len(intake.kafka.waited_s) > before)
    answer = await intake.post(path, body)
    gate.set()
    await first
    return answer


async def _not_confirmed(intake: Intake, path: str, body: Any) -> Answer:
    intake.kafka.fails_with = PublishFailed("no confirmation within 8 s")
    return await intake.post(path, body)


async def _key_unchecked(intake: Intake, path: str, body: Any) -> Answer:
    intake.keys.is_away = True
    return await intake.post(path, body, key="a key that was not seen before")


Provoke = Callable[["Intake", str, Any], Awaitable["Answer"]]
# Of all that is shown but 422 (above) and 408, which takes its time (tests/unit/test_raw_body.py).
PROVOKE: Mapping[str, Provoke] = {
    "no_key": _no_key,
    "wrong_key": _wrong_key,
    "a_persons_key": _a_persons_key,
    "out_of_scope": _out_of_scope,
    "conflict": _conflict,
    "too_large": _too_large,
    "media_type": _media_type,
    "too_many_a_minute": _too_many_a_minute,
    "too_many_at_once": _too_many_at_once,
    "not_confirmed": _not_confirmed,
    "same_id_under_way": _same_id_under_way,
    "busy": _busy,
    "key_unchecked": _key_unchecked,
}


def test_every_error_shown_is_provoked() -> None:
    """No example is left out of the test below."""
    shown = {sample.called for _, samples in samples_of("report").values() for sample in samples}
    assert shown == {*PROVOKE, "wrong_fields", "too_slow", "report_unseen"}


def without_values(problem: dict[str, Any]) -> dict[str, Any]:
    """A problem whose numbers and quoted values are blanked: they are the instance's, not the sort's."""
    return {
        k: re.sub(
            r"desk_[\w-]+|\d+(\.\d+)*|`[^`]*`|laporan|status insiden instansi lain|insiden|logistik", "#", str(v)
        )
        for k, v in problem.items()
    }


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("called", PROVOKE)
async def test_errors_are_answered_as_shown(fresh: Intake, openapi: dict[str, Any], called: str, kind: str) -> None:
    """Each error is provoked; its document and headers are the ones shown, but for the values in them."""
    body = list(EXAMPLES[kind].values())[-1]["value"]
    is_as_shown(await PROVOKE[called](fresh, PATHS[kind], body), openapi, called, kind)


@pytest.mark.parametrize("kind", ["report", "withdrawal"])
async def test_a_report_that_cannot_be_looked_up_is_answered_as_shown(
    intake: Intake, openapi: dict[str, Any], kind: str
) -> None:
    """While the database is away, for what speaks of another report and does not say its Monday."""
    intake.clock.set(NOW)
    intake.known.is_away = True
    body = {**EXAMPLES[kind]["normal" if kind == "report" else "wrong_region"]["value"], "id": "x"}
    more = {"replaces": "samarinda-2024-11-18"} if kind == "report" else {}
    is_as_shown(await intake.post(PATHS[kind], {**body, **more}), openapi, "report_unseen", kind)
    assert intake.kafka.records == []


def is_as_shown(answer: Answer, openapi: dict[str, Any], called: str, kind: str) -> None:
    """Fails for an answer whose document or headers differ from the example of its name."""
    said = operation(openapi, kind)["responses"][str(answer.status)]
    shown = said["content"]["application/problem+json"]["examples"][f"{called}_id"]["value"]
    assert without_values(answer.body) == without_values(shown)
    assert answer.headers["content-type"] == "application/problem+json"
    for name, header in said["headers"].items():
        value = answer.headers[name.lower()]
        jsonschema_rs.validate(header["schema"], int(value) if header["schema"]["type"] == "integer" else value)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(KIND.flatmap(lambda kind: st.tuples(st.just(kind), bodies(kind).flatmap(spelled))))
async def test_schemas_take_what_we_take(openapi: dict[str, Any], sent: tuple[str, bytes]) -> None:
    """No good body is one that a client's own validation against the document would keep back."""
    kind, raw = sent
    jsonschema_rs.validate(schema(openapi, kind), json.loads(raw), validate_formats=True)


@pytest.mark.parametrize("kind", KINDS)
def test_schemas_take_what_is_odd_and_right(openapi: dict[str, Any], kind: str) -> None:
    """Nor an odd one."""
    for row in ODD_BUT_GOOD:
        if row.concerns(kind):
            body = json.loads(row.bytes_for(kind))
            assert jsonschema_rs.is_valid(schema(openapi, kind), body), row.name


@pytest.mark.parametrize("kind", [kind for kind in KINDS if TIMES[0].concerns(kind)])
def test_schemas_refuse_what_is_no_time(openapi: dict[str, Any], kind: str) -> None:
    """Of the hostile times a client's own validation keeps back all but those that only a calendar knows."""
    passed = {
        row.name for row in TIMES if jsonschema_rs.is_valid(schema(openapi, kind), json.loads(row.bytes_for(kind)))
    }
    assert passed <= {"30 February", "2100 in UTC", "1969 in UTC"}


def test_categories_and_items_are_listed(openapi: dict[str, Any], lasting_intake: Intake) -> None:
    """The document of an instance lists what its election file knows."""
    election = lasting_intake.calendar.election
    assert schema(openapi, "incident")["properties"]["category"]["enum"] == sorted(election.categories)
    assert schema(openapi, "logistics")["properties"]["item"]["enum"] == sorted(election.logistics.items)


def test_samples_are_made_by_what_makes_answers() -> None:
    """Texts of examples are the catalogue's, in the reader's language."""
    sample = samples_of("report")[409][1][0]
    assert document(sample.problem, "id")["title"] == "Id ini sudah dipakai untuk isi lain"
    assert document(sample.problem, "en")["title"] == "This id is taken by other content"
