"""The rush around a deadline, pure: when everybody reports at once, everybody may send more."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from shared.election.calendar import Calendar

Span = tuple[datetime, datetime]


class RushHours:
    """From `before` each due moment of a judged period until due + grace, in every zone of the roster."""

    def __init__(self, calendar: Calendar, before: timedelta) -> None:
        spans = _joined(_spans(calendar, before))
        self._begins = [begin for begin, _ in spans]
        self._ends = [end for _, end in spans]

    def is_rush(self, now: datetime) -> bool:
        """Whether an instant lies in a rush, [begin, end). Cheap: it is asked for every request."""
        latest = bisect_right(self._begins, now) - 1
        return latest >= 0 and now < self._ends[latest]


def _spans(calendar: Calendar, before: timedelta) -> Iterator[Span]:
    for period in calendar.all_periods():
        for deadline in calendar.owing(period).deadlines():
            yield deadline.due_at - before, deadline.judge_at


def _joined(spans: Iterable[Span]) -> list[Span]:
    """In order, those that touch or overlap made one."""
    joined: list[Span] = []
    for begin, end in sorted(spans):
        if joined and begin <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((begin, end))
    return joined
