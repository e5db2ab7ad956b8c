"""What the fortnight must lead to, from the scenario and the calendar alone. Pure; asks no service anything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from desk.demo import expected_warnings, team
from desk.demo.expected_warnings import Warned
from desk.demo.scenario import Expect, QuietPeriod, Scenario, Step, judgements
from services.notifier.alerts.alerts import ESCALATED, RAISED, RESOLVED
from services.notifier.rules import missing_report, quiet_period_violation, receiver_failing
from shared.election.calendar import Calendar
from shared.election.config import Level
from shared.election.roster import Region, is_within, level_of
from shared.events.verdict import Verdict


@dataclass(frozen=True, slots=True)
class Telling:
    """A change of an alert that a receiver must be told of, from the scenario's `at` on."""

    alert: str
    change: str
    at: datetime
    receiver: str = team.DESK

    @property
    def key(self) -> tuple[str, str, str]:
        return self.receiver, self.alert, self.change


@dataclass(frozen=True)
class Expected:
    """`missing`: who is found missing, by period. `late`: ids of the alerts that a late report resolves.
    `verdicts`: by period and region, at the end. `violations`: alert id to its flags. `warnings`: alert id to how it
    ended, of logistics and reminders. `acknowledged`, `escalated`, `failing`: ids of alerts."""

    accepted: frozenset[str]
    repeated: frozenset[str]
    refused: frozenset[str]
    missing: Mapping[date, frozenset[str]]
    late: frozenset[str]
    verdicts: Mapping[date, Mapping[str, str]]
    violations: Mapping[str, QuietPeriod]
    categories: Mapping[str, int]
    totals: Mapping[str, int]
    warnings: Mapping[str, str | None]
    acknowledged: frozenset[str]
    escalated: frozenset[str]
    failing: frozenset[str]
    tellings: tuple[Telling, ...]

    @property
    def alerts(self) -> int:
        return sum(map(len, self.missing.values())) + len(self.violations)

    def told_by(self, now: datetime) -> set[tuple[str, str, str]]:
        """The changes of alerts that must have been told by now: receiver, alert, change."""
        return {telling.key for telling in self.tellings if telling.at <= now}


@dataclass(frozen=True, slots=True)
class _Turnout:
    """One desk in one period: its first report's receipt, and its alert if it was not there when it was judged."""

    region: str
    verdict: Verdict
    alert: str | None
    judged_at: datetime
    reported_at: datetime | None

    @property
    def is_late(self) -> bool:
        return self.alert is not None and self.reported_at is not None


def expect(scenario: Scenario, calendar: Calendar, agency: str) -> Expected:
    """What must be seen when `agency` has sent the whole scenario."""
    accepted = scenario.expecting(Expect.ACCEPTED)
    incidents = [step for step in accepted if step.send == "incident"]
    violations = {quiet_period_violation.alert_id(agency, s.id): s for s in incidents if s.quiet_period is not None}
    periods = judgements(scenario, calendar)
    turnouts = {period: _turnouts(period, accepted, calendar) for period in periods}
    warnings = _warnings(scenario, periods, calendar)
    escalations, failures = list(_escalations(scenario, violations)), list(_failures(violations))
    return Expected(
        accepted=frozenset(step.id for step in accepted),
        repeated=frozenset(step.id for step in scenario.expecting(Expect.REPEATED)),
        refused=frozenset(step.id for step in scenario.expecting(Expect.REFUSED)),
        missing={period: frozenset(t.region for t in found if t.alert) for period, found in turnouts.items()},
        late=frozenset(t.alert for found in turnouts.values() for t in found if t.alert and t.is_late),
        verdicts={period: {t.region: t.verdict.value for t in found} for period, found in turnouts.items()},
        violations={alert: step.quiet_period for alert, step in violations.items() if step.quiet_period},
        categories=Counter(str(step.body["category"]) for step in incidents),
        totals={
            "reports": sum(step.send == "report" for step in accepted),
            "incidents": len(incidents),
            "violations": sum(calendar.election.is_violation(step.body["category"]) for step in incidents),
            "quiet_period_violations": len(violations),
        },
        warnings={warned.alert: warned.resolution for warned in warnings},
        acknowledged=frozenset(taken.alert for taken in scenario.acknowledgements),
        escalated=frozenset(telling.alert for telling in escalations),
        failing=frozenset(telling.alert for telling in failures),
        tellings=(
            *_tellings(turnouts),
            *(Telling(alert, RAISED, step.at) for alert, step in violations.items()),
            *_tellings_of(warnings),
            *escalations,
            *failures,
        ),
    )


