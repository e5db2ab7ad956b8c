"""How a period stands, worked out anew only when a verdict was read since: there may be 84,000 villages, and as many
people look as there are desks."""

from __future__ import annotations

from collections.abc import Hashable
from datetime import date

from services.aggregator.keeping import Keeping
from services.aggregator.periods import periods
from services.aggregator.periods.levels import Listed, listed
from services.aggregator.periods.periods import Counts
from services.aggregator.store import Store
from shared.election.calendar import Calendar
from shared.topics import ALERTS


class Turnout:
    def __init__(self, calendar: Calendar, store: Store) -> None:
        self._calendar, self._store = calendar, store
        self._kept = Keeping()

    async def counts(self, period: date) -> Counts:
        """How often each verdict holds; nothing but zeros where nobody owed and nobody was judged."""

        async def work() -> Counts:
            return periods.verdict_counts(self._calendar.owing(period).keys(), await self._store.judged(period))

        read = await self._store.read_to(ALERTS)
        return await self._kept.of((period,), read[ALERTS], work)

    async def listed(self, period: date, within: str | None, read_to: Hashable) -> Listed:
        """Which regions a page names, of one and everything below it or of all. `read_to`: how far the log of verdicts
        was read just now."""

        async def work() -> Listed:
            owed = self._calendar.owing(period)
            return listed(owed.below(within) if within else owed, await self._store.judged(period, within))

        return await self._kept.of((period, within), read_to, work)
