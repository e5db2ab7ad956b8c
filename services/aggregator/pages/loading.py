"""What a page needs, out of the database: a bounded number of indexed queries for any number of regions."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from services.aggregator import periods
from services.aggregator.flags import Flag, Standing
from services.aggregator.levels import Listed
from services.aggregator.pages.history import Incident
from services.aggregator.pages.overview import Board, Supplies, board_of, row_of, supplies_of
from services.aggregator.pages.page_store import PageStore
from services.aggregator.pages.paging import Place
from services.aggregator.pages.past import History, Past
from services.aggregator.pages.status import Health, Status, status_of
from services.aggregator.pages.summary import Summary, summary_of
from services.aggregator.pages.telling import Teller
from services.aggregator.pages.words import Words
from services.aggregator.region_rollups import RegionRollUps
from services.aggregator.region_views import departed
from services.aggregator.rollups import gaps, owing_logistics
from services.aggregator.stocks import Stocks
from services.aggregator.store import Store
from services.aggregator.turnout import Turnout
from shared.clock import Clock
from shared.election.calendar import Calendar
from shared.election.config import Level
from shared.election.logistics_line import line_of, since_of
from shared.election.roster import Region, is_within

MOST_VIOLATIONS = 50


@dataclass(frozen=True, slots=True)
class Violations:
    """The open ones: the first of them, and how many there are in all."""

    shown: tuple[Incident, ...]
    count: int
    quiet: int


@dataclass(frozen=True, slots=True)
class Overview:
    """Of a province, or of everything."""

    board: Board | None
    violations: Violations
    supplies: Supplies


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
        self._past = Past(calendar, store, pages)

    def now(self) -> datetime:
        return self._clock.now()

    async def find(self, code: str) -> Region | None:
        """Of the roster, or one that has left it and has events, itself or below it."""
        known = self.calendar.roster.get(code)
        return known or (departed(code) if await self._store.has_events(code) else None)

    async def status(self, words: Words, code: str) -> Status:
        newest_at = await self._pages.newest_at()
        return status_of(words, self._health, newest_at, self.now(), self.calendar.zone(code))

    async def overview(self, words: Words, period: date | None, within: str | None) -> Overview:
        """Of a region and everything below it, of everything if none is named; without a board if no period is
        judged."""
        named = await self._turnout.listed(period, within) if period else Listed((), ())
        rows = await self._attendance(period, named.codes) if period and named.codes else []
        codes = [row["region"] for row in rows] or self._regencies(within)
        since = since_of(self.calendar, codes, self.now())
        open_counts, by_region, by_item, found = await asyncio.gather(
            self._pages.open_by_regency(within),
            self._rollups.store.stocks_by_region(codes, self.calendar.election.logistics.items, since),
            self._rollups.store.stocks_by_item(codes, since),
            self._pages.open_violations(within, MOST_VIOLATIONS),
        )
        flagged = await self._flags(period, open_counts, by_region, [row["region"] for row in rows])
        shown = [
            row_of(
                words,
                self.calendar,
                row,
                open_counts.get(row["region"], (0, 0)),
                by_region.get(row["region"], Stocks()),
                flagged.get(row["region"], ()),
            )
            for row in rows
        ]
        teller = Teller(words, self.calendar, self.now())
        counts = open_counts.values()
        clock_of = codes[0] if codes else within or ""
        return Overview(
            board_of(words, self.calendar, period, shown, self.now(), named.sums) if period else None,
            Violations(tuple(map(teller.incident, found)), sum(n for n, _ in counts), sum(q for _, q in counts)),
            supplies_of(words, self.calendar, clock_of, by_item, len(codes), self.now()),
        )

    def _regencies(self, within: str | None) -> list[str]:
        """Whose logistics count where nobody who owes a report is named."""
        regencies = self.calendar.roster.at_level(Level.REGENCY)
        return [r.code for r in regencies if within is None or is_within(r.code, within)]

    async def history(self, words: Words, region: Region, place: Place) -> History:
        return await self._past.of(words, region, place, self.now())

    async def summary(self, words: Words, code: str) -> Summary:
        return summary_of(words, await self._rollups.of(code, self.now()))

    async def _flags(
        self,
        period: date | None,
        open_counts: Mapping[str, tuple[int, int]],
        by_region: Mapping[str, Stocks],
        codes: Sequence[str],
    ) -> dict[str, tuple[Flag, ...]]:
        """They are about how things stand now: none beside another period than the current one."""
        now, calendar, needed = self.now(), self.calendar, len(self.calendar.election.logistics.items)
        if period is None or period != periods.period_shown(calendar, now):
            return {}
        standings = {}
        for code in codes:
            expected, complete = owing_logistics(calendar, [code]) * needed, by_region.get(code, Stocks()).complete
            lacking = gaps(calendar, line_of(calendar, code, now), expected, complete, now)
            standings[code] = Standing(*open_counts.get(code, (0, 0)), lacking)
        return await self._rollups.flags(standings)

    async def _attendance(self, period: date, named: Sequence[str]) -> Sequence[periods.Document]:
        """The rows of the regions that a page names."""
        owed = self.calendar.owing(period)
        documents = await self._store.attendance(period, named)
        facts = await self._store.facts(period, named)
        return periods.items(self.calendar, {c: owed[c] for c in named if c in owed}, documents, facts)
