"""What the system must say in the end, worked out plainly from the text of the rules alone.

Nothing is taken from the system's own code: zones, calendar and rules are written here a second time, slowly and
obviously. Given the election's facts, the regions, and the submissions that were accepted (answered 202, in the
order of the log), `answers` says what holds at the horizon `now`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.e2e.answers import Answers, Flags, Obligation

WEEK = timedelta(days=7)
VIOLATIONS = frozenset({"campaigning", "money_politics", "campaign_props", "media_advertising"}) | frozenset(
    {"survey_publication", "neutrality", "intimidation", "other_violation"}
)


@dataclass(frozen=True)
class Region:
    code: str
    level: str
    zone: str | None = None


@dataclass(frozen=True)
class Rules:
    """The election file's facts. Dates are inclusive and local; `due_after` counts from the Monday's midnight."""

    zone: str
    quiet_from: date
    quiet_to: date
    judged_from: date
    judged_until: date
    first_report: date
    zones: Mapping[str, str] = field(default_factory=dict)
    level: str = "regency"
    due_after: timedelta = timedelta(hours=24)
    grace: timedelta = timedelta(hours=2)
    allowance: timedelta = timedelta(hours=72)
    tolerance: timedelta = timedelta(minutes=10)
    remind_before: timedelta | None = None


@dataclass(frozen=True)
class Accepted:
    """One submission that was answered 202: a report, a withdrawal, an incident or a status. `content` is all the
    sender said; instants are aware; `about` is the agency's own report, or whose incident, that it speaks of."""

    agency: str
    id: str
    kind: str
    region: str
    received_at: datetime
    content: Any = None
    period: date | None = None
    submitted_at: datetime | None = None
    category: str = ""
    occurred_at: datetime | None = None
    about: tuple[str, str] = ("", "")
    status: str = ""

    @property
    def identity(self) -> tuple[str, str]:
        return self.agency, self.id


