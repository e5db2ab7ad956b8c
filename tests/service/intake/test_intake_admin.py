"""The admin API, over a real MongoDB: what an administrator makes works at the door at once, and nothing of a key is
ever shown again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import pytest
from pymongo.errors import OperationFailure

from shared import mongo
from shared.access.keys import Grant, Kind, Role, key_hash
from shared.access.registry import Registry
from shared.access.store import COLLECTION
from shared.clock import real
from tests.service.intake.test_intake_openapi import without_values
from tests.unit.test_logs import configured

if TYPE_CHECKING:
    from shared.election.calendar import Calendar
    from tests.service.intake.conftest import Answer, Intake

AGENCY = {"agency": "kpu-samarinda", "kinds": ["reports", "incidents"], "regions": ["64.72"]}
REPORT = {"region": "64.72", "condition": "normal", "summary": "Aman."}
ROOT = "root's key"
DATABASE = "test_intake_admin"


class Desk:
    """An intake over a real collection of holders, with one administrator."""

    def __init__(self, intake: Intake, holders: Any) -> None:
        self.intake, self.holders = intake, holders

    async def post(self, path: str, body: Any, key: str | None = ROOT, **headers: str) -> Answer:
        return await self.intake.post(f"/v1/admin{path}", body, key, headers)

    async def get(self, path: str, key: str | None = ROOT) -> Answer:
        headers = {"authorization": f"Bearer {key}"} if key else {}
        return await self.intake.call("GET", f"/v1/admin{path}", headers=headers)

    async def added(self, **change: Any) -> str:
        """The key of a new agency."""
        answer = await self.post("/agencies", {**AGENCY, **change})
        assert answer.status == 201, answer.raw
        return str(answer.body["key"])

    async def reports(self, key: str) -> int:
        """What a report sent with a key is answered by a replica that has not seen the key before."""
        return (await make_desk(self.intake.calendar, self.holders).intake.post("/v1/reports", REPORT, key)).status


def make_desk(calendar: Calendar, holders: Any) -> Desk:
    from tests.service.intake.conftest import Intake

    return Desk(Intake(calendar, keys=cast("Any", holders)), holders)


@pytest.fixture(scope="session")
async def admin_client(mongo_url: str) -> AsyncIterator[mongo.Client]:
    client = mongo.connect(mongo_url)
    await Registry(mongo.database(client, DATABASE)[COLLECTION]).ensure_indexes()
    yield client
    await client.drop_database(DATABASE)
    await mongo.close(client)


async def emptied(client: mongo.Client, collection: str) -> Any:
    """A collection with one administrator."""
    found = mongo.database(client, DATABASE)[collection]
    await found.delete_many({})
    await Registry(found).put_if_new(ROOT, Grant("root", role=Role.ADMIN), "desk init")
    return found


@pytest.fixture
async def holders(admin_client: mongo.Client) -> Any:
    return await emptied(admin_client, COLLECTION)


@pytest.fixture(scope="module")
async def quiet_desk(calendar: Calendar, admin_client: mongo.Client) -> Desk:
    """One for many tests in which nothing changes."""
    return make_desk(calendar, await emptied(admin_client, "quiet"))


@pytest.fixture
def desk(calendar: Calendar, holders: Any) -> Desk:
    return make_desk(calendar, holders)


def shown(answer: Answer) -> list[tuple[str, str]]:
    """The keys of a holder: shown part and state."""
    return [(key["prefix"], key["state"]) for key in answer.body["keys"]]


async def test_the_life_of_an_agency_s_keys(desk: Desk) -> None:
    """Added, used, rotated with an overlap, refused a third, revoked one by one: each answer says what holds."""
    added = await desk.post("/agencies", AGENCY)
    old = added.body["key"]
    assert (added.status, added.headers["cache-control"], old.startswith("desk_kpu-samarinda_")) == (
        201,
        "no-store",
        True,
    )
    assert shown(added) == [(old[:23], "in_force")]
    rotated = await desk.post("/agencies/kpu-samarinda/rotate", {})
    new = rotated.body["key"]
    assert (rotated.status, rotated.headers["cache-control"]) == (201, "no-store")
    assert [state for _, state in shown(rotated)] == ["in_force", "in_force"]
    assert [key["expires_at"] is None for key in rotated.body["keys"]] == [False, True]
    assert [await desk.reports(key) for key in (old, new)] == [202, 202]

    third = await desk.post("/agencies/kpu-samarinda/rotate", {}, **{"accept-language": "en"})
    assert third.status == 409
    assert third.body["type"] == "urn:desk-pilkada:problem:keys_two"
    assert f"Revoke one of them first, usually {old[:23]}." in third.body["detail"]

    one = await desk.post("/agencies/kpu-samarinda/revoke", {"key": old[:23]})
    assert (one.body["revoked"], [state for _, state in shown(one)]) == ([old[:23]], ["revoked", "in_force"])
    assert [await desk.reports(key) for key in (old, new)] == [401, 202]
    rest = await desk.post("/agencies/kpu-samarinda/revoke", {})
    assert rest.body["revoked"] == [new[:23]]
    assert (await desk.post("/agencies/kpu-samarinda/revoke", {})).body["revoked"] == []
    assert await desk.reports(new) == 401
    assert {key["revoked_by"] for key in rest.body["keys"]} == {"root"}


async def test_the_life_of_a_person_s_keys(desk: Desk) -> None:
    """The same calls for people; a second administrator administers, and with another role no longer."""
    added = await desk.post("/people", {"person": "ani", "role": "admin"})
    ani = added.body["key"]
    assert (added.status, added.body["role"], added.headers["cache-control"]) == (201, "admin", "no-store")
    assert (await desk.post("/agencies", AGENCY, key=ani)).status == 201
    [agency] = (await desk.get("/agencies", key=ani)).body["items"]
    assert agency["created_by"] == "ani"
    rotated = await desk.post("/people/ani/rotate", {"overlap": "0s"}, key=ani)
    assert [state for _, state in shown(rotated)] == ["expired", "in_force"]
    assert (await desk.get("/people", key=ani)).status == 401
    assert (await desk.get("/people", key=rotated.body["key"])).status == 200
    changed = await desk.post("/people/ani/change", {"role": "viewer"})
    assert (changed.status, changed.body["role"]) == (200, "viewer")
    assert (await desk.get("/people", key=rotated.body["key"])).status == 403
    assert (await desk.post("/people/ani/revoke", {})).body["revoked"] == [rotated.body["key"][:13]]
    assert (await desk.get("/people", key=rotated.body["key"])).status == 401


async def test_who_was_revoked_a_moment_ago_makes_no_key(desk: Desk) -> None:
    """Sending may go on for as long as a replica remembers; handing out rights may not."""
    ani = (await desk.post("/people", {"person": "ani", "role": "admin"})).body["key"]
    assert (await desk.get("/people", key=ani)).status == 200
    await desk.post("/people/ani/revoke", {})
    assert (await desk.post("/people", {"person": "friend", "role": "admin"}, key=ani)).status == 401


async def test_rights_are_changed_without_a_new_key(desk: Desk) -> None:
    """What is left out stays; null takes an agency's own number of events back."""
    key = await desk.added(events_per_minute=5)
    changed = await desk.post("/agencies/kpu-samarinda/change", {"kinds": ["logistics", "incidents", "logistics"]})
    assert (changed.body["kinds"], changed.body["regions"]) == (["incidents", "logistics"], ["64.72"])
    assert (changed.body["events_per_minute"], await desk.reports(key)) == (5, 403)
    back = await desk.post(
        "/agencies/kpu-samarinda/change", {"kinds": ["reports"], "regions": ["*"], "events_per_minute": None}
    )
    assert (back.body["regions"], back.body["events_per_minute"], await desk.reports(key)) == (["*"], None, 202)
    nothing = await desk.post("/agencies/kpu-samarinda/change", {})
    assert {**nothing.body, "keys": None} == {**back.body, "keys": None}


