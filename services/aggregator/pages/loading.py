"""What a page needs, out of the database: a bounded number of indexed queries for any number of regions."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date, datetime

from services.aggregator.lists.region_views import departed
from services.aggregator.pages.findings import Findings
from services.aggregator.pages.kept import Asked, Kept
from services.aggregator.pages.page_store import PageStore
from services.aggregator.pages.paging import Place
from services.aggregator.pages.past import Past, Remembered
from services.aggregator.pages.status import Health, Status, status_of
from services.aggregator.pages.summary import Summary, summary_of
from services.aggregator.pages.words import Words
from services.aggregator.periods.periods import Facts
from services.aggregator.periods.turnout import Turnout
from services.aggregator.rollups.region_rollups import RegionRollUps
from services.aggregator.store import Store
from shared.clock import Clock
from shared.election.calendar import Calendar
from shared.election.roster import Region

MOST_VIOLATIONS = 50


class Desk:
    """The questions behind the pages."""

    def __init__(
        self,
        calendar: Calendar,
        store: Store,
        pages: PageStore,
        rollups: RegionRollUps,
        turnout: Turnout,
        clock: Clock,
        health: Health,
    ) -> None:
        self.calendar = calendar
        self._store, self._pages = store, pages
        self._kept = Kept(calendar, store, pages, rollups, turnout)
        self._clock, self._health = clock, health
        self._past = Past(store, pages)

    def now(self) -> datetime:
        return self._clock.now()

    async def find(self, code: str) -> Region | None:
        """Of the roster, or one that has left it and has events, itself or below it."""
        known = self.calendar.roster.get(code)
        return known or (departed(code) if await self._store.has_events(code) else None)

    async def status(self, words: Words, code: str) -> Status:
        newest_at = await self._kept.newest_at(self._minute())
        return status_of(words, self._health, newest_at, self.now(), self.calendar.zone(code))

    async def findings(self, period: date | None, within: str | None) -> Findings:
        """For the overview of a region and everything below it, of everything if none is named. Of the minute: what
        was found again in the same one is the same, and need not be drawn again."""
        kept, likely = self._kept, self._kept.likely_named(period, within)
        read, violations, facts = await asyncio.gather(
            kept.read_to(), self._pages.open_violations(within, MOST_VIOLATIONS), self._facts(period, likely)
        )
        asked = Asked(period, within, self._minute(), read)
        named = await kept.named(asked)
        if named.codes != likely:  # somebody else is judged since this board was last looked at, or nobody has yet
            facts = await self._facts(period, named.codes)
        open_counts, stated = await asyncio.gather(kept.open_counts(asked, named), kept.stated(asked, named))
        flags = await kept.flags(asked, named, open_counts, stated)
        return Findings(asked.now, period, within, named, facts, open_counts, stated, flags, violations)

    async def _facts(self, period: date | None, codes: Sequence[str]) -> Facts:
        """The reports of the regions that a page names."""
        return await self._store.facts(period, codes) if period and codes else {}

    async def past(self, region: Region, place: Place) -> Remembered:
        """Of the minute, as the findings are."""
        return await self._past.of(region, place, self._minute())

    def _minute(self) -> datetime:
        return self.now().replace(second=0, microsecond=0)

    async def summary(self, words: Words, code: str) -> Summary:
        return summary_of(words, await self._kept.rolled_up(code, self._minute()))
