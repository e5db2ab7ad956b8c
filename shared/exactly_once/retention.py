"""How long the journal keeps its entries: `DESK_JOURNAL_RETENTION`, by a TTL index of MongoDB. Pure.

An entry is what tells a client's retry from a new event. Once it has expired, the same id sent once more counts once
more: so the retention must outlast the election and everything that may still be sent for it. The age is in real time,
as MongoDB's own clock has it, also where the election goes by a scenario's.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from shared.election.config import Election
from shared.election.durations import format_duration

# Clocks differ a little, and what is kept beside a position is younger than the entry by a batch.
_SLACK = timedelta(minutes=10)


def oldest_kept(now: datetime, retention: timedelta | None) -> datetime | None:
    """What was written before this may be gone. None: nothing may, `retention` is without end."""
    return None if retention is None else now - retention + _SLACK


def may_have_expired(written_at: datetime, now: datetime, retention: timedelta | None) -> bool:
    """Whether an entry of this age may be gone. `retention` None: never."""
    oldest = oldest_kept(now, retention)
    return oldest is not None and written_at < oldest


def span(election: Election) -> timedelta:
    """From the election's first day to the last moment at which something may still be sent for it."""
    days = [day for stage in election.stages for day in (stage.from_, stage.to)]
    days += [day for rule in election.reports for day in (rule.from_, rule.until)]
    return max(days) - min(days) + timedelta(days=1) + election.offline_allowance


def too_short_because(election: Election, retention: timedelta | None) -> str | None:
    """Why a retention would let a retry be counted twice, in words; None for one that is long enough."""
    needed = span(election)
    if retention is None or retention >= needed:
        return None
    days = -(-needed // timedelta(days=1))
    return (
        f"DESK_JOURNAL_RETENTION is {format_duration(retention)}, but {election.election} takes {days}d from its "
        "first day to its last, offline allowance included: what is sent once more after the retention counts once "
        f"more. Set it to {days}d or more"
    )
