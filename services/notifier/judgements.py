"""When who is judged: one judgement per period and moment (zones differ), and whether the log proves it. Pure.

*Missing* is judged at due + grace: the end offsets of **all** partitions of the reports are taken once, at or after
that moment, and compared with what our consumer group has *committed* (after its database write). A silent region's
own data cannot prove anything; the whole log up to the deadline can.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from shared.election.calendar import Calendar, Deadline
from shared.election.roster import Region

Document = dict[str, Any]
COLLECTION = "judgements"

OPEN = "open"
CLOSED = "closed"

Ends = Mapping[int, tuple[int, int]]  # partition -> (beginning, end)


def judgement_id(election: str, period: date, judge_at: datetime) -> str:
    return f"{election}:{period.isoformat()}@{judge_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def owed_at(calendar: Calendar) -> dict[str, list[tuple[Region, Deadline]]]:
    """Every judgement of the election: its id, and who is judged in it."""
    found: dict[str, list[tuple[Region, Deadline]]] = defaultdict(list)
    for period in calendar.all_periods():
        for code, deadline in calendar.owing(period).items():
            judgement = judgement_id(calendar.election.election, period, deadline.judge_at)
            found[judgement].append((calendar.roster[code], deadline))
    return dict(found)


def to_document(judgement: str, owed: list[tuple[Region, Deadline]]) -> Document:
    deadline = owed[0][1]
    return {
        "_id": judgement,
        "rev": 1,
        "period": deadline.period.isoformat(),
        "judge_at": deadline.judge_at,
        "state": OPEN,
        "first_seen_at": None,
        "ends": None,
        "is_called_undetermined": False,
    }


def unread(ends: Ends, committed: Mapping[int, int]) -> list[int]:
    """The partitions that are not read up to their end yet. One whose beginning is its end holds nothing to read."""
    return [p for p, (begin, end) in sorted(ends.items()) if end > begin and committed.get(p, 0) < end]
