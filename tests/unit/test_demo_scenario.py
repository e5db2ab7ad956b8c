"""The demo's scenario is the fortnight of the source document, and says what it says it does."""

from collections import Counter
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from desk.demo.expected import Expected, expect, period_of
from desk.demo.scenario import Expect, QuietPeriod, Scenario, Step, judgements, load_scenario, moments
from services.intake.submissions.body import Body, WrongFields, read
from services.intake.submissions.checks import Receipt
from services.intake.submissions.incident import IncidentBody
from services.intake.submissions.logistics import LogisticsBody
from services.intake.submissions.report import ReportBody
from shared.election.calendar import Calendar
from shared.election.config import Level
from shared.election.loaded import DEFAULT_ROSTER, load_calendar
from shared.settings import Settings

WITA = ZoneInfo("Asia/Makassar")
FIRST, SECOND, THIRD = date(2024, 11, 11), date(2024, 11, 18), date(2024, 11, 25)
SILENT = {"64.07", "64.08", "64.72"}
BODIES: dict[str, type[Body]] = {"report": ReportBody, "incident": IncidentBody, "logistics": LogisticsBody}


@pytest.fixture(scope="module")
def calendar() -> Calendar:
    return load_calendar(Settings().election, DEFAULT_ROSTER, FIRST)


@pytest.fixture(scope="module")
def scenario() -> Scenario:
    return load_scenario()


@pytest.fixture(scope="module")
def expected(scenario: Scenario, calendar: Calendar) -> Expected:
    return expect(scenario, calendar, "desk")


def reporters(scenario: Scenario, calendar: Calendar, period: date, until: datetime) -> list[str]:
    reports = [s for s in scenario.expecting(Expect.ACCEPTED) if period_of(s, calendar) == period and s.at < until]
    return sorted(s.region for s in reports)


def test_mondays(scenario: Scenario, calendar: Calendar) -> None:
    """All ten desks report on the 11th and the 25th; on the 18th all but Samarinda, Kutai Timur and Kutai Barat."""
    desks = {region.code for region in calendar.roster.at_level(Level.REGENCY)}
    assert len(desks) == 10
    for period, silent in ((FIRST, set[str]()), (SECOND, SILENT), (THIRD, set[str]())):
        midnight = datetime(period.year, period.month, period.day, tzinfo=WITA) + timedelta(days=1)
        assert reporters(scenario, calendar, period, midnight) == sorted(desks - silent)


def test_one_reports_late(scenario: Scenario, calendar: Calendar) -> None:
    """Kutai Timur reports on the 19th, after its absence was judged at 02:00; the other two never do."""
    late = set(reporters(scenario, calendar, SECOND, scenario.end)) & SILENT
    assert late == {"64.08"}
    (report,) = [s for s in scenario.steps if s.region == "64.08" and period_of(s, calendar) == SECOND]
    assert report.at.astimezone(WITA).date() == date(2024, 11, 19)
    assert report.at > judgements(scenario, calendar)[SECOND] == datetime(2024, 11, 19, 2, tzinfo=WITA)


def test_source_figures(scenario: Scenario) -> None:
    """What the source names of the 18th is told: 14 items of Mahakam Ulu, 1,214 security staff of Bontang."""
    told = {s.region: s.body["summary"] for s in scenario.steps if s.id.endswith("-1118")}
    assert "14 item" in told["64.11"]
    assert "1.214 personel" in told["64.74"]


def test_logistics(scenario: Scenario, calendar: Calendar) -> None:
    """Nine regencies have all 14 items a week before the line; Mahakam Ulu's last one comes on the 25th."""
    items, desks = set(calendar.election.logistics.items), calendar.roster.at_level(Level.REGENCY)
    assert len(items) == 14
    received = [s for s in scenario.expecting(Expect.ACCEPTED) if s.send == "logistics"]
    assert Counter(s.region for s in received) == {region.code: 14 for region in desks}
    week_before = datetime(2024, 11, 20, tzinfo=WITA)
    (last,) = [s for s in received if s.at >= week_before]
    assert (last.region, last.at.astimezone(WITA).date()) == ("64.11", THIRD)
    for region in desks:
        assert {s.body["item"] for s in received if s.region == region.code} == items


