"""What a process remembers of keys: bounded, known ones apart from invented ones."""

from __future__ import annotations

import pytest

from shared.access.keys import Grant
from shared.access.memory import SeenKeys

GRANT = Grant("kpu", "kpu")


@pytest.mark.parametrize(("grant", "until"), [(GRANT, 115.0), (None, 105.0)])
def test_for_how_long_it_holds(grant: Grant | None, until: float) -> None:
    """Rights hold for the given time from the question on, that a key is nobody's for less."""
    seen = SeenKeys(15.0, nobodys_s=5.0)
    assert seen.find("a") is None
    seen.put("a", grant, 100.0)
    found = seen.find("a")
    assert found is not None
    assert (found.grant, found.until_s) == (grant, until)


def test_nobodys_keys_hold_no_longer_than_others() -> None:
    """A short time for rights is one for all."""
    assert SeenKeys(1.0, nobodys_s=5.0).put("a", None, 0.0).until_s == 1.0


def test_a_key_changes_sides() -> None:
    """A key that was tried too early and then made is known, and one that is gone from the database is nobody's."""
    seen = SeenKeys(15.0)
    for grant in (None, GRANT, None):
        seen.put("a", grant, 0.0)
        found = seen.find("a")
        assert found is not None
        assert found.grant == grant


def test_invented_keys_push_out_no_known_one() -> None:
    """A flood of them forgets other invented ones, the oldest first; the known ones are all still there."""
    seen = SeenKeys(15.0, most_grants=3, most_nobodys=10)
    for name in "abc":
        seen.put(name, GRANT, 0.0)
    for n in range(1000):
        seen.put(f"invented-{n}", None, 0.0)
    assert all(seen.find(name) for name in "abc")
    assert [n for n in range(1000) if seen.find(f"invented-{n}")] == list(range(990, 1000))


def test_known_keys_are_bounded_too() -> None:
    """The one that was asked for the longest ago goes first."""
    seen = SeenKeys(15.0, most_grants=3)
    for name in "abcad":
        seen.put(name, GRANT, 0.0)
    assert [name for name in "abcd" if seen.find(name)] == ["a", "c", "d"]
