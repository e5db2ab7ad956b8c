"""Ninety thousand regions: what is asked for every event or request costs no more than with ten."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import nation
from services.aggregator.periods.levels import MOST_NAMED, listed
from services.aggregator.periods.periods import verdict_counts
from services.intake.door.rush import RushHours
from services.notifier.verdicts import judgements
from shared.election.calendar import Calendar
from shared.election.config import Level
from shared.election.roster import Region
from tests.builders import MONDAY, REGIONS, a_calendar, utc

RULES = [
    {"level": "regency", "from": date(2024, 9, 30), "until": date(2024, 12, 16)},
    {"level": "village", "due": "18:00", "from": date(2024, 11, 18), "until": date(2024, 12, 16)},
    {"level": "district", "from": date(2024, 9, 30), "until": date(2024, 12, 2), "regions": ["64.72"]},
]


@pytest.fixture(scope="module")
def whole() -> Calendar:
    calendar = nation.calendar()
    calendar.owing(MONDAY)
    return calendar


def least_ms(work: Callable[[], Any], tries: int = 5) -> float:
    """Of the processor's time: the least of some tries, so that a busy machine is no failure."""
    found = []
    for _ in range(tries):
        began = time.process_time()
        work()
        found.append((time.process_time() - began) * 1e3)
    return min(found)


def test_the_nation_is_as_large_as_it_is(whole: Calendar) -> None:
    """The real numbers of districts and villages, and everybody but the provinces owes."""
    assert len(whole.roster) > 90_000
    assert len(whole.roster.at_level(Level.VILLAGE)) == nation.VILLAGES
    assert len(whole.owing(MONDAY)) == len(whole.roster) - len(whole.roster.at_level(Level.PROVINCE))


# What is asked, and for how many milliseconds at most nobody else is served. About ten times what it takes.
ASKED: list[tuple[str, float, Callable[[Calendar], Any]]] = [
    ("who owes, of each period", 5, lambda c: [c.owing(period) for period in c.all_periods()]),
    ("a page of who owes", 5, lambda c: dict(c.owing(MONDAY).after("64.72", 201))),
    ("who owes in a province", 5, lambda c: len(c.owing(MONDAY).below("64"))),
    ("one region's deadline", 2, lambda c: c.owed(c.roster["64.72.01.2001"], MONDAY)),
    ("one region's zone", 2, lambda c: c.zone("64.72.01.2001")),
    ("the rush hours", 10, lambda c: RushHours(c, timedelta(hours=3)).is_rush(utc("2024-11-18 15:00"))),
    ("the judgements to come", 10, judgements.planned),
    ("a page of all regions", 5, lambda c: c.roster.in_order(None, None, "64.72", 201)),
    ("a page of villages", 5, lambda c: c.roster.in_order(Level.VILLAGE, None, None, 201)),
    ("a page of children", 5, lambda c: c.roster.in_order(None, "64.72", None, 201)),
    *[
        (f"what looks like {code}", 60, lambda c, code=code: c.roster.nearest(code))
        for code in ("99", "64.99", "64.72.99", "64.72.01.9999", "99.99.99.9999", "9" * 64, "64." * 20)
    ],
]


@pytest.mark.parametrize(("most_ms", "ask"), [row[1:] for row in ASKED], ids=[row[0] for row in ASKED])
def test_what_a_request_asks_is_bounded(whole: Calendar, most_ms: float, ask: Callable[[Calendar], Any]) -> None:
    """Whatever a client names, right or wrong."""
    assert least_ms(lambda: ask(whole)) < most_ms


def test_a_whole_period_is_counted_in_moments(whole: Calendar) -> None:
    """Only after a verdict was read, and then for a fraction of a second: every region in one of two verdicts."""
    codes = list(whole.owing(MONDAY))
    judged = {"on_time": codes[::2], "missing": codes[1::2]}
    assert least_ms(lambda: verdict_counts(whole.owing(MONDAY).keys(), judged)) < 150
    assert least_ms(lambda: listed(whole.owing(MONDAY), judged), tries=3) < 1_500
    found = listed(whole.owing(MONDAY), judged)
    assert len(found.codes) <= MOST_NAMED
    assert len(found.codes) + sum(one.owed for one in found.sums) == len(codes)


def test_regions_share_their_deadlines(whole: Calendar) -> None:
    """Memory does not grow by a deadline for each region and period: one for each rule and zone."""
    for period in whole.all_periods():
        assert len({id(deadline) for deadline in whole.owing(period).values()}) <= 3 * 4


codes = st.sampled_from(["", "1", "64", "64.02", "64.5", "64.72", "64.72.01", "64.72.01.1001", "64.73", "9"])
periods = st.sampled_from([MONDAY + timedelta(days=7 * n) for n in range(-8, 6)])


known = st.sampled_from([region.code for region in REGIONS])


@given(
    period=periods,
    within=codes,
    after=codes,
    most=st.integers(0, 7),
    zones=st.lists(codes, max_size=3),
    overrides=st.lists(known, max_size=2),
    rules=st.sampled_from([RULES, RULES[:2]]),
)
def test_who_owes_is_what_each_region_says(
    period: date, within: str, after: str, most: int, zones: list[str], overrides: list[str], rules: list[Any]
) -> None:
    """Under several rules, scopes and zones, the roster's and the file's: the whole, what lies below a region and what
    comes after a code agree with asking every region alone."""
    regions = tuple(
        Region(r.code, r.parent, r.level, r.name, "Asia/Jayapura" if r.code in zones else None) for r in REGIONS
    )
    calendar = a_calendar(*regions, reports=rules, zones=dict.fromkeys(overrides, "Asia/Jakarta"))
    alone = {r.code: calendar.owed(r, period) for r in sorted(regions, key=lambda r: r.code)}
    expected = {code: deadline for code, deadline in alone.items() if deadline is not None}
    owing = calendar.owing(period)
    assert list(owing.items()) == list(expected.items())
    assert set(owing.keys()) == set(expected)
    assert set(owing.deadlines()) == set(expected.values())
    inside = {c: d for c, d in expected.items() if c == within or c.startswith(f"{within}.")}
    below = owing.below(within)
    assert (list(below.items()), len(below)) == (list(inside.items()), len(inside))
    assert all((code in below) == (code in inside) for code in expected)
    rest = [code for code in inside if code > after]
    assert list(below.after(after, most)) == rest[:most]
    assert list(owing.after(None, most)) == list(expected)[:most]
    behind = [code for code in expected if code > after][:most]
    assert dict(owing.after(after, most)) == {code: expected[code] for code in behind}
    for moment in {deadline.judge_at for deadline in expected.values()}:
        judged = [code for code, deadline in expected.items() if deadline.judge_at == moment]
        assert list(owing.judged_at(moment, None, len(REGIONS)).items()) == [(c, expected[c]) for c in judged]
        assert list(owing.judged_at(moment, after, most)) == [code for code in judged if code > after][:most]
        below_judged = [code for code in judged if code in inside]
        assert list(below.judged_at(moment, None, most)) == below_judged[:most]
        assert list(below.judged_at(moment, after, most)) == [code for code in below_judged if code > after][:most]