def test_violations(scenario: Scenario, calendar: Calendar) -> None:
    """Two violations lie wholly before the quiet period; three inside it, one of them reported on the 28th only."""
    found = [
        step
        for step in scenario.expecting(Expect.ACCEPTED)
        if step.send == "incident" and calendar.election.is_violation(step.body["category"])
    ]
    flags = [(occurred(s, calendar), calendar.in_quiet_period(s.region, s.at)) for s in found]
    assert Counter(flags) == {(False, False): 2, (True, True): 2, (True, False): 1}
    assert [s.quiet_period and (s.quiet_period.occurred, s.quiet_period.reported) for s in found] == [
        pair if any(pair) else None for pair in flags
    ]
    (late,) = [s for s in found if s.quiet_period == QuietPeriod(occurred=True, reported=False)]
    assert late.at.astimezone(WITA).date() == date(2024, 11, 28)
    assert datetime.fromisoformat(late.body["occurred_at"]).date() == THIRD


def occurred(step: Step, calendar: Calendar) -> bool:
    return calendar.in_quiet_period(step.region, datetime.fromisoformat(step.body["occurred_at"]))


def test_ordinary_incidents(scenario: Scenario, calendar: Calendar) -> None:
    """There are incidents that are no violations, in several categories."""
    incidents = [s for s in scenario.expecting(Expect.ACCEPTED) if s.send == "incident"]
    ordinary = {s.body["category"] for s in incidents} - {
        category for category in calendar.election.categories if calendar.election.is_violation(category)
    }
    assert len(ordinary) >= 4


def test_repeated_and_refused(scenario: Scenario) -> None:
    """One submission is sent twice with the same content, after the first; one is malformed."""
    (repeated,) = scenario.expecting(Expect.REPEATED)
    (first,) = [s for s in scenario.expecting(Expect.ACCEPTED) if s.id == repeated.id]
    assert first.body == repeated.body
    assert first.at < repeated.at
    (refused,) = scenario.expecting(Expect.REFUSED)
    assert refused.id not in {s.id for s in scenario.steps if s is not refused}


def test_intake_agrees(scenario: Scenario, calendar: Calendar) -> None:
    """Intake's own checks take every body at its time, and refuse the malformed one for two fields."""
    for step in scenario.steps:
        raw = step.model_dump_json(include={"body"})[len('{"body":') : -1].encode()
        receipt = Receipt(calendar, step.at)
        if step.expect is Expect.REFUSED:
            with pytest.raises(WrongFields) as refusal:
                read(BODIES[step.send], raw, receipt)
            assert sorted(e.field for e in refusal.value.errors) == ["category", "occurred_at"]
        else:
            assert read(BODIES[step.send], raw, receipt).id == step.id


def test_order(scenario: Scenario, calendar: Calendar) -> None:
    """All happens between start and end, in order; ids are unique but for the one sent twice; the clock holds at each
    judgement and at the end."""
    times = [s.at for s in scenario.steps]
    assert times == sorted(times)
    assert scenario.start < times[0]
    assert times[-1] < scenario.end
    assert len({s.id for s in scenario.steps}) == len(scenario.steps) - 1
    found = moments(scenario, calendar)
    assert [m.period for m in found if m.period] == [FIRST, SECOND, THIRD]
    assert found[-1].at == scenario.end
    assert [s for m in found for s in m.steps] == list(scenario.steps)


def test_expected(expected: Expected) -> None:
    """What must be seen is what the source document and the rules say."""
    assert expected.missing == {FIRST: frozenset(), SECOND: frozenset(SILENT), THIRD: frozenset()}
    assert expected.late == {"missing-report:2024-11-18:64.08"}
    assert Counter(expected.verdicts[SECOND].values()) == {"on_time": 7, "late": 1, "missing": 2}
    assert expected.alerts == 6
    assert len(expected.violations) == 3
    assert expected.warnings == {
        "logistics:64.11:D-7": "superseded",
        "logistics:64.11:D-3": "received",
        **{f"report-reminder:2024-11-18:{code}": "judged" for code in SILENT},
    }
    assert expected.acknowledged == {"quiet-period-violation:desk:pel-uang-1126"}
    assert expected.escalated == {"quiet-period-violation:desk:pel-medsos-1124"}
    assert expected.failing == {"receiver-failing:piket-lama"}
    told = Counter((telling.receiver, telling.change) for telling in expected.tellings)
    assert told == {("desk-provinsi", "raised"): 12, ("desk-provinsi", "resolved"): 2, ("kepala-desk", "escalated"): 1}
    assert expected.totals["quiet_period_violations"] == 3
    assert expected.totals["violations"] == 5
    assert sum(expected.categories.values()) == expected.totals["incidents"]
