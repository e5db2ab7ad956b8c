"""The roster: codes, ancestors, names, and help for a mistyped code."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.election.config import Level
from shared.election.roster import (
    Region,
    Roster,
    ancestors_and_self,
    is_within,
    level_of,
    province_of,
    regency_of,
)
from shared.mongo import below
from tests.builders import REGIONS

VILLAGE = "64.72.01.1001"
two = st.integers(0, 99).map(lambda n: f"{n:02}")
parts = st.tuples(two, two, two, st.integers(0, 9999).map(lambda n: f"{n:04}"))
codes = st.builds(lambda found, level: ".".join(found[:level]), parts, st.integers(1, 4))


@pytest.mark.parametrize(
    ("code", "level", "regency", "above"),
    [
        ("64", Level.PROVINCE, "64", ["64"]),
        ("64.72", Level.REGENCY, "64.72", ["64.72", "64"]),
        ("64.72.01", Level.DISTRICT, "64.72", ["64.72.01", "64.72", "64"]),
        (VILLAGE, Level.VILLAGE, "64.72", [VILLAGE, "64.72.01", "64.72", "64"]),
    ],
)
def test_what_a_code_tells(code: str, level: Level, regency: str, above: list[str]) -> None:
    """A code alone tells level, regency (every record's key), province and ancestors."""
    assert (level_of(code), regency_of(code), province_of(code)) == (level, regency, "64")
    assert list(ancestors_and_self(code)) == above
    assert regency_of("system") == "system"


@given(code=codes, other=codes)
def test_within_is_ancestry(code: str, other: str) -> None:
    """`is_within` holds for ancestors and self alone, and the database's range over codes says the same."""
    for ancestor in (*ancestors_and_self(code), other):
        expected = ancestor in set(ancestors_and_self(code))
        assert is_within(code, ancestor) is expected
        reach = below(ancestor)
        assert (reach["$gte"] <= code < reach["$lt"]) is expected


@pytest.mark.parametrize(
    ("code", "nearest"),
    [
        ("64.73", {"64.02", "64.71", "64.72"}),
        ("64.72.02", {"64.72.01"}),
        ("64.72.01.1002", {VILLAGE}),
        ("65", {"64"}),
        ("64.99.01", {"64.02", "64.71", "64.72"}),
    ],
)
def test_nearest_codes(code: str, nearest: set[str]) -> None:
    """An unknown code is answered with known ones below its nearest known ancestor."""
    assert set(Roster(REGIONS).nearest(code)) == nearest


def test_names_and_neighbours() -> None:
    """Names as on screens; a region that left the roster keeps its code as name."""
    roster = Roster(REGIONS)
    assert [roster.name(c) for c in ("64.72", VILLAGE, "11")] == ["Kota Samarinda", "Handil Bakti", "11"]
    assert [r.code for r in roster.children("64")] == ["64.02", "64.71", "64.72"]
    assert [r.code for r in roster.at_level(Level.VILLAGE)] == [VILLAGE]
    assert (len(roster), "64.72" in roster, "64.73" in roster, roster.children(VILLAGE)) == (6, True, False, ())


def test_broken_rosters() -> None:
    """A code that stands twice, or a parent that is not there, is refused."""
    twice = [REGIONS[0], REGIONS[0]]
    orphan = [Region("64.72", "64", Level.REGENCY, "x")]
    for regions, problem in ((twice, "stands twice"), (orphan, "which is not in the roster")):
        with pytest.raises(ValueError, match=problem):
            Roster(regions)