async def test_keys_end_by_the_real_time(desk: Desk) -> None:
    """The scenario's clock stands in 2024; a key's end is real, in the answer as in the list."""
    ends = real().replace(microsecond=0) + timedelta(days=1)
    await desk.added(expires_at=ends.isoformat())
    [agency] = (await desk.get("/agencies")).body["items"]
    assert agency["keys"][0]["expires_at"] == ends.isoformat().replace("+00:00", "Z")
    past = await desk.post("/agencies", {**AGENCY, "agency": "late", "expires_at": "2024-12-31T00:00:00+08:00"})
    assert (past.status, past.wrong) == (422, {"expires_at": "expires_past"})


async def test_the_list_is_in_pages(desk: Desk) -> None:
    """By name, each with all its keys and none of them whole."""
    for name in ("b", "a", "c"):
        await desk.added(agency=name)
    first = await desk.get("/agencies?limit=2")
    second = await desk.get(f"/agencies?limit=2&cursor={first.body['next']}")
    assert [i["agency"] for i in first.body["items"] + second.body["items"]] == ["a", "b", "c"]
    assert second.body["next"] is None
    assert (await desk.get("/agencies?limt=2")).status == 422
    assert (await desk.get(f"/people?cursor={first.body['next']}")).status == 422
    assert [i["person"] for i in (await desk.get("/people")).body["items"]] == ["root"]


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/agencies", AGENCY, 409),
        ("/people", {"person": "root", "role": "viewer"}, 409),
        ("/agencies/none/rotate", {}, 404),
        ("/agencies/none/revoke", {}, 404),
        ("/people/none/change", {"role": "viewer"}, 404),
        ("/agencies/root/rotate", {}, 404),
        ("/agencies/kpu-samarinda/revoke", {"key": "desk_kpu-samarinda_none"}, 404),
        ("/agencies/a%20b/rotate", {}, 422),
    ],
)
async def test_what_cannot_be_done(desk: Desk, path: str, body: Any, status: int) -> None:
    """What is there is not added, what is not there is not changed; the reason in both languages."""
    await desk.added()
    ours = await desk.post(path.replace("%20", " "), body)
    theirs = await desk.post(path.replace("%20", " "), body, **{"accept-language": "en"})
    assert (ours.status, theirs.status) == (status, status)
    assert ours.headers["content-type"] == "application/problem+json"
    assert ours.body["detail"] != theirs.body["detail"]


