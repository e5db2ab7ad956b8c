"""Which Mondays a page offers for a report, pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from shared.election.calendar import WEEK, Calendar
from shared.election.roster import level_of

WEEKS_BACK = 4


@dataclass(frozen=True, slots=True)
class Offered:
    """A period; `weeks` from the current one (0), the next one is 1."""

    day: date
    weeks: int


def offered(calendar: Calendar, region: str, now: datetime) -> tuple[Offered, ...]:
    """The next period, the current one and some before it, by the rule of the region's level."""
    current = calendar.period_of(region, level_of(region), now)
    return tuple(Offered(current + weeks * WEEK, weeks) for weeks in range(1, -WEEKS_BACK - 1, -1))
