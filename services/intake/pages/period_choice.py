"""Which periods a page offers for a report, pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from shared.election.cadence import WEEK
from shared.election.calendar import Calendar
from shared.election.roster import level_of

LEAST_BACK = 4
_WEEKS = {1: "week.next", 0: "week.this", -1: "week.last"}
_DAYS = {1: "day.next", 0: "day.this", -1: "day.last"}


@dataclass(frozen=True, slots=True)
class Offered:
    """A period; `called` is the text for how far it is from now: this week, yesterday; None for the others."""

    day: date
    called: str | None


def offered(calendar: Calendar, region: str, now: datetime) -> tuple[Offered, ...]:
    """The next period, the current one and some before it, a week back at least, by the rules of the region."""
    days, today = calendar.period_days(region, level_of(region)), now.astimezone(calendar.zone(region)).date()
    current = days.latest(today)
    found = [days.after(current), current]
    while len(found) < LEAST_BACK + 2 or current - found[-1] < WEEK:
        found.append(days.before(found[-1]))
    return tuple(Offered(day, _called(day, current, today, days.is_daily(day))) for day in found)


def _called(day: date, current: date, today: date, is_daily: bool) -> str | None:
    if is_daily:
        return _DAYS.get((day - today).days)
    weeks, rest = divmod(day - current, WEEK)
    return None if rest else _WEEKS.get(weeks)