def a(change: str) -> bytes:
    """An agency's body with more raw JSON members at its end."""
    return json.dumps({**AGENCY, "agency": "new"})[:-1].encode() + b", " + change.encode() + b"}"


HOSTILE: list[tuple[str, str, Any, dict[str, str]]] = [
    ("no JSON", "/agencies", b"agency=kpu", {"body": "json_syntax"}),
    ("a list", "/agencies", b"[]", {"body": "json_object"}),
    ("a key twice", "/agencies", a('"agency": "other"'), {"body": "json_duplicate_key"}),
    ("unknown field", "/agencies", a('"role": "admin"'), {"role": "extra_forbidden"}),
    ("NaN", "/agencies", a('"events_per_minute": NaN'), {"body": "json_number"}),
    ("nothing", "/agencies", {}, {"agency": "missing", "kinds": "missing", "regions": "missing"}),
    ("a blank in the name", "/agencies", {**AGENCY, "agency": "kpu samarinda"}, {"agency": "slug"}),
    ("dots as name", "/agencies", {**AGENCY, "agency": ".."}, {"agency": "id_dots"}),
    ("an operator as name", "/agencies", {**AGENCY, "agency": {"$ne": 1}}, {"agency": "type_text"}),
    ("unknown region", "/agencies", {**AGENCY, "regions": ["64.79"]}, {"regions.0": "region_unknown"}),
    ("a region's name", "/agencies", {**AGENCY, "regions": ["Samarinda"]}, {"regions.0": "region_unknown"}),
    ("no region", "/agencies", {**AGENCY, "regions": []}, {"regions": "missing"}),
    ("a star in a text", "/agencies", {**AGENCY, "regions": ["64.*"]}, {"regions.0": "region_unknown"}),
    ("too many regions", "/agencies", {**AGENCY, "regions": ["64"] * 501}, {"regions": "too_many"}),
    ("unknown kind", "/agencies", {**AGENCY, "kinds": ["everything"]}, {"kinds.0": "enum"}),
    ("no kind", "/agencies", {**AGENCY, "kinds": []}, {"kinds": "missing"}),
    ("naive end", "/agencies", {**AGENCY, "expires_at": "2099-01-01T00:00:00"}, {"expires_at": "timezone_aware"}),
    ("a day as end", "/agencies", {**AGENCY, "expires_at": "2099-01-01"}, {"expires_at": "time_syntax"}),
    ("past end", "/agencies", {**AGENCY, "expires_at": "2001-01-01T00:00:00Z"}, {"expires_at": "expires_past"}),
    ("none a minute", "/agencies", {**AGENCY, "events_per_minute": 0}, {"events_per_minute": "number_too_small"}),
    ("a lot", "/agencies", {**AGENCY, "events_per_minute": 10**7}, {"events_per_minute": "number_too_large"}),
    ("a text as number", "/agencies", {**AGENCY, "events_per_minute": "5"}, {"events_per_minute": "type_whole"}),
    ("true as number", "/agencies", {**AGENCY, "events_per_minute": True}, {"events_per_minute": "type_whole"}),
    ("unknown role", "/people", {"person": "ani", "role": "root"}, {"role": "enum"}),
    ("a role in capitals", "/people", {"person": "ani", "role": "ADMIN"}, {"role": "enum"}),
    ("no role", "/people/root/change", {"role": None}, {"role": "enum"}),
    (
        "an agency's field",
        "/people",
        {"person": "ani", "role": "viewer", "regions": []},
        {"regions": "extra_forbidden"},
    ),
    ("overlap in words", "/people/root/rotate", {"overlap": "a week"}, {"overlap": "duration_syntax"}),
    ("overlap as number", "/people/root/rotate", {"overlap": 7}, {"overlap": "duration_syntax"}),
    ("negative overlap", "/people/root/rotate", {"overlap": "-7d"}, {"overlap": "duration_syntax"}),
    ("endless overlap", "/people/root/rotate", {"overlap": "999999d"}, {"overlap": "duration_long"}),
    ("null for all keys", "/people/root/revoke", {"key": None}, {"key": "type_text"}),
    ("an empty prefix", "/people/root/revoke", {"key": ""}, {"key": "text_blank"}),
    ("a misspelled field", "/people/root/revoke", {"keys": "desk_root_AbC4"}, {"keys": "extra_forbidden"}),
]


