"""A region's past, out of the database, a page of each kind at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from services.aggregator.pages import paging
from services.aggregator.pages.history import Attended, Incident, Report, Stock
from services.aggregator.pages.page_store import PageStore
from services.aggregator.pages.paging import Place
from services.aggregator.pages.telling import Teller
from services.aggregator.pages.words import Words
from services.aggregator.periods import period_shown
from services.aggregator.queries import newest_key
from services.aggregator.store import Store
from shared.election.calendar import Calendar
from shared.election.roster import Region
from shared.http.lists import encode_cursor
from shared.mongo import Document, below

MOST_SHOWN = 50  # of each kind


@dataclass(frozen=True, slots=True)
class History:
    """Of one region, the newest first; `older` says by kind where the list goes on, None at its end."""

    attended: tuple[Attended, ...]
    reports: tuple[Report, ...]
    incidents: tuple[Incident, ...]
    stocks: tuple[Stock, ...]
    older: Mapping[str, str | None]


class Past:
    def __init__(self, calendar: Calendar, store: Store, pages: PageStore) -> None:
        self._calendar, self._store, self._pages = calendar, store, pages

    async def of(self, words: Words, region: Region, place: Place, now: datetime) -> History:
        """Incidents also of the regions below, unless it is a province."""
        code, most = region.code, MOST_SHOWN + 1
        wanted = code if region.parent is None else below(code)
        attended, reports, incidents, stocks = await asyncio.gather(
            self._pages.attended(code, place.verdicts, most),
            self._store.reports({"region": code, "received_at": {"$type": "date"}}, place.reports, most),
            self._store.incidents({"region": wanted}, place.incidents, most),
            self._store.logistics({"region": code}, None, MOST_SHOWN),
        )
        teller = Teller(words, self._calendar, now)
        shown = reports[:MOST_SHOWN]
        corrections = await self._pages.corrections(code, [d["id"] for d in shown])
        return History(
            (*self._awaited(teller, region, attended, place, now), *map(teller.attended, attended[:MOST_SHOWN])),
            teller.reports(shown, corrections),
            tuple(map(teller.incident, incidents[:MOST_SHOWN])),
            teller.stocks(code, stocks),
            {
                paging.VERDICTS: _older(attended, lambda d: str(d["period"])),
                paging.REPORTS: _older(reports, _newest_cursor),
                paging.INCIDENTS: _older(incidents, _newest_cursor),
            },
        )

    def _awaited(
        self, teller: Teller, region: Region, attended: Sequence[Document], place: Place, now: datetime
    ) -> list[Attended]:
        """The current period's report, if it is owed and nobody has judged it yet."""
        period = period_shown(self._calendar, now)
        if period is None or place.verdicts is not None or region.code not in self._calendar.roster:
            return []
        deadline = self._calendar.owed(region, period)
        is_judged = any(date.fromisoformat(d["period"]) == period for d in attended)
        return [teller.awaited(region.code, deadline)] if deadline and not is_judged else []


def _newest_cursor(document: Document) -> str:
    return encode_cursor(newest_key(document["received_at"], document["_id"]))


def _older(found: Sequence[Document], cursor: Callable[[Document], str]) -> str | None:
    return cursor(found[MOST_SHOWN - 1]) if len(found) > MOST_SHOWN else None
