"""Holders of keys: at most two in force, an overlap for the old one, and what was ended stays so."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.access.documents import to_document, to_holder
from shared.access.holders import (
    Holder,
    IssuedKey,
    KeyState,
    Refused,
    fresh_key,
    issued,
    revoked,
    with_key,
)
from shared.access.keys import Grant, Kind, Role
from tests.builders import utc

NOW = utc("2024-11-18T00:00:00Z")
DAY = timedelta(days=1)
AGENCY = Grant("kpu", "kpu", frozenset({Kind.REPORTS.value}), ("64.72",), events_per_minute=7)
PERSON = Grant("ani", role=Role.OPERATOR)


def a_key(nth: int = 1, expires_at: datetime | None = None) -> IssuedKey:
    return IssuedKey(f"{nth:064}", f"desk_kpu_{nth:04}", NOW - DAY, "ani", expires_at)


def a_holder(*keys: IssuedKey, rights: Grant = AGENCY) -> Holder:
    return Holder(rights, keys or (a_key(),), NOW - DAY, "ani")


def states(holder: Holder, now: datetime = NOW) -> list[str]:
    return [key.state_at(now).value for key in holder.keys]


@pytest.mark.parametrize(
    ("expires_in", "is_revoked", "state"),
    [
        (None, False, KeyState.IN_FORCE),
        (1, False, KeyState.IN_FORCE),
        (0, False, KeyState.EXPIRED),
        (-1, False, KeyState.EXPIRED),
        (1, True, KeyState.REVOKED),
        (-1, True, KeyState.REVOKED),
    ],
)
def test_state_of_a_key(expires_in: int | None, is_revoked: bool, state: KeyState) -> None:
    """A key ends at its expiry, exactly; a revoked one is called so even after it. Its grant says the same."""
    key = a_key(expires_at=None if expires_in is None else NOW + timedelta(microseconds=expires_in))
    if is_revoked:
        key = replace(key, revoked_at=NOW, revoked_by="ani")
    assert key.state_at(NOW) is state
    assert a_holder(key).grant(key).is_valid_at(NOW) is (state is KeyState.IN_FORCE)


@pytest.mark.parametrize(
    ("expires_at", "overlap", "ends"),
    [
        (None, 7 * DAY, NOW + 7 * DAY),
        (NOW + 3 * DAY, 7 * DAY, NOW + 3 * DAY),
        (NOW + 30 * DAY, 7 * DAY, NOW + 7 * DAY),
        (None, timedelta(), NOW),
        (None, None, None),
    ],
)
def test_the_old_key_ends_after_the_overlap(
    expires_at: datetime | None, overlap: timedelta | None, ends: datetime | None
) -> None:
    """A rotation never lengthens a key's life; without an overlap it leaves it as it is."""
    rotated = with_key(a_holder(a_key(1, expires_at)), a_key(2), NOW, overlap)
    assert [key.expires_at for key in rotated.keys] == [ends, None]
    assert rotated.rights == AGENCY


def test_a_third_key_is_refused_with_the_names_of_the_two() -> None:
    """With two in force the answer says which there are; with one ended there is room again."""
    two = with_key(a_holder(), a_key(2), NOW, 7 * DAY)
    with pytest.raises(Refused) as refused:
        with_key(two, a_key(3), NOW, 7 * DAY)
    assert refused.value.reason == "keys_two"
    assert refused.value.values == {"name": "kpu", "older": "desk_kpu_0001", "newer": "desk_kpu_0002"}
    later = with_key(two, a_key(3), NOW + 7 * DAY, 7 * DAY)
    assert states(later, NOW + 7 * DAY) == ["expired", "in_force", "in_force"]
    one, _ = revoked(two, "desk_kpu_0002", NOW, "budi")
    assert states(with_key(one, a_key(3), NOW, None)) == ["in_force", "revoked", "in_force"]


@pytest.mark.parametrize(
    ("prefix", "ended", "after"),
    [
        (None, ("desk_kpu_0002", "desk_kpu_0003"), ["expired", "revoked", "revoked"]),
        ("desk_kpu_0003", ("desk_kpu_0003",), ["expired", "in_force", "revoked"]),
        ("desk_kpu_0001", (), ["expired", "in_force", "in_force"]),
    ],
)
def test_revocation(prefix: str | None, ended: tuple[str, ...], after: list[str]) -> None:
    """All keys in force or one, by whom and when; what had ended stays as it was, and twice is once."""
    holder = a_holder(a_key(1, NOW), a_key(2), a_key(3))
    once, first = revoked(holder, prefix, NOW, "budi")
    again, second = revoked(once, prefix, NOW + DAY, "citra")
    assert (first, states(once)) == (ended, after)
    assert (second, again) == ((), once)
    assert {(k.revoked_at, k.revoked_by) for k in once.keys} <= {(NOW, "budi"), (None, None)}


def test_revocation_of_an_unknown_prefix() -> None:
    """The refusal names the keys in force, and does not repeat what was sent: it could be a key."""
    with pytest.raises(Refused) as refused:
        revoked(a_holder(a_key(1, NOW), a_key(2)), "desk_kpu_secret", NOW, "budi")
    assert refused.value.values == {"name": "kpu", "known": "desk_kpu_0002"}
    assert "secret" not in str(refused.value)


def test_what_is_kept_of_a_key() -> None:
    """Its hash, and a beginning of ours that differs from the others'; nothing at all of a secret of another form."""
    key = fresh_key("kpu", (a_key(),))
    kept = issued(key, "kpu", 2, NOW, "ani", None)
    assert key.startswith(kept.prefix)
    assert len(kept.prefix) == len("desk_kpu_") + 4
    assert kept.hash not in repr(kept)
    assert issued("hunter2", "kpu", 2, NOW, "ani", None).prefix == "given_kpu_2"


@pytest.mark.parametrize("rights", [AGENCY, PERSON, replace(AGENCY, events_per_minute=None)])
def test_holders_survive_the_database(rights: Grant) -> None:
    """Rights, keys and revision come back as they were."""
    holder = a_holder(a_key(1, NOW), replace(a_key(2), revoked_at=NOW, revoked_by="budi"), rights=rights)
    document = to_document(holder)
    assert to_holder(document) == holder
    assert document["_id"] in ("agency:kpu", "person:ani")


STEPS = st.one_of(
    st.tuples(st.just("rotate"), st.integers(0, 10)),
    st.tuples(st.just("revoke"), st.none() | st.integers(1, 4)),
    st.tuples(st.just("wait"), st.integers(0, 8)),
)


@given(st.lists(STEPS, max_size=30))
def test_never_more_than_two_in_force(steps: list[tuple[str, int | None]]) -> None:
    """Whatever administrators do in whatever order: at most two keys work, and none that ended works again."""
    holder, now, ended = a_holder(), NOW, set[str]()
    for what, number in steps:
        try:
            if what == "rotate":
                holder = with_key(holder, a_key(len(holder.keys) + 1), now, timedelta(days=number or 0))
            elif what == "revoke":
                holder, _ = revoked(holder, f"desk_kpu_{number:04}" if number else None, now, "budi")
            else:
                now += timedelta(days=number or 0)
        except Refused:
            pass
        in_force = {key.prefix for key in holder.in_force(now)}
        assert len(in_force) <= 2
        assert not in_force & ended
        ended |= {key.prefix for key in holder.keys} - in_force
