"""Keys and grants: who may send what for which region, and who may do what."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shared.access.keys import LONGEST_KEY, Grant, Kind, Role, key_hash, new_key, shown_part, unusable_because
from tests.builders import utc

NOW = utc("2024-11-18T00:00:00Z")
ALL_KINDS = frozenset(k.value for k in Kind)


@pytest.mark.parametrize(
    ("regions", "region", "may"),
    [
        (("*",), "64.72.01.1001", True),
        (("*",), "system", True),
        (("64",), "64", True),
        (("64",), "64.72", True),
        (("64",), "64.72.01.1001", True),
        (("64",), "63.72", False),
        (("64.72",), "64", False),
        (("64.72",), "64.72", True),
        (("64.72",), "64.72.01", True),
        (("64.72",), "64.71", False),
        (("64.7",), "64.72", False),  # a prefix of the text is no ancestor
        (("64.72.01",), "64.72.011001", False),
        (("64.02", "64.72"), "64.72.01", True),
        (("64.02", "64.72"), "64.71", False),
        ((), "64", False),
        (("",), "64", False),
    ],
)
def test_regions_of_a_key(regions: tuple[str, ...], region: str, may: bool) -> None:
    """A key's regions are subtrees: itself and all below, never above or beside."""
    grant = Grant("k", "desk", ALL_KINDS, regions)
    assert all(grant.may_send(kind, region) is may for kind in Kind)


@pytest.mark.parametrize("kind", list(Kind))
@pytest.mark.parametrize("granted", [*({k} for k in Kind), set(Kind), set()])
def test_kinds_of_a_key(kind: Kind, granted: set[Kind]) -> None:
    """A key sends the kinds it was given, no other."""
    grant = Grant("k", "desk", frozenset(k.value for k in granted), ("*",))
    assert grant.may_send(kind, "64.72") is (kind in granted)


def test_only_agencies_send() -> None:
    """A person's key sends nothing, whatever its role and regions."""
    assert not Grant("p", None, ALL_KINDS, ("*",), role=Role.ADMIN).may_send(Kind.REPORTS, "64")


@pytest.mark.parametrize(
    ("role", "may"),
    [
        (None, set()),
        (Role.VIEWER, {Role.VIEWER}),
        (Role.OPERATOR, {Role.VIEWER, Role.OPERATOR}),
        (Role.ADMIN, {Role.VIEWER, Role.OPERATOR, Role.ADMIN}),
    ],
)
def test_each_role_includes_the_ones_before(role: Role | None, may: set[Role]) -> None:
    """An agency's key has no role; an admin may do everything."""
    assert {r for r in Role if Grant("p", role=role).has_role(r)} == may


@pytest.mark.parametrize(
    ("expires_in", "is_revoked", "is_valid"),
    [
        (None, False, True),
        (None, True, False),
        (1, False, True),
        (0, False, False),
        (-1, False, False),
        (1, True, False),
    ],
)
def test_validity(expires_in: int | None, is_revoked: bool, is_valid: bool) -> None:
    """A key ends at its expiry, exactly, and with its revocation."""
    expires_at = None if expires_in is None else NOW + timedelta(microseconds=expires_in)
    assert Grant("k", expires_at=expires_at, is_revoked=is_revoked).is_valid_at(NOW) is is_valid


def test_keys_are_random_and_only_their_hash_is_kept() -> None:
    """256 random bits behind a readable name; the hash is SHA-256 and never fails, whatever a client sends."""
    made = {new_key("desk-64") for _ in range(100)}
    assert len(made) == 100
    assert all(k.startswith("desk_desk-64_") and len(k) == len("desk_desk-64_") + 43 for k in made)
    assert key_hash("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert len({key_hash(k) for k in ("", "\ud800", "ä", *made)}) == 103


@pytest.mark.parametrize("name", ["kpu-samarinda", "a_b", "desk", "x" * 64, "1.2-3_"])
def test_the_part_of_a_key_that_may_be_shown(name: str) -> None:
    """The readable beginning and four characters: 39 of the 43 random ones stay unknown."""
    key = new_key(name)
    shown = shown_part(key, name)
    assert shown is not None
    assert key.startswith(shown)
    assert len(key) - len(shown) == 39


@pytest.mark.parametrize(
    "key", ["hunter2", "desk_ani_short", f"desk_budi_{'x' * 43}", f"desk_ani_{'x' * 44}", f"desk_{'x' * 43}", ""]
)
def test_nothing_is_shown_of_a_secret_of_another_form(key: str) -> None:
    """It may be a short password: four of its characters would be half of it."""
    assert shown_part(key, "ani") is None


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("desk_admin_for-this-test", None),
        ("hunter2", None),
        ("kunci rahasia kami", None),
        ("kunci-ä-\u2714", None),
        ("k" * LONGEST_KEY, None),
        ("k" * (LONGEST_KEY + 1), "it is longer than 512 bytes"),
        ("", "it is empty"),
        ("  ", "it is empty"),
        ("a\nb", "it has line breaks, control characters, or spaces at an end"),
        ("a\0b", "it has line breaks, control characters, or spaces at an end"),
        (" a", "it has line breaks, control characters, or spaces at an end"),
    ],
)
def test_which_secrets_can_be_keys(key: str, reason: str | None) -> None:
    """Any string that a client can send in a header."""
    assert unusable_because(key) == reason
