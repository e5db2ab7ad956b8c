"""Which period reports come in for at an instant, and how long its day has lasted. Pure."""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from shared.election.calendar import Calendar


@dataclass(frozen=True, slots=True)
class LatestPeriod:
    """`owed` is how many regions owe a report for it; `day_s` how long its day has lasted, 0 when it is over."""

    period: date
    owed: int
    day_s: float


def latest_period(calendar: Calendar, now: datetime) -> LatestPeriod | None:
    """By the election's own zone; None before the first period that is judged."""
    zone = ZoneInfo(calendar.election.zone)
    today, periods = now.astimezone(zone).date(), calendar.all_periods()
    begun = bisect_right(periods, today)
    if not begun:
        return None
    period = periods[begun - 1]
    midnight = datetime.combine(period, time(), tzinfo=zone)
    is_today = period == today
    return LatestPeriod(period, len(calendar.owing(period)), (now - midnight).total_seconds() if is_today else 0.0)
