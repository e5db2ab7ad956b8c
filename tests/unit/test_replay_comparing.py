"""How two documents differ, in words, and what is no difference."""

from __future__ import annotations

from typing import Any

import pytest

from desk.counting import in_line
from desk.replay.comparing import difference, has_expired, is_ahead, told
from desk.replay.run import lost_words
from services.aggregator.state.region_state import empty_state
from tests.builders import utc

REGION: dict[str, Any] = {
    "_id": "64.72",
    "rev": 3,
    "cursors": {"reports:1": 7},
    "own": {"reports": {"count": 2}, "latest": None},
}
ENTRY: dict[str, Any] = {
    "_id": "/agencies/kpu/r1",
    "topic": "desk.reports",
    "partition": 1,
    "offset": 7,
    "hash": "a",
    "region": "64.72",
    "received_at": utc("2024-11-18 08:00"),
    "written_at": utc("2024-11-18 08:01"),
}
NEWEST = {"period": "2024-11-18", "agency": "kpu", "id": "r2", "condition": "normal", "is_withdrawn": False}
TEN: dict[str, Any] = {  # as earlier versions wrote it
    **REGION,
    "own": {
        **empty_state(),
        "recent_reports": [{**NEWEST, "id": "r1"}, NEWEST],
        "withdrawn": [{"period": "2024-11-11", "agency": "kpu", "id": "r0"}],
        "latest_report": NEWEST,
    },
}
ONE: dict[str, Any] = {**REGION, "own": {**empty_state(), "recent_reports": [NEWEST]}}


@pytest.mark.parametrize(
    ("collection", "used", "logged"),
    [
        ("regions", REGION, {**REGION, "rev": 9, "cursors": {"reports:2": 1}}),
        ("journal", ENTRY, {**ENTRY, "written_at": utc("2026-01-01"), "partition": 4, "offset": 1, "others": [1]}),
        ("reports", None, None),
        ("regions", TEN, ONE),
    ],
)
def test_no_difference(collection: str, used: Any, logged: Any) -> None:
    """What differs by nature is none."""
    assert difference(collection, "64.72", used, logged) is None


@pytest.mark.parametrize(
    ("used", "logged", "words"),
    [
        (None, REGION, "regions 64.72: missing; the log has it"),
        (REGION, None, "regions 64.72: nothing in the log accounts for it"),
        (
            {**REGION, "own": {"reports": {"count": 9}, "latest": "x" * 200}},
            REGION,
            f"regions 64.72: own.latest is '{'x' * 59}..., None by the log; own.reports.count is 9, 2 by the log",
        ),
        (
            {**TEN, "own": {**TEN["own"], "recent_reports": [NEWEST, {**NEWEST, "condition": "critical"}]}},
            ONE,
            "regions 64.72: own.recent_reports is [{'period': '2024-11-18', 'agency': 'kpu', 'id': 'r2', 'cond..., "
            "[{'period': '2024-11-18', 'agency': 'kpu', 'id': 'r2', 'cond... by the log",
        ),
        ({**REGION, "own": [1]}, {**REGION, "own": [1, 2]}, "regions 64.72: own has 1 entries, 2 by the log"),
        (
            dict(REGION, a=1, b=1, c=1, d=utc("2024-11-18")),
            REGION,
            "regions 64.72: a is 1, None by the log; b is 1, None by the log; c is 1, None by the log; 1 fields more",
        ),
    ],
)
def test_words(used: Any, logged: Any, words: str) -> None:
    """Which fields, what they are and what they should be."""
    found = difference("regions", "64.72", used, logged)
    assert found is not None
    assert found.words() == words


def test_differences_are_told_region_by_region() -> None:
    """Each region with its name and its counts, and the first few of its documents; a terminal is not obeyed."""
    many = [difference("reports", f"r{n}\x1b", {"region": "64.72"}, None) for n in range(5)]
    other = difference("alerts", "a1", None, {"region": None})
    assert list(told([one for one in (*many, other) if one], {"64.72": "KOTA SAMARINDA"})) == [
        "64.72 KOTA SAMARINDA: 5 reports",
        *(f"    reports r{n}\\x1b: nothing in the log accounts for it" for n in range(3)),
        "system: 1 alerts",
        "    alerts a1: missing; the log has it",
    ]


def test_a_document_that_is_being_written_is_known_by_its_cursors() -> None:
    """One that holds what the database does not say it has read."""
    assert not is_ahead("regions", REGION, {"reports:1": 8})
    assert is_ahead("regions", REGION, {"reports:1": 7})
    assert is_ahead("regions", REGION, {})
    assert not is_ahead("journal", ENTRY, {"reports:1": 8})
    assert is_ahead("journal", ENTRY, {"reports:1": 7})


def test_an_expired_entry_is_no_difference() -> None:
    """Of the journal alone, and by the age of its record alone."""
    assert has_expired("journal", ENTRY, {"reports:1": 8})
    assert not has_expired("journal", ENTRY, {"reports:1": 7})
    assert not has_expired("journal", ENTRY, {})
    assert not has_expired("reports", ENTRY, {"reports:1": 8})


def test_what_the_log_has_lost_is_said() -> None:
    """Partition by partition, how many records."""
    assert lost_words({"reports:0": 0}) == []
    assert "reports:1 (812), reports:2 (1,000)" in lost_words({"reports:2": 1000, "reports:0": 0, "reports:1": 812})[0]


def test_progress_in_a_line() -> None:
    """Read, of how many, how fast, how long still."""
    line = in_line("reading records", 12_000, 50_000, 2.0)
    assert line == "reading: 12,000 of 50,000 records, 6,000 a second, 6 s left"


@pytest.mark.parametrize(
    ("collection", "document"),
    [
        ("incidents", {"_id": "made-up", "region": "64.02"}),
        ("incidents", {"_id": "made-up", "cursors": None}),
        ("incidents", {"_id": "made-up", "cursors": {"reports:1": "7"}, "region": ["64.02"]}),
        ("journal", {"_id": "made-up"}),
    ],
)
def test_what_a_hand_has_written_is_a_difference(collection: str, document: Any) -> None:
    """It does not say what it holds, so nothing is waited for."""
    assert not is_ahead(collection, document, {})
    unequal = difference(collection, "made-up", document, None)
    assert unequal is not None
    assert list(told([unequal], {}))[-1] == f"    {collection} made-up: nothing in the log accounts for it"