@pytest.mark.parametrize(("path", "body", "wrong"), [c[1:] for c in HOSTILE], ids=[c[0] for c in HOSTILE])
async def test_wrong_bodies_change_nothing(quiet_desk: Desk, path: str, body: Any, wrong: dict[str, str]) -> None:
    """As strict as a submission: every wrong field is named, and nobody loses or gains a key."""
    answer = await quiet_desk.post(path, body)
    assert (answer.status, answer.wrong) == (422, wrong)
    [root] = [document async for document in quiet_desk.holders.find()]
    assert (root["name"], root["role"], root["rev"]) == ("root", "admin", 1)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "text/plain"}, 415),
        ({"content-encoding": "gzip"}, 415),
        ({"content-length": "8193"}, 413),
        ({}, 201),
    ],
)
async def test_only_plain_json_of_bounded_size(desk: Desk, headers: dict[str, str], status: int) -> None:
    """The same limits as for submissions."""
    assert (await desk.post("/agencies", AGENCY, **headers)).status == status


async def test_unknown_regions_come_with_the_nearest_ones(desk: Desk) -> None:
    """Whoever mistypes a code is told which there are."""
    answer = await desk.post("/agencies", {**AGENCY, "regions": ["64.72", "64.79"]}, **{"accept-language": "en"})
    [wrong] = answer.body["errors"]
    assert (wrong["field"], wrong["problem"]) == (
        "regions.1",
        "is no known region; perhaps 64.74 (Kota Bontang), 64.72 (Kota Samarinda), 64.71 (Kota Balikpapan)",
    )


async def test_two_administrators_at_the_same_moment(desk: Desk, calendar: Calendar, holders: Any) -> None:
    """Through two replicas: one adds and one is told, one rotates and one is refused."""
    replicas = [make_desk(calendar, holders) for _ in range(2)]
    adding = await asyncio.gather(*(replica.post("/agencies", AGENCY) for replica in replicas))
    rotating = await asyncio.gather(*(r.post("/agencies/kpu-samarinda/rotate", {}) for r in replicas))
    assert [sorted(answer.status for answer in answers) for answers in (adding, rotating)] == [[201, 409]] * 2
    [agency] = (await desk.get("/agencies")).body["items"]
    assert [key["state"] for key in agency["keys"]] == ["in_force"] * 2


async def test_database_away(intake: Intake) -> None:
    """503 with Retry-After: who administers is asked of the database, and it does not answer."""
    intake.keys.give("admin", Grant("root", role=Role.ADMIN))
    intake.keys.is_away = True
    answer = await intake.post("/v1/admin/agencies", AGENCY, key="admin")
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")


# who may


ROLES: list[tuple[str, Grant | None, int]] = [
    ("no key", None, 401),
    ("unknown key", None, 401),
    ("agency of everything", Grant("kaltim", "kaltim", frozenset(Kind), ("*",)), 403),
    ("viewer", Grant("v", role=Role.VIEWER), 403),
    ("operator", Grant("o", role=Role.OPERATOR), 403),
    ("admin", Grant("adm", role=Role.ADMIN), 0),
    ("expired admin", Grant("exp", role=Role.ADMIN, expires_at=real() - timedelta(seconds=1)), 401),
    ("revoked admin", Grant("rev", role=Role.ADMIN), 401),
]