def _warnings(scenario: Scenario, periods: Iterable[date], calendar: Calendar) -> list[Warned]:
    accepted = scenario.expecting(Expect.ACCEPTED)
    found = list(expected_warnings.logistics(accepted, calendar, scenario.end))
    for period in periods:
        reported: dict[str, datetime] = {}
        for step in accepted:
            if period_of(step, calendar) == period:
                reported.setdefault(step.region, step.at)
        found += expected_warnings.reminders(period, reported, calendar)
    return found


def _tellings_of(warnings: Iterable[Warned]) -> Iterator[Telling]:
    for warned in warnings:
        yield Telling(warned.alert, RAISED, warned.raised_at)
        if warned.ended_at is not None:
            yield Telling(warned.alert, RESOLVED, warned.ended_at)


def _escalations(scenario: Scenario, violations: Mapping[str, Step]) -> Iterator[Telling]:
    """What nobody has acknowledged for too long, of the regions whose violations are escalated."""
    taken = {a.alert: a.at for a in scenario.acknowledgements}
    for alert, step in violations.items():
        at = step.at + timedelta(minutes=team.ESCALATED_AFTER_M)
        is_taken = alert in taken and taken[alert] < at
        if any(is_within(step.region, region) for region in team.ESCALATED_REGIONS) and not is_taken:
            yield Telling(alert, ESCALATED, at, team.HEAD)


def _failures(violations: Mapping[str, Step]) -> Iterator[Telling]:
    """The receiver that wants no more, from the first violation on that it is told of."""
    if violations:
        yield Telling(receiver_failing.alert_id(team.GONE), RAISED, min(step.at for step in violations.values()))


def _turnouts(period: date, accepted: tuple[Step, ...], calendar: Calendar) -> list[_Turnout]:
    return [_turnout(region, period, accepted, calendar) for region in calendar.roster.at_level(Level.REGENCY)]


def _turnout(region: Region, period: date, accepted: tuple[Step, ...], calendar: Calendar) -> _Turnout:
    deadline = calendar.owed(region, period)
    assert deadline is not None
    received = [s.at for s in accepted if s.region == region.code and period_of(s, calendar) == period]
    first = min(received, default=None)
    verdict = Verdict.MISSING if first is None else Verdict.ON_TIME if first < deadline.due_at else Verdict.LATE
    is_missed = first is None or first >= deadline.judge_at
    alert = missing_report.alert_id(period, region.code) if is_missed else None
    return _Turnout(region.code, verdict, alert, deadline.judge_at, first)


def period_of(step: Step, calendar: Calendar) -> date | None:
    """The Monday that a report is for: the one it names, else the latest one; None for an incident."""
    if step.send != "report":
        return None
    named = step.body.get("period")
    return date.fromisoformat(named) if named else calendar.period_of(step.region, level_of(step.region), step.at)


def _tellings(turnouts: Mapping[date, list[_Turnout]]) -> list[Telling]:
    found = []
    for turnout in (t for some in turnouts.values() for t in some):
        if turnout.alert is not None:
            found.append(Telling(turnout.alert, RAISED, turnout.judged_at))
            if turnout.reported_at is not None:
                found.append(Telling(turnout.alert, RESOLVED, turnout.reported_at))
    return found
