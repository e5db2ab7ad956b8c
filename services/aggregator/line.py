"""By when all logistics must have been received: before voting begins, in each region's own zone. Pure.

The day is the first of the stage `voting`; an election file without one means the day after the quiet period.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from shared.election.calendar import Calendar
from shared.election.config import Election

VOTING = "voting"


@dataclass(frozen=True, slots=True)
class Line:
    """`at` is the last instant but one: what comes at it or later is too late."""

    day: date
    at: datetime

    def left(self, now: datetime) -> timedelta:
        """Negative once the line has passed."""
        return self.at - now


def line_day(election: Election) -> date:
    voting = [stage.from_ for stage in election.stages if stage.stage == VOTING]
    return min(voting) if voting else max(stage.to for stage in election.quiet_periods()) + timedelta(days=1)


def line_of(calendar: Calendar, code: str) -> Line:
    day = line_day(calendar.election)
    return Line(day, calendar.local_midnight(code, day))
