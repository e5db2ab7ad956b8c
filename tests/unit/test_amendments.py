"""Rules that change while an election runs: each day has its own, and what was judged before stays as it was."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from services.notifier.verdicts import filing
from shared.election import quiet_period
from shared.election.calendar import Calendar
from shared.election.config import Level
from tests.builders import MONDAY, a_calendar, a_report, an_incident, utc

WEEK = timedelta(days=7)
FIRST, LAST = date(2024, 11, 11), date(2024, 12, 16)
MONDAYS = [FIRST + n * WEEK for n in range(6)]


def a_rule(**changes: Any) -> dict[str, Any]:
    return {"level": "regency", "from": date(2024, 9, 30), "until": LAST, **changes}


def amended(effective: date, **changes: Any) -> Calendar:
    return a_calendar(amendments=[{"effective": effective, **changes}])


def deadlines(calendar: Calendar) -> dict[date, timedelta]:
    """Period -> from its local midnight to due, for Samarinda."""
    owed = {period: calendar.owing(period)["64.72"] for period in calendar.all_periods()}
    return {period: d.due_at - calendar.local_midnight("64.72", period) for period, d in owed.items()}


@given(effective=st.dates(date(2024, 11, 1), date(2024, 12, 31)))
def test_a_new_deadline_holds_from_its_day_on(effective: date) -> None:
    """Periods before the day keep the old deadline, those from it on have the new one; none is lost or doubled."""
    calendar = amended(effective, reports=[a_rule(due="18:00")])
    hours = {period: due.total_seconds() / 3600 for period, due in deadlines(calendar).items()}
    assert hours == {monday: 18 if monday >= effective else 24 for monday in MONDAYS}


def test_a_new_weekday_holds_from_its_day_on() -> None:
    """Until Saturday 30 November a report is for a Monday, afterwards for a Tuesday; an instant has one period."""
    calendar = amended(date(2024, 12, 1), reports=[a_rule(weekday="tuesday")])
    assert calendar.all_periods() == [*MONDAYS[:3], date(2024, 12, 3), date(2024, 12, 10)]
    expected = {"2024-11-30 04:00": date(2024, 11, 25), "2024-12-04 04:00": date(2024, 12, 3)}
    assert {text: calendar.period_of("64.72", Level.REGENCY, utc(text)) for text in expected} == expected
    assert calendar.period_days("64.72", Level.REGENCY).holds(date(2024, 11, 25))
    assert not calendar.period_days("64.72", Level.REGENCY).holds(date(2024, 12, 2))


def test_an_incident_is_judged_by_the_rules_of_its_receipt() -> None:
    """Another quiet period, and another violation, from the day on; to the microsecond, in the region's zone."""
    calendar = amended(
        date(2024, 11, 24),
        stages=[{"stage": "quiet_period", "from": date(2024, 11, 23), "to": date(2024, 11, 26)}],
        categories={"security": {"violation": True, "label": {"id": "Keamanan", "en": "Security"}}},
    )
    midnight = utc("2024-11-23 16:00")  # of the 24th in Samarinda
    occurred = utc("2024-11-23 04:00")
    for received, counts in [(midnight - timedelta(microseconds=1), False), (midnight, True)]:
        incident = an_incident(occurred, received, category="security")
        found = quiet_period.flags(calendar, incident)
        assert (found.is_violation, found.occurred_in_quiet_period) == (counts, counts), received


def test_a_report_is_judged_by_the_rules_of_its_receipt_and_its_period() -> None:
    """A shorter offline allowance holds for what is received from its day on; the deadline is the period's own."""
    calendar = amended(date(2024, 11, 20), offline_allowance="1h", reports=[a_rule(due="12:00")])
    written = utc("2024-11-18 05:00")  # 13:00 in Samarinda: in time by the period's own rules alone
    found = {}
    for received in (utc("2024-11-19 15:59"), utc("2024-11-19 16:00")):
        report = a_report(received, submitted=written)
        deadline = calendar.owing(MONDAY)["64.72"]
        found[received] = filing.finding_of(report, deadline, calendar.at("64.72", received)).reason
    assert list(found.values()) == [filing.WRITTEN_IN_TIME, filing.RECEIVED_LATE]


def test_several_amendments_stand_one_on_another() -> None:
    """Each changes what it names and leaves the rest as the one before left it."""
    calendar = a_calendar(
        amendments=[
            {"effective": date(2024, 11, 15), "offline_allowance": "48h"},
            {"effective": date(2024, 12, 1), "clock_tolerance": "5m"},
        ]
    )
    found = [
        (rules.offline_allowance, rules.clock_tolerance)
        for rules in map(calendar.in_force, (date(2024, 11, 14), date(2024, 11, 15), date(2024, 12, 1)))
    ]
    assert found == [
        (timedelta(hours=72), timedelta(minutes=10)),
        (timedelta(hours=48), timedelta(minutes=10)),
        (timedelta(hours=48), timedelta(minutes=5)),
    ]


def test_a_revote_in_one_regency_is_owed_by_it_alone() -> None:
    """Kutai Kartanegara voted again on 19 April 2025: its quiet period and its reports are nobody else's."""
    calendar = a_calendar(
        stages=[
            {"stage": "quiet_period", "from": date(2024, 11, 24), "to": date(2024, 11, 26)},
            {"stage": "quiet_period", "from": date(2025, 4, 16), "to": date(2025, 4, 18), "regions": ["64.02"]},
        ],
        reports=[a_rule(), a_rule(**{"from": date(2025, 4, 7), "until": date(2025, 4, 14), "regions": ["64.02"]})],
    )
    assert list(calendar.owing(date(2025, 4, 14))) == ["64.02"]
    assert {"64.02", "64.72"} <= calendar.owing(MONDAY).keys()
    noon = utc("2025-04-17 04:00")
    assert [calendar.in_quiet_period(code, noon) for code in ("64.02", "64.02.01", "64.72")] == [True, True, False]
    assert calendar.in_quiet_period("64.72", utc("2024-11-25 04:00"))
