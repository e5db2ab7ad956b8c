"""`desk agency`, `desk person` and the first keys of `desk init`, on a real MongoDB."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr
from pymongo import MongoClient
from typer.testing import CliRunner, Result

from desk import data_dir, init
from desk.cli import main
from desk.keys import open_keys
from shared import mongo
from shared.access.holders import Sort
from shared.access.keys import MOST_EVENTS_PER_MINUTE, Grant
from shared.access.store import COLLECTION, AccessStore
from shared.settings import Settings

Desk = Callable[..., Result]
KPU = ("agency", "add", "kpu", "--region", "64.72", "--kind", "reports")


@pytest.fixture
def url(mongo_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An address whose keys are ours alone."""
    monkeypatch.setenv("DESK_MONGO", mongo_url)
    monkeypatch.setattr(mongo, "ACCESS_DB", "test_desk_keys")
    yield mongo_url
    with MongoClient[mongo.Document](mongo_url) as client:
        client.drop_database("test_desk_keys")


@pytest.fixture
def desk(url: str) -> Desk:
    return lambda *arguments: CliRunner().invoke(main, arguments)


def grants(url: str, *keys: str) -> list[Grant | None]:
    """What a service finds behind keys."""

    async def asked() -> list[Grant | None]:
        client = mongo.connect(url)
        store = AccessStore(mongo.database(client, mongo.ACCESS_DB)[COLLECTION], 15)
        found = [await store.grant_of(key) for key in keys]
        await mongo.close(client)
        return found

    return asyncio.run(asked())


def key_of(done: Result) -> str:
    """The key that a command printed, alone on stdout."""
    assert done.exit_code == 0, done.stderr
    assert re.fullmatch(r"desk_\S{43,}\n", done.stdout)
    return done.stdout.strip()


def rows(done: Result) -> list[list[str]]:
    """The cells of a printed table."""
    assert done.exit_code == 0, done.stderr
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in done.stdout.splitlines() if "│" in line]


def test_an_agency_s_keys_on_the_command_line(desk: Desk, url: str) -> None:
    """Made, rotated, refused a third, revoked one and then all; the list tells what holds and shows no key."""
    old = key_of(desk(*KPU))
    new = key_of(desk("agency", "rotate", "kpu"))
    assert [grant and grant.agency for grant in grants(url, old, new)] == ["kpu", "kpu"]
    third = desk("agency", "rotate", "kpu")
    assert (third.exit_code, third.stdout) == (1, "")
    assert f"desk agency revoke kpu --key {old[:13]}" in third.stderr
    (first, second) = rows(desk("agency", "list"))
    assert first[:5] == ["kpu", "reports", "64.72", "default", old[:13]]
    assert re.fullmatch(r"in force, expires \d{4}-\d\d-\d\d \d\d:\d\d UTC", first[5])
    assert second[:6] == ["", "", "", "", new[:13], "in force"]
    assert desk("agency", "revoke", "kpu", "--key", old[:13]).exit_code == 0
    assert grants(url, old)[0] is None
    assert rows(desk("agency", "list"))[0][5].startswith("revoked ")
    assert desk("agency", "revoke", "kpu").exit_code == 0
    assert grants(url, new)[0] is None
    again = desk("agency", "revoke", "kpu")
    assert (again.exit_code, "has no key in force" in again.stderr) == (1, True)
    assert old not in desk("agency", "list").stdout


def test_rights_are_changed(desk: Desk, url: str) -> None:
    """Regions, kinds, events a minute: what is named; 0 takes an agency's own number back."""
    key = key_of(desk(*KPU, "--events-per-minute", "5"))
    assert desk("agency", "change", "kpu", "--region", "64", "--region", "64").exit_code == 0
    (grant,) = grants(url, key)
    assert grant is not None
    assert (grant.regions, set(grant.kinds), grant.events_per_minute) == (("64",), {"reports"}, 5)
    assert desk("agency", "change", "kpu", "--kind", "logistics", "--events-per-minute", "0").exit_code == 0
    (grant,) = grants(url, key)
    assert grant is not None
    assert (set(grant.kinds), grant.events_per_minute) == ({"logistics"}, None)


