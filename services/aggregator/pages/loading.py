"""What a page needs, out of the database: a bounded number of indexed queries for any number of regions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from functools import partial

from services.aggregator import periods
from services.aggregator.flags import Flag, Standing
from services.aggregator.keeping import Keeping
from services.aggregator.levels import Listed
from services.aggregator.pages.findings import Findings, OpenCounts
from services.aggregator.pages.page_store import PageStore
from services.aggregator.pages.paging import Place
from services.aggregator.pages.past import Past, Remembered
from services.aggregator.pages.status import Health, Status, status_of
from services.aggregator.pages.summary import Summary, summary_of
from services.aggregator.pages.words import Words
from services.aggregator.region_rollups import RegionRollUps
from services.aggregator.region_views import departed
from services.aggregator.rollups import expected_logistics, gaps, holding
from services.aggregator.stocks import Stocks
from services.aggregator.store import Store
from services.aggregator.turnout import Turnout
from shared.clock import Clock
from shared.election.calendar import Calendar
from shared.election.config import Level
from shared.election.logistics_line import line_of, since_of
from shared.election.roster import Region, is_within, level_of
from shared.mongo import Document
from shared.topics import INCIDENTS

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
        self._store, self._pages, self._rollups = store, pages, rollups
        self._turnout = turnout
        self._clock, self._health = clock, health
        self._past = Past(store, pages)
        self._open = Keeping(partial(store.read_to, INCIDENTS))

    def now(self) -> datetime:
        return self._clock.now()

    async def find(self, code: str) -> Region | None:
        """Of the roster, or one that has left it and has events, itself or below it."""
        known = self.calendar.roster.get(code)
        return known or (departed(code) if await self._store.has_events(code) else None)

    async def status(self, words: Words, code: str) -> Status:
        newest_at = await self._pages.newest_at()
        return status_of(words, self._health, newest_at, self.now(), self.calendar.zone(code))

    async def findings(self, period: date | None, within: str | None) -> Findings:
        """For the overview of a region and everything below it, of everything if none is named. Of the minute: what
        was found again in the same one is the same, and need not be drawn again."""
        now = self._minute()
        named = await self._turnout.listed(period, within) if period else Listed((), ())
        codes, regencies = named.codes, self._regencies(within)
        everybody = sorted({*codes, *regencies})
        since = since_of(self.calendar, everybody, now)
        rows, in_force, open_counts, by_region, by_item, violations = await asyncio.gather(
            self._attendance(period, codes),
            self._in_force(period, codes),
            self._open_counts(within, codes),
            self._rollups.store.stocks_by_region(everybody, self.calendar.election.logistics.items, since),
            self._rollups.store.stocks_by_item(regencies, since),
            self._pages.open_violations(within, MOST_VIOLATIONS),
        )
        flags = await self._flags(in_force, open_counts, by_region, now)
        return Findings(
            now, period, within, regencies, named.sums, rows, flags, open_counts, by_region, by_item, violations
        )

    def _regencies(self, within: str | None) -> list[str]:
        """Whose logistics count: by the line they must have everything."""
        regencies = self.calendar.roster.at_level(Level.REGENCY)
        return [r.code for r in regencies if within is None or is_within(r.code, within)]

    async def past(self, region: Region, place: Place) -> Remembered:
        """Of the minute, as the findings are."""
        return await self._past.of(region, place, self._minute())

    def _minute(self) -> datetime:
        return self.now().replace(second=0, microsecond=0)

    async def summary(self, words: Words, code: str) -> Summary:
        return summary_of(words, await self._rollups.of(code, self.now()))

    async def _open_counts(self, within: str | None, codes: Sequence[str]) -> OpenCounts:
        """Of regencies and what is named below them. It is counted over all that is open, be it 50,000: 40 ms."""
        deepest = max([Level.REGENCY, *map(level_of, codes)], key=list(Level).index)
        count = partial(self._pages.open_by_region, within, deepest)
        return await self._open.of((within, deepest), count)

    async def _in_force(self, period: date | None, codes: Sequence[str]) -> Mapping[str, Document]:
        """What the flags are about. They tell how things stand now: none beside another period than the current."""
        if period is None or period != periods.period_shown(self.calendar, self.now()):
            return {}
        return await self._rollups.store.in_force(codes)

    async def _flags(
        self,
        in_force: Mapping[str, Document],
        open_counts: OpenCounts,
        by_region: Mapping[str, Stocks],
        now: datetime,
    ) -> dict[str, tuple[Flag, ...]]:
        calendar, standings = self.calendar, {}
        for code in in_force:
            held = holding(calendar, code)
            complete = sum(by_region.get(one, Stocks()).complete for one in held)
            lacking = gaps(calendar, line_of(calendar, code, now), expected_logistics(calendar, held), complete, now)
            standings[code] = Standing(*open_counts.get(code, (0, 0)), lacking)
        return await self._rollups.flags(in_force, standings)

    async def _attendance(self, period: date | None, named: Sequence[str]) -> Sequence[Document]:
        """The rows of the regions that a page names."""
        if period is None or not named:
            return []
        owed = self.calendar.owing(period)
        documents, facts = await asyncio.gather(
            self._store.attendance(period, named), self._store.facts(period, named)
        )
        return periods.items(self.calendar, {c: owed[c] for c in named if c in owed}, documents, facts)
