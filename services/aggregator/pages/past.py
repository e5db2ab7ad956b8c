"""A region's past, out of the database, a page of each kind at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import partial

from services.aggregator.lists.queries import newest_key
from services.aggregator.pages import paging
from services.aggregator.pages.history import Attended, Incident, Report, Stock
from services.aggregator.pages.page_store import PageStore
from services.aggregator.pages.paging import Place
from services.aggregator.pages.telling import Teller
from services.aggregator.pages.words import Words
from services.aggregator.periods.periods import period_shown
from services.aggregator.store import Store
from shared.election.calendar import Calendar
from shared.election.roster import Region
from shared.http.lists import encode_cursor
from shared.mongo import Document, Raw, below, decoded

MOST_SHOWN = 50  # of each kind


@dataclass(frozen=True, slots=True)
class History:
    """Of one region, the newest first; `older` says by kind where the list goes on, None at its end."""

    attended: tuple[Attended, ...]
    reports: tuple[Report, ...]
    incidents: tuple[Incident, ...]
    stocks: tuple[Stock, ...]
    older: Mapping[str, str | None]


@dataclass(frozen=True, slots=True)
class Remembered:
    """What was found of a region's past at an instant: of each kind one more than is shown, if there are more. As it
    came, to be compared with what came before and taken apart only if it differs."""

    at: datetime
    region: Region
    place: Place
    attended: Sequence[Raw]
    reports: Sequence[Raw]
    corrections: Sequence[Document]
    incidents: Sequence[Raw]
    stocks: Sequence[Raw]


class Past:
    def __init__(self, store: Store, pages: PageStore) -> None:
        self._store, self._pages = store, pages

    async def of(self, region: Region, place: Place, now: datetime) -> Remembered:
        """Incidents also of the regions below, unless it is a province."""
        code, most = region.code, MOST_SHOWN + 1
        wanted = code if region.parent is None else below(code)
        attended, reports, incidents, stocks = await asyncio.gather(
            self._pages.attended(code, place.verdicts, most),
            self._store.reports({"region": code, "received_at": {"$type": "date"}}, place.reports, most),
            self._store.incidents({"region": wanted}, place.incidents, most),
            self._store.logistics({"region": code}, None, MOST_SHOWN),
        )
        shown = [decoded(d)["id"] for d in reports[:MOST_SHOWN]]
        corrections = await self._pages.corrections(code, shown) if shown else []
        return Remembered(now, region, place, attended, reports, corrections, incidents, stocks)


def history_of(words: Words, calendar: Calendar, found: Remembered) -> History:
    """In words; the same of what is the same (`drawn.py`)."""
    teller = Teller(words, calendar, found.at)
    attended, reports, incidents = (
        list(map(decoded, kind)) for kind in (found.attended, found.reports, found.incidents)
    )
    return History(
        (*_awaited(teller, calendar, found, attended), *map(teller.attended, attended[:MOST_SHOWN])),
        teller.reports(reports[:MOST_SHOWN], found.corrections),
        tuple(map(teller.incident, incidents[:MOST_SHOWN])),
        teller.stocks(found.region.code, list(map(decoded, found.stocks))),
        {
            paging.VERDICTS: _older(attended, lambda d: str(d["period"])),
            paging.REPORTS: _older(reports, partial(_newest_cursor, paging.REPORTS)),
            paging.INCIDENTS: _older(incidents, partial(_newest_cursor, paging.INCIDENTS)),
        },
    )


def _awaited(teller: Teller, calendar: Calendar, found: Remembered, attended: Sequence[Document]) -> list[Attended]:
    """The current period's report, if it is owed and nobody has judged it yet."""
    period, code = period_shown(calendar, found.at), found.region.code
    if period is None or found.place.verdicts is not None or code not in calendar.roster:
        return []
    deadline = calendar.owed(found.region, period)
    is_judged = any(date.fromisoformat(d["period"]) == period for d in attended)
    return [teller.awaited(code, deadline)] if deadline and not is_judged else []


def _newest_cursor(kind: str, document: Document) -> str:
    return encode_cursor(kind, newest_key(document["received_at"], document["_id"]))


def _older(found: Sequence[Document], cursor: Callable[[Document], str]) -> str | None:
    return cursor(found[MOST_SHOWN - 1]) if len(found) > MOST_SHOWN else None
