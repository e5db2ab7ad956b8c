"""Roll-ups of regions as the API and the pages show them: what is asked, summed (docs/decisions/0014)."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime

from services.aggregator.periods.periods import period_shown
from services.aggregator.rollups import flags, rollups
from services.aggregator.rollups.flags import Flag, Standing
from services.aggregator.rollups.rollup_store import RollUpStore
from shared.election.cadence import PeriodDays
from shared.election.calendar import Calendar
from shared.election.logistics_line import line_of, since_of
from shared.election.roster import level_of
from shared.mongo import Document


class RegionRollUps:
    def __init__(self, calendar: Calendar, store: RollUpStore) -> None:
        self._calendar, self.store = calendar, store

    async def of(self, code: str, now: datetime) -> Document:
        """`incidents_by_status`, `open`, `logistics`, `attendance` and `flags` of a region and everything below it."""
        calendar, line = self._calendar, line_of(self._calendar, code, now)
        holding = rollups.holding(calendar, code)
        by_status, by_item, attended, in_force = await asyncio.gather(
            self.store.incidents(code, now),
            self.store.stocks_by_item(holding, since_of(calendar, holding, now)),
            self._attendance(code, now),
            self.store.in_force([code]),
        )
        still_open = rollups.still_open(by_status)
        supplies = rollups.logistics(calendar, line, holding, by_item)
        gaps = rollups.gaps(calendar, line, supplies["expected"], supplies["complete"], now)
        found = await self.flags(in_force, {code: rollups.standing(still_open, gaps)})
        return {
            "incidents_by_status": rollups.incidents_by_status(by_status),
            "open": still_open,
            "logistics": supplies,
            "attendance": attended,
            "flags": [flags.shown(flag) for flag in found.get(code, ())],
        }

    async def flags(
        self, in_force: Mapping[str, Document], standings: Mapping[str, Standing]
    ) -> dict[str, tuple[Flag, ...]]:
        """Of regions of which is known what report is in force and what is open; those without a flag are left out.
        At most five queries for any number of regions; one where no text is repeated."""
        weeks = self._calendar.election.repeated_text_weeks
        texts = await self._texts_since(in_force, weeks)
        found = {
            code: flags.flags_of(report, standings[code], texts.get(code, {}), weeks, self._days(code))
            for code, report in in_force.items()
        }
        return {code: flagged for code, flagged in found.items() if flagged}

    async def _texts_since(self, in_force: Mapping[str, Document], weeks: int) -> dict[str, dict[str, str]]:
        """Of the last weeks; where these all say the same, of those before as well, back to where that began."""
        texts: dict[str, dict[str, str]] = {}
        running, span = dict(in_force), weeks
        while running:
            texts |= await self._texts(running, span)
            running = {
                code: report
                for code, report in running.items()
                if flags.same_text(report, texts.get(code, {}), span, self._days(code))
            }
            if span == flags.MOST_WEEKS:
                break
            span = min(4 * span, flags.MOST_WEEKS)
        return texts

    async def _texts(self, in_force: Mapping[str, Document], weeks: int) -> dict[str, dict[str, str]]:
        wanted = {
            period
            for code, report in in_force.items()
            for period in flags.last_periods(report, weeks, self._days(code))
        }
        return await self.store.texts(wanted, in_force)

    def _days(self, code: str) -> PeriodDays:
        return self._calendar.period_days(code, level_of(code))

    async def _attendance(self, code: str, now: datetime) -> Document | None:
        """Of the current period; None where none is judged at all."""
        period = period_shown(self._calendar, now)
        if period is None:
            return None
        owed = self._calendar.owing(period).below(code)
        return rollups.attendance(period, owed, await self.store.verdicts(period, code))
