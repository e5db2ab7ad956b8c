"""Is a device's clock believed? One rule for all that is derived from it: which period a report is for, and whether it
was written in time. Pure.

A wrong clock is never a reason to lose a report: its content is right. What is not believed is kept as it was said,
and nothing is derived from it. Sources: docs/decisions/0006-interpretations.md.
"""

from __future__ import annotations

from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from shared.election.config import Election

# A report may be written before the day from which reports are owed; a device whose battery died shows 1970 or 2010.
EARLIEST_BEFORE_FIRST_REPORT = timedelta(days=7)


def is_believed(submitted_at: datetime, received_at: datetime, election: Election) -> bool:
    """Whether a device's time is plausible: at most the tolerance (`clock_tolerance`) ahead of receipt, and not before
    the election's first report less a week."""
    return _earliest(election) <= submitted_at <= received_at + election.clock_tolerance


def written_at(submitted_at: datetime | None, received_at: datetime, election: Election) -> datetime:
    """When a report counts as written: its device's time if it tells one that is believed, else its receipt."""
    if submitted_at is not None and is_believed(submitted_at, received_at, election):
        return submitted_at
    return received_at


def _earliest(election: Election) -> datetime:
    first = min(rule.from_ for rule in election.reports)
    return datetime.combine(first, time(), tzinfo=ZoneInfo(election.zone)) - EARLIEST_BEFORE_FIRST_REPORT
