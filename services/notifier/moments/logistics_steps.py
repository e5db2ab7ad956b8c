"""The steps towards a line of logistics: when what a region still lacks is told. Pure.

A region with a re-vote has a line for each voting. The steps of the first are called `D-7` ... `line`, those of a
later one have its day before them.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from services.notifier.moments.moments import Moment
from shared.election.calendar import Calendar
from shared.election.durations import format_duration
from shared.election.logistics_line import Line, lines_of, warnings_of

NAME = "logistics"
LINE = "line"


@dataclass(frozen=True, slots=True)
class Step:
    """`key` is what alerts' ids call it, `before` how long before the line it is, by the region's clock."""

    name: str
    key: str
    at: datetime
    before: timedelta
    line: Line

    @property
    def moment(self) -> Moment:
        """The moment at which it is looked at, with all regions whose clocks show the same."""
        return Moment(NAME, f"{self.line.day.isoformat()}:{self.name}", self.at)


def steps_of(calendar: Calendar, code: str) -> tuple[Step, ...]:
    """All steps of a region, in order; those before `obligations_from` are nobody's."""
    first = calendar.local_midnight(code, calendar.election.obligations_from)
    found = [step for line in lines_of(calendar, code) for step in _of_line(calendar, line)]
    return tuple(sorted((step for step in found if step.at >= first), key=lambda step: step.at))


def _of_line(calendar: Calendar, line: Line) -> list[Step]:
    prefix = "" if line.since is None else f"{line.day.isoformat()}:"
    warned = [(_name(warning.before), warning.at, warning.before) for warning in warnings_of(calendar, line)]
    steps = [*warned, (LINE, line.at, timedelta())]
    return [Step(name, f"{prefix}{name}", at, before, line) for name, at, before in steps]


def _name(before: timedelta) -> str:
    return f"D-{format_duration(before).removesuffix('d')}"
