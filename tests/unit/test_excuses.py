"""Excuses: for which reports one holds, which of several it is, and what its days are."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from services.notifier.excuses import excuses
from services.notifier.excuses.excuses import Excuses
from services.notifier.rules import missing_report
from services.notifier.verdicts import obligations
from services.notifier.verdicts.filing import RECEIVED_LATE, Finding
from shared.events.verdict import Verdict
from tests.builders import MONDAY, a_deadline, a_report, a_withdrawal, utc

WITA = ZoneInfo("Asia/Makassar")
GIVEN_AT = utc("2024-11-17T02:00Z")
JUDGED_AT = utc("2024-11-18T18:00Z")
LATER = JUDGED_AT + timedelta(hours=1)
DEADLINE = a_deadline()


def an_excuse(region: str = "64.72", **changes: Any) -> dict[str, Any]:
    given = excuses.given("e1", region, MONDAY, MONDAY, reason="Banjir.", by="budi", at=GIVEN_AT)
    return {**given, **changes}


@pytest.mark.parametrize(
    ("excuse", "holds"),
    [
        (an_excuse(), True),
        (an_excuse("64"), True),
        (an_excuse("64.7"), False),  # a code that another begins with is no ancestor
        (an_excuse("64.71"), False),
        (an_excuse("64.72.01"), False),  # what lies below is excused, not what lies above
        (an_excuse(until="2024-11-17", **{"from": "2024-11-11"}), False),
        (an_excuse(until="2024-11-25", **{"from": "2024-11-19"}), False),
        (an_excuse(until="2024-11-25", **{"from": "2024-11-11"}), True),
        (an_excuse(ended_at=JUDGED_AT - timedelta(milliseconds=1)), False),
        (an_excuse(ended_at=JUDGED_AT), True),
    ],
)
def test_for_which_reports_it_holds(excuse: dict[str, Any], holds: bool) -> None:
    """Its days, both included; its region and all below it; unless it was ended before the judgement."""
    assert excuses.covers(excuse, "64.72", DEADLINE) is holds
    assert (Excuses([excuse]).of("64.72", DEADLINE) is not None) is holds


def test_of_several_the_first_one_given() -> None:
    """Whatever region each was given for."""
    older = an_excuse("64", _id="z", given_at=GIVEN_AT - timedelta(hours=1))
    for order in ([an_excuse(), older], [older, an_excuse()]):
        found = Excuses(order).of("64.72", DEADLINE)
        assert found is not None
        assert found["_id"] == "z"


@pytest.mark.parametrize(
    ("from_", "until", "days"),
    [
        (MONDAY, MONDAY, ("2024-11-18", "2024-11-18")),
        (utc("2024-11-17T15:59:59Z"), utc("2024-11-17T16:00:01Z"), ("2024-11-17", "2024-11-18")),
        (utc("2024-11-17T16:00:00Z"), utc("2024-11-18T16:00:00Z"), ("2024-11-18", "2024-11-18")),
    ],
)
def test_days_of_instants(from_: date, until: date, days: tuple[str, str]) -> None:
    """An instant stands for its local day; as an end, midnight belongs to the day before."""
    first, last = excuses.first_day(from_, WITA), excuses.last_day(until, WITA)
    assert (first.isoformat(), last.isoformat()) == days


LATE = Finding(Verdict.LATE, RECEIVED_LATE)


def after(*steps: str) -> dict[str, Any]:
    """An obligation after some steps."""
    document: dict[str, Any] = {"_id": f"{MONDAY}:64.72", "rev": 0, "cursors": {}}
    for at, step in ((LATER + timedelta(minutes=n), step) for n, step in enumerate(steps)):
        document = STEPS[step](document, at)
    return document


STEPS: dict[str, Any] = {
    "judged": lambda o, at: obligations.missed(o, "64.72", DEADLINE, at),
    "judged excused": lambda o, at: obligations.missed(o, "64.72", DEADLINE, at, excuse=an_excuse()),
    "excused": lambda o, at: obligations.excused(o, an_excuse(), at),
    "report": lambda o, at: obligations.filed(o, a_report(at), DEADLINE, LATE),
    "withdrawal": lambda o, at: obligations.withdrawn(o, a_withdrawal(at), DEADLINE),
    "undetermined": lambda o, at: obligations.undetermined(o, "64.72", DEADLINE, at),
}


@pytest.mark.parametrize(
    ("steps", "verdicts"),
    [
        (["judged excused"], ["excused"]),
        (["judged excused", "excused", "judged"], ["excused"]),
        (["judged", "excused", "excused"], ["missing", "excused"]),
        (["excused"], []),
        (["undetermined", "judged excused"], ["undetermined", "excused"]),
        (["judged excused", "report"], ["excused", "late"]),
        (["report", "judged excused"], ["excused", "late"]),  # received after the judgement: it waits for it
        (["judged", "excused", "report"], ["missing", "excused", "late"]),
        (["judged", "report", "excused"], ["missing", "late"]),
        (["judged excused", "report", "withdrawal"], ["excused", "late", "excused"]),
    ],
)
def test_verdicts(steps: list[str], verdicts: list[str]) -> None:
    """Excused instead of missing; a report beats an excuse, and once it is withdrawn the excuse holds again."""
    document = after(*steps)
    assert [v["verdict"] for v in document.get("verdicts", [])] == verdicts
    told = [v["excuse"] and v["excuse"]["id"] for v in document.get("verdicts", [])]
    assert told == ["e1" if verdict == "excused" else None for verdict in verdicts]


@pytest.mark.parametrize(
    ("steps", "resolutions"),
    [
        (["judged excused"], []),
        (["judged", "excused"], ["raised", "excused"]),
        (["judged", "excused", "report"], ["raised", "excused", "reported_late"]),
    ],
)
def test_alerts(steps: list[str], resolutions: list[str]) -> None:
    """Who is excused from the first raises no alarm; who is excused later ends it, and a report corrects that."""
    alert = missing_report.alert_after({"_id": f"missing-report:{MONDAY}:64.72", "rev": 0}, after(*steps))
    changes = [c["resolution"] or c["change"] for c in alert.get("to_notice", [])]
    assert changes == resolutions[1:]  # that it was raised is told by the digest
    assert len(alert.get("history", [])) == len(resolutions)


def test_last_day_of_a_day_is_itself() -> None:
    """A date is no instant."""
    assert not isinstance(MONDAY, datetime)
    assert excuses.last_day(MONDAY, WITA) == MONDAY
