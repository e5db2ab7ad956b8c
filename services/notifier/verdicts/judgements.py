"""When who is judged: one judgement per period and moment (zones differ), and whether the log proves it. Pure.

*Missing* is judged at due + grace: the end offsets of **all** partitions of the reports are taken once, at or after
that moment, and compared with what our consumer group has *committed* (after its database write). A silent region's
own data cannot prove anything; the whole log up to the deadline can.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from services.notifier.verdicts.verdicts import DECIDED
from shared.election.calendar import Calendar
from shared.election.owing import Deadline, Owing

Document = dict[str, Any]
COLLECTION = "judgements"

OPEN = "open"
CLOSED = "closed"

Ends = Mapping[int, tuple[int, int]]  # partition -> (beginning, end)


def judgement_id(election: str, period: date, judge_at: datetime) -> str:
    return f"{election}:{period.isoformat()}@{judge_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


@dataclass(frozen=True, slots=True)
class Planned:
    """A judgement to come; who is judged in it is asked of the calendar (`owed_in`)."""

    id: str
    period: date
    judge_at: datetime


def planned(calendar: Calendar) -> dict[str, Planned]:
    """Every judgement of the election, by id."""
    found = (
        Planned(judgement_id(calendar.election.election, period, judge_at), period, judge_at)
        for period in calendar.all_periods()
        for judge_at in sorted({deadline.judge_at for deadline in calendar.owing(period).deadlines()})
    )
    return {judgement.id: judgement for judgement in found}


def owed_in(owing: Owing, judgement: Planned, behind: str | None, most: int) -> dict[str, Deadline]:
    """Of those who are judged in a judgement, of the regions `owing` in its period, the first `most` behind a code: by
    code in order, each with its deadline."""
    return owing.judged_at(judgement.judge_at, behind, most)


def without_verdict(owed: Iterable[str], known: Mapping[str, str]) -> list[str]:
    """Of those who owe the ones whom no verdict is known of, or none that decides: who is to be judged."""
    return [code for code in owed if known.get(code) not in DECIDED]


def to_document(judgement: Planned) -> Document:
    return {
        "_id": judgement.id,
        "rev": 1,
        "period": judgement.period.isoformat(),
        "judge_at": judgement.judge_at,
        "state": OPEN,
        "first_seen_at": None,
        "ends": None,
        "is_called_undetermined": False,
    }


def unread(ends: Ends, committed: Mapping[int, int]) -> list[int]:
    """The partitions that are not read up to their end yet. One whose beginning is its end holds nothing to read."""
    return [p for p, (begin, end) in sorted(ends.items()) if end > begin and committed.get(p, 0) < end]