def test_people(desk: Desk, url: str) -> None:
    """Roles, an end, an overlap of nothing; an agency of the same name is another holder."""
    key = key_of(desk("person", "add", "kpu", "--role", "operator", "--days", "90"))
    key_of(desk(*KPU))
    assert desk("person", "change", "kpu", "--role", "viewer").exit_code == 0
    (grant,) = grants(url, key)
    assert grant is not None
    assert (grant.role, grant.agency, grant.expires_at is None) == ("viewer", None, False)
    new = key_of(desk("person", "rotate", "kpu", "--overlap", "0s"))
    assert [grant is None for grant in grants(url, key, new)] == [True, False]
    assert [row[3].split()[0] for row in rows(desk("person", "list"))] == ["expired", "in"]
    assert desk("person", "revoke", "kpu").exit_code == 0
    assert rows(desk("agency", "list"))[0][5] == "in force"


@pytest.mark.parametrize(
    ("arguments", "status", "line"),
    [
        (
            KPU,
            1,
            "`kpu` is there already. rotate makes a new key, change gives other rights. (desk agency rotate kpu)",
        ),
        (("agency", "rotate", "none"), 1, "`none` is not there; add makes it. (desk agency list)"),
        (("agency", "revoke", "kpu", "--key", "x"), 1, "`kpu` has no key with that prefix. In force: desk_kpu_"),
        (("person", "change", "kpu", "--role", "admin"), 1, "`kpu` is not there; add makes it. (desk person list)"),
        (("agency", "change", "kpu"), 2, "nothing to change: give --region, --kind or --events-per-minute"),
        (("agency", "change", "kpu", "--region", "64.79"), 2, "--region: 64.79 is no region of the roster"),
        (
            ("agency", "change", "kpu", "--region", "samarinda"),
            2,
            "--region: samarinda is no region of the roster; for example 64.72 (Kota Samarinda)",
        ),
        (
            ("agency", "change", "kpu", "--region", "6472"),
            2,
            "--region: 6472 is no region of the roster; for example 64.72 (Kota Samarinda)",
        ),
        (("agency", "rotate", "kpu", "--overlap", "100d"), 2, "--overlap: 100d is too long; 90d at most"),
        (("agency", "rotate", "kpu", "--overlap", "week"), 2, "--overlap: 'week' is no duration; write a number"),
        (("agency", "rotate", "kpu", "--expires", "2001-01-31"), 2, "--expires: 2001-01-31 is over already"),
        (
            ("agency", "rotate", "kpu", "--expires", "2099-01-31", "--days", "1"),
            2,
            "give --expires or --days, not both",
        ),
    ],
)
def test_what_is_wrong_is_one_line(desk: Desk, arguments: tuple[str, ...], status: int, line: str) -> None:
    """It says what to do instead, and prints no key."""
    desk(*KPU)
    done = desk(*arguments)
    (said,) = done.stderr.splitlines()
    assert (done.exit_code, done.stdout, said[: len(line) + 6]) == (status, "", f"desk: {line}")


def test_a_day_s_end_is_the_election_s(desk: Desk, url: str) -> None:
    """`--expires 2099-01-31`: the whole of that day in East Kalimantan's zone, UTC+8."""
    (grant,) = grants(url, key_of(desk(*KPU, "--expires", "2099-01-31")))
    assert grant is not None
    assert grant.expires_at is not None
    assert grant.expires_at.isoformat() == "2099-01-31T16:00:00+00:00"


