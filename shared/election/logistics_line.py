"""By when all logistics must have been received: before voting begins, in each region's own zone. Pure.

The day is the first of a stage `voting` that covers the region, and each voting has a line of its own (a re-vote needs
new ballots). Where no `voting` covers the region it is the day after each quiet period that does.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from shared.election.calendar import Calendar, covers
from shared.election.config import Stage

VOTING = "voting"
DAY = timedelta(days=1)
# Dates of the files alone: worked out once for each of a nation's 552 regions above the districts, in place of 25 us
# each time that a page names it.
_kept = lru_cache(maxsize=4_096)


@dataclass(frozen=True, slots=True)
class Warned:
    """A moment at which what is still missing is told: `before` the line by the region's clock."""

    before: timedelta
    at: datetime


@dataclass(frozen=True, slots=True)
class Line:
    """`at` is the last instant but one: what comes at it or later is too late. `since` is the line before it, None for
    the first: what was stated as of earlier was meant for the earlier voting. `until` is the end of the voting."""

    day: date
    at: datetime
    since: datetime | None
    until: datetime
    zone: ZoneInfo

    def left(self, now: datetime) -> timedelta:
        """Negative once the line has passed."""
        return self.at - now

    def before(self, length: timedelta) -> datetime:
        """The instant a length before the line. Whole days are the calendar's: D-7 is a local midnight, also where the
        clock changes in between."""
        days = length // DAY
        return _midnight(self.zone, self.day - days * DAY) - (length - days * DAY)


@_kept
def lines_of(calendar: Calendar, code: str) -> tuple[Line, ...]:
    """Every line of a region, in order; none where no voting and no quiet period covers it."""
    return _lines((stage for stage in calendar.election.stages if covers(stage, code)), calendar.zone(code))


@_kept
def has_line(calendar: Calendar, code: str) -> bool:
    """Whether a region has any line."""
    stages = (stage for stage in calendar.election.stages if stage.stage == VOTING or stage.is_quiet_period)
    return any(covers(stage, code) for stage in stages)


def since_of(calendar: Calendar, codes: Iterable[str], now: datetime) -> dict[str, datetime]:
    """Since when statements are about the line that counts at an instant, of those regions that voted before."""
    if len(_spans(calendar.election.stages)) < 2:
        return {}
    found = {code: line_of(calendar, code, now).since for code in codes}
    return {code: since for code, since in found.items() if since is not None}


def line_of(calendar: Calendar, code: str, now: datetime) -> Line:
    """The line that a region is shown at an instant: that of the voting which is not over yet, else of the last one.
    A region that no voting covers, the province around a re-vote say, is shown the election's."""
    lines = lines_of(calendar, code) or _lines(calendar.election.stages, calendar.zone(code))
    return next((line for line in lines if now < line.until), lines[-1])


def warnings_of(calendar: Calendar, line: Line) -> tuple[Warned, ...]:
    """When what is missing is told before a line, in order (`logistics: {warn_at: [7d, 3d, 1d]}`)."""
    lengths = sorted(calendar.election.logistics.warn_at, reverse=True)
    return tuple(Warned(length, line.before(length)) for length in lengths)


def _lines(stages: Iterable[Stage], zone: ZoneInfo) -> tuple[Line, ...]:
    found: list[Line] = []
    for day, last in _spans(stages).items():
        since = found[-1].at if found else None
        found.append(Line(day, _midnight(zone, day), since, _midnight(zone, last + DAY), zone))
    return tuple(found)


def _spans(stages: Iterable[Stage]) -> dict[date, date]:
    """The days on which voting begins, in order, each with the last day of that voting."""
    known = tuple(stages)
    votings = [(stage.from_, stage.to) for stage in known if stage.stage == VOTING]
    quiet = [(stage.to + DAY, stage.to + DAY) for stage in known if stage.is_quiet_period]
    return dict(sorted(votings or quiet))


def _midnight(zone: ZoneInfo, day: date) -> datetime:
    return datetime.combine(day, time(), tzinfo=zone).astimezone(UTC)
