"""Quiet hours: what does not press waits until they are over, in the zone of the region it concerns. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from pydantic import Field, model_validator

from services.notifier.routing.selection import SeverityWord
from services.notifier.rules.rule import Severity
from shared.election.durations import TimeOfDay
from shared.election.frozen import Frozen

_DAY = timedelta(days=1)


class QuietHours(Frozen):
    """Each day from `from` to `to`, over midnight where `to` is not later. What is less than `below` waits."""

    from_: TimeOfDay = Field(alias="from")
    to: TimeOfDay
    below: SeverityWord = Severity.CRITICAL

    @model_validator(mode="after")
    def _come_to_an_end(self) -> QuietHours:
        if self.from_ % _DAY == self.to % _DAY:
            raise ValueError("`from` and `to` are the same time: they would never end")
        return self

    def until(self, severity: Severity, instant: datetime, zone: ZoneInfo) -> datetime | None:
        """The end of the quiet hours that hold up a notice at an instant, as UTC; None if it may go out."""
        if severity >= self.below:
            return None
        today = instant.astimezone(zone).date()
        length = (self.to - self.from_) % _DAY
        for day in (today - 2 * _DAY, today - _DAY, today):  # `from` may be 24:00, the next day's first instant
            begin = datetime.combine(day, time()) + self.from_
            begin_at, end_at = (wall.replace(tzinfo=zone).astimezone(UTC) for wall in (begin, begin + length))
            if begin_at <= instant < end_at:
                return end_at
        return None
