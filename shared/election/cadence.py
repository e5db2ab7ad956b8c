"""Which days reports are for: every Monday (or another day of the week), or every day. Pure.

A region may owe by more than one rule at once, weekly say and daily while it votes: the days of all of them are its
*period days*. On a day outside of all rules its first rule says which days are; what is sent then is taken, and owed
by nobody.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from functools import lru_cache

from shared.election.config import Every, ReportRule

DAY = timedelta(days=1)
WEEK = timedelta(days=7)
_KEPT = 64  # days whose answers are kept: every event asks, nearly always about today


def fits(rule: ReportRule, day: date) -> bool:
    """Whether a rule's reports can be for a day, regardless of when the rule holds."""
    return rule.every is Every.DAY or day.weekday() == rule.weekday.number


def days_of(rule: ReportRule, first: date) -> Iterator[date]:
    """The days a rule's reports are for, while it holds, from a day on."""
    day = max(rule.from_, first)
    while day <= rule.until:
        if fits(rule, day):
            yield day
        day += DAY


class PeriodDays:
    """The period days of those for whom some rules hold, at least one. Every day there are belongs to one period: the
    latest period day on or before it."""

    def __init__(self, rules: Sequence[ReportRule]) -> None:
        self._rules = tuple(rules)
        self._latest, self._after = lru_cache(_KEPT)(self._find_latest), lru_cache(_KEPT)(self._find_after)
        self._holds = lru_cache(_KEPT)(self._is_one)

    def rules_on(self, day: date) -> tuple[ReportRule, ...]:
        """Those in force, else the first."""
        return tuple(rule for rule in self._rules if rule.from_ <= day <= rule.until) or self._rules[:1]

    def holds(self, day: date) -> bool:
        return self._holds(day)

    def is_daily(self, day: date) -> bool:
        return any(rule.every is Every.DAY for rule in self.rules_on(day))

    def latest(self, day: date) -> date:
        """The period that a day belongs to."""
        return self._latest(day)

    def before(self, day: date) -> date:
        """The nearest period day before a day."""
        return self.latest(day - DAY)

    def after(self, day: date) -> date:
        """The nearest period day after a day."""
        return self._after(day)

    def _is_one(self, day: date) -> bool:
        return any(fits(rule, day) for rule in self.rules_on(day))

    def _find_latest(self, day: date) -> date:
        while not self.holds(day):
            day -= DAY
        return day

    def _find_after(self, day: date) -> date:
        day += DAY
        while not self.holds(day):
            day += DAY
        return day
