"""What is summed up on pages, kept until the logs that it follows from were read further, for the minute at most
(docs/decisions/0031). What is listed is asked for each time."""

from __future__ import annotations

import asyncio
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial

from services.aggregator.keeping import Keeping
from services.aggregator.pages.findings import Flags, Named, OpenCounts, Stated
from services.aggregator.pages.page_store import PageStore
from services.aggregator.periods.periods import period_shown
from services.aggregator.periods.turnout import Turnout
from services.aggregator.rollups.flags import Standing
from services.aggregator.rollups.region_rollups import RegionRollUps
from services.aggregator.rollups.rollups import expected_logistics, gaps, holding
from services.aggregator.rollups.stocks import Stocks
from services.aggregator.store import ReadTo, Store
from shared.coalescer import Coalescer
from shared.election.calendar import Calendar
from shared.election.config import Level
from shared.election.logistics_line import line_of, since_of
from shared.election.roster import is_within, level_of
from shared.mongo import Document
from shared.topics import ALERTS, INCIDENTS, LOGISTICS, REPORTS, Topic

MOST_OF_BOARDS = 200  # four for each board; of the nation's one is 1 MB
MOST_REGIONS = 200  # of 11 KB each
_LOGS = (REPORTS, INCIDENTS, LOGISTICS, ALERTS)


@dataclass(frozen=True, slots=True)
class Asked:
    """A board: of a period, of a region and everything below it or of everything, at a minute, and how far the logs
    were read just before."""

    period: date | None
    within: str | None
    now: datetime
    read: ReadTo

    def as_of(self, *logs: Topic) -> Hashable:
        """What follows from these logs is kept while this stays the same. Of the minute, whatever it says: of a batch
        that was folded in part, and then stopped its consumer, no position tells."""
        return self.now, *(self.read[log] for log in logs)


class Kept:
    def __init__(
        self, calendar: Calendar, store: Store, pages: PageStore, rollups: RegionRollUps, turnout: Turnout
    ) -> None:
        self._calendar, self._pages, self._rollups, self._turnout = calendar, pages, rollups, turnout
        self._reading: Coalescer[None, ReadTo] = Coalescer(partial(_each, store))
        # Apart: of regions there are tens of thousands, and somebody may look through all of them.
        self._boards, self._regions = Keeping(MOST_OF_BOARDS), Keeping(MOST_REGIONS)

    async def read_to(self) -> ReadTo:
        """How far the logs are read; asked once for all who want to know it now."""
        return await self._reading.ask(None)

    async def named(self, asked: Asked) -> Named:
        period, within = asked.period, asked.within

        async def work() -> Named:
            everybody = self._calendar.roster.at_level(Level.REGENCY)
            regencies = tuple(r.code for r in everybody if within is None or is_within(r.code, within))
            if period is None:
                return Named((), Level.REGENCY, (), (), regencies)
            listed = await self._turnout.listed(period, within, asked.read[ALERTS])
            attendance = await self._pages.attendance(period, listed.codes)
            levels = {Level.REGENCY, *map(level_of, listed.codes)}
            return Named(listed.codes, max(levels, key=list(Level).index), attendance, listed.sums, regencies)

        return await self._boards.of(("named", period, within), asked.as_of(ALERTS), work)

    def likely_named(self, period: date | None, within: str | None) -> tuple[str, ...]:
        """The codes of those that a board named last, for whoever need not wait to know better."""
        named: Named | None = self._boards.latest(("named", period, within))
        return named.codes if named else ()

    async def stated(self, asked: Asked, named: Named) -> Stated:
        async def work() -> Stated:
            store, everybody = self._rollups.store, sorted({*named.codes, *named.regencies})
            since, items = since_of(self._calendar, everybody, asked.now), self._calendar.election.logistics.items
            by_region, by_item = await asyncio.gather(
                store.stocks_by_region(everybody, items, since), store.stocks_by_item(named.regencies, since)
            )
            return Stated(by_region, by_item)

        return await self._boards.of(("stated", asked.period, asked.within), asked.as_of(LOGISTICS, ALERTS), work)

    async def open_counts(self, asked: Asked, named: Named) -> OpenCounts:
        """Of regencies and of what is named below them. It is counted over all that is open, be it 50,000: 40 ms."""
        count = partial(self._pages.open_by_region, asked.within, named.deepest)
        return await self._boards.of(("open", asked.within, named.deepest), asked.as_of(INCIDENTS), count)

    async def flags(self, asked: Asked, named: Named, open_counts: OpenCounts, stated: Stated) -> Flags:
        """They tell how things stand now: none beside another period than the current."""
        if asked.period is None or asked.period != period_shown(self._calendar, asked.now):
            return {}

        async def work() -> Flags:
            in_force = await self._rollups.store.in_force(named.codes)
            standings = {code: self._standing(code, open_counts, stated, asked.now) for code in in_force}
            return await self._rollups.flags(in_force, standings)

        return await self._boards.of(("flags", asked.within), asked.as_of(*_LOGS), work)

    def _standing(self, code: str, open_counts: OpenCounts, stated: Stated, now: datetime) -> Standing:
        calendar, held = self._calendar, holding(self._calendar, code)
        complete = sum(stated.by_region.get(one, Stocks()).complete for one in held)
        lacking = gaps(calendar, line_of(calendar, code, now), expected_logistics(calendar, held), complete, now)
        return Standing(*open_counts.get(code, (0, 0)), lacking)

    async def rolled_up(self, code: str, now: datetime) -> Document:
        """Of a region, at a minute: what `/v1/regions/{code}` asks for each time."""
        read = await self.read_to()
        return await self._regions.of(code, (*read.values(), now), partial(self._rollups.of, code, now))

    async def newest_at(self, now: datetime) -> datetime | None:
        """When the newest report or incident was received, as it is known at a minute."""
        read = await self.read_to()
        return await self._boards.of("newest", (read[REPORTS], read[INCIDENTS], now), self._pages.newest_at)


async def _each(store: Store, askers: Sequence[None]) -> Sequence[ReadTo]:
    return [await store.read_to(*_LOGS)] * len(askers)
