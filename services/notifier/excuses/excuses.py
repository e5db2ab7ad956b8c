"""Excuses: a region, and everything below it, need not report for the days from `from` to `until`. Pure.

An excuse needs a reason and an end, and says who gave it. It is never deleted: an operator ends it. It holds for the
reports of its days that are judged until then; verdicts that it has brought about stay. A report beats an excuse.

A document: `_id`, `region`, `from` and `until` (local days, both included, as ISO text), `reason`, `given_at`,
`given_by`, `ended_at`, `ended_by`; times are the election's. `unapplied` is 1 until those who were found missing
before it was given are excused, then 0.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from shared.election.owing import Deadline
from shared.election.roster import ancestors_and_self

Document = dict[str, Any]
COLLECTION = "excuses"

_SHOWN = ("region", "from", "until", "reason", "given_at", "given_by", "ended_at", "ended_by")
_SAID = ("region", "from", "until", "reason")


def first_day(moment: date, zone: ZoneInfo) -> date:
    """The local day that an excuse begins with, which may be given as an instant."""
    return moment.astimezone(zone).date() if isinstance(moment, datetime) else moment


def last_day(moment: date, zone: ZoneInfo) -> date:
    """The local day that an excuse ends with. An instant is its end: midnight belongs to the day before."""
    return first_day(moment - timedelta(microseconds=1) if isinstance(moment, datetime) else moment, zone)


def given(excuse_id: str, region: str, from_: date, until: date, *, reason: str, by: str, at: datetime) -> Document:
    """A new excuse."""
    return {
        "_id": excuse_id,
        "region": region,
        "from": from_.isoformat(),
        "until": until.isoformat(),
        "reason": reason,
        "given_at": at,
        "given_by": by,
        "ended_at": None,
        "ended_by": None,
        "unapplied": 1,
    }


def is_same(excuse: Document, other: Document) -> bool:
    """Whether two excuses of one id say the same: a repeat, and no conflict."""
    return all(excuse[name] == other[name] for name in _SAID)


def covers(excuse: Document, region: str, deadline: Deadline) -> bool:
    """Whether an excuse holds for a region's report."""
    if excuse["ended_at"] is not None and excuse["ended_at"] < deadline.judge_at:
        return False
    is_its_day = excuse["from"] <= deadline.period.isoformat() <= excuse["until"]
    return is_its_day and excuse["region"] in ancestors_and_self(region)


def as_told(excuse: Document) -> Document:
    """What a verdict and an alert say of an excuse."""
    return {"id": excuse["_id"], "reason": excuse["reason"], "by": excuse["given_by"], "at": excuse["given_at"]}


def excuse_json(excuse: Document) -> Document:
    return {"id": excuse["_id"], **{name: excuse[name] for name in _SHOWN}}


class Excuses:
    """Some excuses, asked for region by region: nothing grows with the number of regions."""

    def __init__(self, documents: Iterable[Document]) -> None:
        self._by_region: dict[str, list[Document]] = defaultdict(list)
        for excuse in documents:
            self._by_region[excuse["region"]].append(excuse)

    def of(self, region: str, deadline: Deadline) -> Document | None:
        """The excuse that holds for a region's report: of several the one that was given first."""
        if not self._by_region:
            return None
        above = [excuse for code in ancestors_and_self(region) for excuse in self._by_region.get(code, ())]
        holding = (excuse for excuse in above if covers(excuse, region, deadline))
        return min(holding, key=lambda excuse: (excuse["given_at"], excuse["_id"]), default=None)