@pytest.mark.parametrize(("who", "grant", "refused"), ROLES, ids=[r[0] for r in ROLES])
async def test_matrix_of_roles(desk: Desk, who: str, grant: Grant | None, refused: int) -> None:
    """Each call of the admin API that there is, with each sort of key: for administrators alone, and asked before
    anything else is."""
    if grant is not None:
        await Registry(desk.holders).put_if_new(who, grant, "a test")
    if who.startswith("revoked"):
        await desk.post(f"/people/{grant and grant.name}/revoke", {})
    document = (await desk.intake.call("GET", "/openapi.json")).body
    calls = [(m, path) for path, found in document["paths"].items() if path.startswith("/v1/admin") for m in found]
    assert len(calls) == 10
    for method, path in calls:
        named = path.removeprefix("/v1/admin").replace("{name}", "not a name")
        key = None if who == "no key" else who
        answer = await (desk.get(named, key) if method == "get" else desk.post(named, b"nonsense", key))
        allowed = 422 if method == "post" else 200
        assert answer.status == (refused or allowed), (method, path)
        assert ("www-authenticate" in answer.headers) is (refused == 401)


# what is told


async def test_nothing_of_a_key_in_logs_and_errors(desk: Desk) -> None:
    """Whatever is called, right or wrong, with the log wide open: no key, no hash, no header; a key only in the one
    answer that makes it."""
    answers: list[bytes] = []
    with configured("intake", "DEBUG") as log:
        added = await desk.post("/agencies", AGENCY)
        rotated = await desk.post("/agencies/kpu-samarinda/rotate", {})
        made, second = added.body["key"], rotated.body["key"]
        for key in (ROOT, made, second, "guessed-key"):
            for path, body in (
                ("/agencies/kpu-samarinda/rotate", {}),
                ("/agencies/kpu-samarinda/revoke", {"key": made}),
                ("/agencies", {**AGENCY, "agency": second + "/"}),
                ("/agencies", {**AGENCY, "regions": [made]}),
                ("/people", {"person": "ani", "role": made}),
            ):
                answers.append((await desk.post(path, body, key)).raw)
            answers.append((await desk.get("/agencies", key)).raw)
            sent = [desk.intake.post("/v1/reports", {**REPORT, "region": r}, key) for r in ("64.72", "64.71", made)]
            answers += [answer.raw for answer in await asyncio.gather(*sent)]
        answers.append((await desk.post("/agencies/kpu-samarinda/revoke", {})).raw)
    everything = log.getvalue() + b"".join(answers).decode()
    assert "key_issued" in log.getvalue()
    assert "keys_revoked" in log.getvalue()
    for key in (ROOT, made, second):
        assert key not in everything
        assert key_hash(key)[:10] not in everything
    assert "earer " not in log.getvalue()