class Oracle:
    def __init__(self, rules: Rules, regions: Iterable[Region]) -> None:
        self.rules = rules
        self.regions = {region.code: region for region in regions}

    def zone(self, code: str) -> ZoneInfo:
        """The election's override for the region or what lies above it, else the roster's zone, else the default."""
        upwards = [".".join(code.split(".")[:n]) for n in range(code.count(".") + 1, 0, -1)]
        for above in upwards:
            if above in self.rules.zones:
                return ZoneInfo(self.rules.zones[above])
        for above in upwards:
            if above in self.regions and (name := self.regions[above].zone):
                return ZoneInfo(name)
        return ZoneInfo(self.rules.zone)

    def midnight(self, code: str, day: date) -> datetime:
        """The first instant of a day, where the region is."""
        return datetime.combine(day, time(0), tzinfo=self.zone(code)).astimezone(UTC)

    def due(self, code: str, period: date) -> datetime:
        return self.midnight(code, period) + self.rules.due_after

    def judged_at(self, code: str, period: date) -> datetime:
        return self.due(code, period) + self.rules.grace

    def period_of(self, report: Accepted) -> date:
        """The period it names, as a withdrawal does; else the latest Monday on or before the local day it was written,
        or received."""
        if report.period is not None:
            return report.period
        day = self._written_at(report).astimezone(self.zone(report.region)).date()
        while day.isoweekday() != 1:
            day -= timedelta(days=1)
        return day

    def _written_at(self, report: Accepted) -> datetime:
        """The device's time, unless its clock is ahead of ours by more than the tolerance, or shows a time more than a
        week before the day from which reports are owed."""
        written = report.submitted_at
        first = datetime.combine(self.rules.first_report, time(0), tzinfo=ZoneInfo(self.rules.zone))
        if written is None or written > report.received_at + self.rules.tolerance or written < first - WEEK:
            return report.received_at
        return written

    def is_on_time(self, report: Accepted, period: date) -> bool:
        due = self.due(report.region, period)
        in_time = report.received_at < due
        written = self._written_at(report)
        return in_time or (written < due and report.received_at <= written + self.rules.allowance)

    def periods(self, now: datetime) -> list[date]:
        """Every Monday that is owed and has begun somewhere."""
        day, found = self.rules.judged_from, []
        while day <= self.rules.judged_until:
            if day.isoweekday() == 1 and datetime.combine(day, time(0), tzinfo=ZoneInfo("Asia/Jayapura")) <= now:
                found.append(day)
            day += timedelta(days=1)
        return found

    def obligation(
        self, code: str, period: date, reports: Sequence[Accepted], withdrawals: Sequence[Accepted], now: datetime
    ) -> Obligation:
        """`reports` and `withdrawals` are those for the region and the period, once each."""
        judged_at = self.judged_at(code, period)
        if now < judged_at:
            return Obligation(self._verdict(period, reports, withdrawals, now) or "pending")
        just_before = judged_at - timedelta(microseconds=1)
        verdict = self._verdict(period, reports, withdrawals, just_before)
        alert = [] if verdict else ["raised"]
        was_missed = verdict is None
        for at in sorted({e.received_at for e in (*reports, *withdrawals) if judged_at <= e.received_at <= now}):
            before, verdict = verdict, self._verdict(period, reports, withdrawals, at)
            if verdict == before:
                continue
            if verdict is None:
                alert.append("raised_again" if alert else "raised")
            elif alert:
                alert.append("delivered_late" if verdict == "on_time" else "reported_late")
        return Obligation(verdict or "missing", tuple(alert), was_missed)

    def _verdict(
        self, period: date, reports: Sequence[Accepted], withdrawals: Sequence[Accepted], at: datetime
    ) -> str | None:
        """By what was received until then and not withdrawn until then; None for nothing."""
        withdrawn = {w.about for w in withdrawals if w.received_at <= at}
        left = [r for r in reports if r.received_at <= at and r.identity not in withdrawn]
        if any(self.is_on_time(r, period) for r in left):
            return "on_time"
        return "late" if left else None

    def in_quiet_period(self, code: str, instant: datetime) -> bool:
        begin = self.midnight(code, self.rules.quiet_from)
        return begin <= instant < self.midnight(code, self.rules.quiet_to + timedelta(days=1))

    def flags(self, incident: Accepted) -> Flags:
        assert incident.occurred_at is not None
        return Flags(
            incident.category in VIOLATIONS,
            self.in_quiet_period(incident.region, incident.occurred_at),
            self.in_quiet_period(incident.region, incident.received_at),
        )

    def answers(self, accepted: Iterable[Accepted], now: datetime) -> Answers:
        """All of it. Once per (agency, id): the first content in the log counts."""
        once: dict[tuple[str, str], Accepted] = {}
        for event in accepted:
            once.setdefault(event.identity, event)
        events = sorted(once.values(), key=lambda e: e.received_at)
        answers = Answers()
        self._judge(events, now, answers)
        self._take_incidents(events, answers)
        self._count(events, answers)
        return answers

    def _judge(self, events: Sequence[Accepted], now: datetime, answers: Answers) -> None:
        filed: dict[str, dict[tuple[date, str], list[Accepted]]] = {"report": {}, "withdrawal": {}}
        for event in events:
            if event.kind in filed:
                filed[event.kind].setdefault((self.period_of(event), event.region), []).append(event)
        owing = [region.code for region in self.regions.values() if region.level == self.rules.level]
        for key in ((period, code) for period in self.periods(now) for code in owing):
            reports, withdrawals = filed["report"].get(key, []), filed["withdrawal"].get(key, [])
            answers.obligations[key] = self.obligation(key[1], key[0], reports, withdrawals, now)

    def _take_incidents(self, events: Sequence[Accepted], answers: Answers) -> None:
        """What is said of an incident in its own region: the last word counts; `dismissed` ends its alert, another
        word after it raises it again. What is said before the incident is read with it."""
        incidents = {e.identity: e for e in events if e.kind == "incident"}
        for event in events:
            if event.kind == "status" and event.about not in incidents:
                answers.statuses[event.about] = "orphan"
        for identity, incident in incidents.items():
            answers.incidents[identity] = self.flags(incident)
            said = [e for e in events if e.kind == "status" and e.about == identity and e.region == incident.region]
            answers.statuses[identity] = said[-1].status if said else "reported"
            before = [e.status for e in said if e.received_at <= incident.received_at][-1:]
            dismissals: list[str] = []
            for status in (*before, *(e.status for e in said if e.received_at > incident.received_at)):
                is_dismissed = dismissals[-1:] == ["dismissed"]
                if (status == "dismissed") != is_dismissed:
                    dismissals.append("raised_again" if is_dismissed else "dismissed")
            answers.dismissals[identity] = tuple(dismissals)

    def _count(self, events: Iterable[Accepted], answers: Answers) -> None:
        answers.own = {code: Counter() for code in self.regions}
        answers.totals = {code: Counter() for code in self.regions}
        for event in events:
            counted = Counter({f"{event.kind}s": 1} if event.kind != "status" else {})
            if event.kind == "incident":
                flags = answers.incidents[event.identity]
                counted[f"category {event.category}"] += 1
                counted["violations"] += flags.is_violation
                counted["quiet_period_violations"] += flags.alerts
            answers.own[event.region] += counted
            for code in self.regions:
                if event.region == code or event.region.startswith(code + "."):
                    answers.totals[code] += counted
