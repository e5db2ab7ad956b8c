"""What must be told on the way to a deadline: what logistics lack, and who is reminded. From the scenario and the
calendar alone. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from desk.demo.scenario import Step
from shared.election.calendar import Calendar
from shared.election.config import Level
from shared.election.logistics_line import lines_of, warnings_of
from shared.election.needed_items import needed_items


@dataclass(frozen=True, slots=True)
class Warned:
    """A warning: `resolution` is None while it fires; `ended_at` is when its end is told, None if nobody is."""

    alert: str
    raised_at: datetime
    resolution: str | None
    ended_at: datetime | None = None


def logistics(accepted: Sequence[Step], calendar: Calendar, end: datetime) -> Iterator[Warned]:
    """At each step before the line and at it: who lacks something. A later step takes an earlier one's place."""
    for region in calendar.roster.at_level(Level.REGENCY):
        received = {s.body["item"]: s.at for s in accepted if (s.send, s.region) == ("logistics", region.code)}
        (line,) = lines_of(calendar, region.code)
        steps = [(f"D-{w.before.days}", w.at) for w in warnings_of(calendar, line)] + [("line", line.at)]
        complete_at = _complete_at(needed_items(calendar, region.code), received)
        for number, (name, at) in enumerate(steps):
            next_at = steps[number + 1][1] if number + 1 < len(steps) else end
            if at <= end and (complete_at is None or complete_at >= at):
                yield _warned(f"logistics:{region.code}:{name}", at, complete_at, next_at, end)


def _complete_at(needed: Mapping[str, object], received: Mapping[str, datetime]) -> datetime | None:
    return max(received[item] for item in needed) if needed.keys() <= received.keys() else None


def _warned(alert: str, at: datetime, complete_at: datetime | None, next_at: datetime, end: datetime) -> Warned:
    if complete_at is not None and complete_at < next_at:
        return Warned(alert, at, "received", complete_at)
    return Warned(alert, at, "superseded" if next_at < end else None)


def reminders(period: date, first_reports: Mapping[str, datetime], calendar: Calendar) -> Iterator[Warned]:
    """Who had not reported for a period some hours before it was due. Its end is told to nobody."""
    for code, deadline in calendar.owing(period).items():
        first, at = first_reports.get(code), deadline.remind_at
        if at is not None and (first is None or first >= at):
            is_reported = first is not None and first < deadline.judge_at
            resolution = "reported" if is_reported else "judged"
            yield Warned(f"report-reminder:{period.isoformat()}:{code}", at, resolution)