def test_database_that_does_not_answer(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line with the address, status 1."""
    monkeypatch.setenv("DESK_MONGO", "mongodb://127.0.0.1:1/?directConnection=true")
    monkeypatch.setenv("DESK_MONGO_TIMEOUT_MS", "200")
    done = desk("agency", "list")
    (said,) = done.stderr.splitlines()
    assert done.exit_code == 1
    assert said.startswith("desk: MongoDB did not answer (DESK_MONGO names it): ")


# the first keys


def first_keys(url: str, secret: str | None, stack_keys: Path | None = None) -> list[str]:
    """What `desk init` says of them."""
    settings = Settings(mongo=url, admin_key=SecretStr(secret) if secret is not None else None)
    return asyncio.run(init._store(init._first_keys(settings, stack_keys), settings))


def test_the_admin_key_is_stored_once(desk: Desk, url: str) -> None:
    """Of any form; a second run changes nothing, and what was revoked stays revoked."""
    assert first_keys(url, "hunter2") == ["stored that of admin"]
    assert first_keys(url, " hunter2\n") == []
    (grant,) = grants(url, "hunter2")
    assert grant is not None
    assert grant.role == "admin"
    assert desk("person", "revoke", "admin").exit_code == 0
    assert first_keys(url, "hunter2") == []
    assert grants(url, "hunter2") == [None]


def test_a_changed_secret_is_a_second_key(desk: Desk, url: str) -> None:
    """Both work until somebody revokes one; a third one is said, and keeps no service from starting."""
    for secret in ("one", "two"):
        assert first_keys(url, secret) == ["stored that of admin"]
    (said,) = first_keys(url, "three")
    assert said.startswith(
        "NOT stored: `admin` has two keys in force: given_admin_1 (the older one) and given_admin_2."
    )
    assert desk("person", "revoke", "admin", "--key", "given_admin_1").exit_code == 0
    assert first_keys(url, "three") == ["stored that of admin"]
    assert [grant is not None for grant in grants(url, "one", "two", "three")] == [False, True, True]


@pytest.mark.parametrize("secret", ["", "  ", "a\nb", "k" * 513])
def test_a_secret_that_nobody_could_send_is_refused(url: str, secret: str) -> None:
    """One line names the variable, and not the secret."""
    with pytest.raises(init.InitFailed, match=r"^DESK_ADMIN_KEY cannot be used as a key: it ") as refused:
        first_keys(url, secret)
    assert not secret.strip() or secret not in str(refused.value)


def test_the_embedded_stack_s_keys(desk: Desk, url: str, tmp_path: Path) -> None:
    """Stored once; the agency may send everything everywhere as fast as it goes; revoked ones stay so."""
    kept = data_dir.recall_or_keep(tmp_path, None, "2024-11-18")
    stack_keys = tmp_path / data_dir.KEPT_FILE
    assert first_keys(url, None, stack_keys) == ["stored that of desk", "stored that of operator"]
    assert first_keys(url, None, stack_keys) == []
    agency, operator = grants(url, kept.agency_key, kept.operator_key)
    assert agency is not None
    assert operator is not None
    assert (agency.agency, agency.regions, agency.events_per_minute) == ("desk", ("*",), MOST_EVENTS_PER_MINUTE)
    assert (len(agency.kinds), operator.role) == (4, "operator")
    assert desk("agency", "revoke", "desk").exit_code == 0
    assert first_keys(url, None, stack_keys) == []
    assert grants(url, kept.agency_key) == [None]


def test_init_makes_the_index(url: str) -> None:
    """Without it, two inits at the same moment could store one key twice."""
    settings = Settings(mongo=url)
    asyncio.run(init.make_indexes(settings))
    with MongoClient[mongo.Document](url) as client:
        indexes = client[mongo.ACCESS_DB][COLLECTION].index_information()
    assert indexes["keys.hash_1"]["unique"]


async def test_open_keys_closes(url: str) -> None:
    """Nothing is dialled before the first question."""
    async with open_keys(Settings(mongo=url)) as keys:
        assert await keys.listed(Sort.AGENCY) == []