async def test_a_database_s_refusal_is_not_repeated(
    desk: Desk, holders: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It quotes the command that it refused, with the hash in it: neither the log nor the answer does."""
    hashed = "ab" * 32

    async def refuse(_self: Any, *_args: Any) -> None:
        raise OperationFailure(f'not allowed to execute {{ insert: "{hashed}" }}', 13, {"codeName": "Unauthorized"})

    monkeypatch.setattr(Registry, "add", refuse)
    answer = await desk.post("/agencies", AGENCY)
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert "Unauthorized" in caplog.text
    assert hashed not in caplog.text + answer.raw.decode()


async def test_any_form_of_key_opens_the_door(desk: Desk) -> None:
    """A secret with blanks or other letters, as a client writes it: in UTF-8 or in Latin-1."""
    for key in ("kunci rahasia", "kunci-ä✔", "kunci-ä", "k" * 512):
        await Registry(desk.holders).put_if_new(key, Grant(f"p{len(key)}", role=Role.ADMIN), "a test")
        header = key.encode().decode("latin-1")
        assert (await desk.get("/people", header)).status == 200, key
    assert (await desk.get("/people", "kunci-ä")).status == 200  # Latin-1
    assert (await desk.get("/people", "k" * 513)).status == 401


async def test_documents_describe_every_call(desk: Desk) -> None:
    """Every call has a summary and its errors in the documents, no reference points nowhere, and the examples work."""
    document = (await desk.intake.call("GET", "/openapi.json")).body
    calls = [
        (path.removeprefix("/v1/admin"), method, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if path.startswith("/v1/admin")
    ]
    tried = 0
    # Each holder is added before the rest, and listed last.
    for path, method, operation in sorted(calls, key=lambda call: (call[1] == "get", call[0])):
        wanted = {"401", "403", "422", "503"} | ({"408", "413", "415"} if method == "post" else set())
        assert wanted <= set(operation["responses"]), path
        assert operation["summary"]
        if method == "post":
            tried += await _try_examples(desk, path, operation)
        else:
            assert shape((await desk.get(path)).body) == shape(_done(operation))
    assert tried == 12


def _done(operation: Any) -> Any:
    """What the documents show as the answer of a call that went well."""
    (answer,) = (answer for status, answer in operation["responses"].items() if status.startswith("2"))
    (example,) = answer["content"]["application/json"]["examples"].values()
    return example["value"]


def shape(shown: Any) -> Any:
    """The names of all fields, of a list's first item; not the values."""
    if isinstance(shown, dict):
        return {name: shape(value) for name, value in shown.items()}
    return [shape(inner) for inner in shown[:1] if isinstance(inner, dict)] if isinstance(shown, list) else None


PROVOKED: dict[str, tuple[str, str, dict[str, Any]]] = {
    "no_key": ("/agencies", "/agencies", {"key": None, "body": AGENCY}),
    "no_role": ("/agencies", "/agencies", {"key": "viewer's key", "body": AGENCY}),
    "too_large": ("/agencies", "/agencies", {"body": {**AGENCY, "agency": "x" * 10_000}}),
    "media_type": ("/agencies", "/agencies", {"body": AGENCY, "content-type": "text/csv"}),
    "unknown_field": ("/agencies", "/agencies", {"body": {**AGENCY, "wilayah": "64"}}),
    "holder_exists": ("/agencies", "/agencies", {"body": AGENCY}),
    "holder_unknown": ("/agencies/{name}/rotate", "/agencies/nobody/rotate", {"body": {}}),
    "keys_two": ("/agencies/{name}/rotate", "/agencies/kpu-samarinda/rotate", {"body": {}}),
    "key_unknown": ("/agencies/{name}/revoke", "/agencies/kpu-samarinda/revoke", {"body": {"key": "desk_other"}}),
}


async def test_refusals_are_answered_as_shown(desk: Desk) -> None:
    """Each call shows each of its errors in both languages; those that can be provoked are answered as shown, but for
    the values in them."""
    await Registry(desk.holders).put_if_new("viewer's key", Grant("siti", role=Role.VIEWER), "a test")
    await desk.added()
    await desk.post("/agencies/kpu-samarinda/rotate", {})
    paths = (await desk.intake.call("GET", "/openapi.json")).body["paths"]
    for path in (path for path in paths if path.startswith("/v1/admin")):
        for operation in paths[path].values():
            errors = {s: a for s, a in operation["responses"].items() if int(s) >= 400}
            for status, answer in errors.items():
                examples = answer["content"]["application/problem+json"]["examples"]
                assert {name[-3:] for name in examples} == {"_id", "_en"}, (path, status)
                assert {str(example["value"]["status"]) for example in examples.values()} == {status}
    for called, (path, address, sent) in PROVOKED.items():
        answer = await desk.post(address, **sent)
        said = paths[f"/v1/admin{path}"]["post"]["responses"][str(answer.status)]
        example = said["content"]["application/problem+json"]["examples"][f"{called}_id"]["value"]
        if called == "unknown_field":
            assert answer.body == example
        assert without_values(answer.body) == without_values(example), called


async def _try_examples(desk: Desk, path: str, operation: Any) -> int:
    """How many there are; each is answered as the documents say, with 404 for an example's key."""
    kind, name = ("/agencies", "kpu-samarinda") if path.startswith("/agencies") else ("/people", "ani")
    content = operation["requestBody"]["content"]["application/json"]
    assert "$ref" not in json.dumps(content)
    good = int(next(status for status in operation["responses"] if status.startswith("2")))
    for example in content["examples"].values():
        await desk.post(f"{kind}/{name}/revoke", {})  # so that there is room for a key
        answer = await desk.post(path.replace("{name}", name), example["value"])
        assert answer.status == (404 if "key" in example["value"] else good), (path, answer.raw)
        if answer.status == good:
            assert shape(answer.body) == shape(_done(operation)), path
    return len(content["examples"])
