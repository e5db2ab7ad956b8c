"""Which rules were in force on a day: the election file as it stood, and its amendments. Pure.

A change of the rules never rewrites what was judged before it. Each day has the rules that were in force on it: those
of the file, with every amendment put over them whose `effective` day had come. An event is judged by the rules of the
local day of its receipt, a deadline by those of its period's day. So whoever computes an old period anew, a notifier
that lost its database say, gets the old answer.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from datetime import date, timedelta
from typing import Any

from shared.election.config import Amendment, Election, ReportRule
from shared.election.several import merged

DAY = timedelta(days=1)


class Versions:
    """Election files through time, put together: the first, and those beside it."""

    def __init__(self, elections: Sequence[Election]) -> None:
        each = [_Versions(election) for election in elections]
        self._days = sorted({day for versions in each for day in versions.days})
        self._elections = [merged([v.in_force(day) for v in each]) for day in (date.min, *self._days)]
        # With all amendments. Its `reports` hold the rules of all times, each until the day before the amendment that
        # ended it.
        self.latest = self._elections[-1]
        self.are_several = len(self._elections) > 1
        self.each_latest = tuple(versions.in_force(date.max) for versions in each)

    def in_force(self, day: date) -> Election:
        return self._elections[bisect_right(self._days, day)]


class _Versions:
    """One election file through time."""

    def __init__(self, election: Election) -> None:
        self.days: list[date] = []
        self._elections = [election]
        for amendment in election.amendments:
            self.days.append(amendment.effective)
            self._elections.append(amended(self._elections[-1], amendment))

    def in_force(self, day: date) -> Election:
        return self._elections[bisect_right(self.days, day)]


def amended(before: Election, amendment: Amendment) -> Election:
    """The election from the amendment's day on."""
    changed: dict[str, Any] = {
        name: value
        for name in ("stages", "offline_allowance", "clock_tolerance", "violation_report_within")
        if (value := getattr(amendment, name)) is not None
    }
    if amendment.reports is not None:
        ended = _within(before.reports, None, amendment.effective - DAY)
        changed["reports"] = (*ended, *_within(amendment.reports, amendment.effective, None))
    return before.model_copy(update={**changed, "categories": {**before.categories, **amendment.categories}})


def _within(rules: Iterable[ReportRule], first: date | None, last: date | None) -> list[ReportRule]:
    """The rules as far as they hold between two days."""
    clipped = [
        rule.model_copy(
            update={"from_": max(rule.from_, first or rule.from_), "until": min(rule.until, last or rule.until)}
        )
        for rule in rules
    ]
    return [rule for rule in clipped if rule.from_ <= rule.until]
