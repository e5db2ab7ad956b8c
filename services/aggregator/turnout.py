"""How a period stands, worked out anew only when a verdict was read since: there may be 84,000 villages, and as many
people look as there are desks."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Any, TypeVar

from services.aggregator import periods
from services.aggregator.pages.levels import Listed, listed
from services.aggregator.periods import Counts
from services.aggregator.store import Store
from shared.election.calendar import Calendar

MOST_KEPT = 1_000

T = TypeVar("T")


class Turnout:
    """What is kept is as old as the log's positions that were read before it: whoever finds them unmoved finds no
    verdict that is not in it, but for those of a batch that is being folded."""

    def __init__(self, calendar: Calendar, store: Store) -> None:
        self._calendar, self._store = calendar, store
        self._kept: dict[tuple[Any, ...], tuple[Any, Any]] = {}

    async def counts(self, period: date) -> Counts:
        """How often each verdict holds; nothing but zeros where nobody owed and nobody was judged."""

        async def work() -> Counts:
            return periods.verdict_counts(self._calendar.owing(period).keys(), await self._store.judged(period))

        return await self._kept_or((period,), work)

    async def listed(self, period: date, within: str | None) -> Listed:
        """Which regions a page names, of one and everything below it or of all."""

        async def work() -> Listed:
            owed = self._calendar.owing(period)
            return listed(owed.below(within) if within else owed, await self._store.judged(period, within))

        return await self._kept_or((period, within), work)

    async def _kept_or(self, key: tuple[Any, ...], work: Callable[[], Awaitable[T]]) -> T:
        as_of = await self._store.verdicts_read_to()
        found = self._kept.get(key)
        if found is None or found[0] != as_of:
            found = as_of, await work()
            self._kept.pop(key, None)
            self._kept[key] = found
            if len(self._kept) > MOST_KEPT:
                self._kept.pop(next(iter(self._kept)))
        value: T = found[1]
        return value
