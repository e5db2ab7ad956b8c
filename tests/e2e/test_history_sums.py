"""The sums that the history test compares: right ones pass, wrong ones are differences. No stack is needed."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.e2e.history_contents import Content
from tests.e2e.history_sums import Shown, wrong_sums


def a_region(code: str, own: int, total: int) -> dict[str, object]:
    """One whose numbers are of incidents of money politics."""
    states = {name: _state(many) for name, many in (("own", own), ("total", total))}
    return {"code": code, **states}


def _state(many: int) -> dict[str, object]:
    incidents = {"count": many, "by_category": {"money_politics": many}, "by_severity": {"low": many}}
    none = {"reports": {"count": 0, "by_condition": {}}, "withdrawals": 0}
    return {**none, "incidents": incidents, "violations": many}


INCIDENT = Content(
    "m1", "incident", "", {"region": "64.72", "category": "money_politics", "severity": "low", "description": "~m1~"}
)
STATUS = Content("m2", "incident_status", "", {"region": "64.72"}, {"incident_agency": "kpu", "incident_id": "r1"})
REPORT = Content("m3", "report", "", {"region": "64.02", "condition": "normal", "summary": "~m3~"})
WITHDRAWAL = Content("m4", "withdrawal", "", {"region": "64.02"}, {"report": "r3"})
STOCK = Content("m5", "logistics", "", {"region": "64.02", "item": "ink"})

LISTED = {"agency": "kpu", "id": "r1", "category": "money_politics", "description": "~m1~"}
OWN_HISTORY = {"status": "reported", "by": "kpu", "id": "r1"}
STATUS_TOLD = {"status": "verified", "by": "bawaslu", "id": "s1"}
FULL = Shown(
    regions=[a_region("64", 0, 1), a_region("64.72", 1, 1)],
    reports=[],
    incidents=[{**LISTED, "history": [OWN_HISTORY, STATUS_TOLD]}],
    logistics=[],
)
COUNTED = {("kpu", "r1"): INCIDENT, ("bawaslu", "s1"): STATUS}


def test_right_sums_pass() -> None:
    """An incident and its status are listed once, and roll up."""
    assert wrong_sums(COUNTED, FULL) == []


@pytest.mark.parametrize(
    ("wrong", "where"),
    [
        ({"regions": [a_region("64", 0, 1), a_region("64.72", 2, 1)]}, "own: 64.72"),
        ({"regions": [a_region("64", 0, 2), a_region("64.72", 1, 1)]}, "total: 64:"),
        ({"regions": [a_region("64", 0, 0), a_region("64.72", 1, 1)]}, "total: 64:"),
        ({"incidents": [*FULL.incidents, *FULL.incidents]}, "incidents: ('kpu', 'r1')"),
        ({"incidents": []}, "incidents: ('kpu', 'r1')"),
        ({"incidents": [{**FULL.incidents[0], "description": "~m9~"}]}, "incidents: ('kpu', 'r1')"),
        ({"incidents": [{**LISTED, "history": [OWN_HISTORY]}]}, "statuses: ('kpu', 'r1')"),
        ({"incidents": [{**LISTED, "history": [STATUS_TOLD] * 2}]}, "statuses: ('kpu', 'r1')"),
        ({"reports": [{"agency": "kpu", "id": "r9", "summary": "~m9~", "withdrawals": []}]}, "reports: ('kpu', 'r9')"),
        ({"logistics": [{"region": "64.02", "item": "ink", "statements": 1}]}, "logistics: 64.02 ink"),
    ],
)
def test_wrong_sums_are_rejected(wrong: dict[str, list[dict[str, object]]], where: str) -> None:
    """What is missing, twice, other than sent, or counted in one place only."""
    found, *_ = wrong_sums(COUNTED, replace(FULL, **wrong))
    assert found.startswith(where)


def test_reports_withdrawals_and_stock_are_summed_too() -> None:
    """Each of them that is counted and not shown is a difference."""
    counted = {("kpu", "r3"): REPORT, ("kpu", "w1"): WITHDRAWAL, ("kpu", "l1"): STOCK}
    found = wrong_sums(counted, Shown([], [], [], []))
    assert [line.split(": ")[0] for line in found] == ["own", "total", "total", "reports", "withdrawals", "logistics"]
