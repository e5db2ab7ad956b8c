"""Periods as the API shows them: what one page holds is asked for, however many regions owe a report."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from services.aggregator.periods import periods
from services.aggregator.periods.periods import Counts
from services.aggregator.periods.turnout import Turnout
from services.aggregator.store import Store
from shared.election.calendar import Calendar
from shared.http.lists import Page
from shared.mongo import Document


@dataclass(frozen=True, slots=True)
class Attendance:
    """A page of a period's regions, by code; `counts` is of the whole period."""

    is_judged: bool
    counts: Counts
    page: Document


async def attendance(
    calendar: Calendar, store: Store, turnout: Turnout, period: date, query: Page
) -> Attendance | None:
    """None of a period that nobody owed, nobody was judged for and nobody filed for."""
    counts = await turnout.counts(period)
    if any(counts.values()):
        rows = await _judged_rows(calendar, store, period, query)
    else:
        rows = periods.items(calendar, {}, [], await store.facts_after(period, query.after, query.limit + 1))
        if not rows and query.after is None:
            return None
    page = query.of(rows, lambda row: str(row["region"]))
    return Attendance(bool(calendar.owing(period)), counts, page)


async def _judged_rows(calendar: Calendar, store: Store, period: date, query: Page) -> list[Document]:
    """One row more than the page holds, if there are as many: of those who owe or were judged, the first by code."""
    most = query.limit + 1
    owed = calendar.owing(period).after(query.after, most)
    attended = {d["region"]: d for d in await store.attendance_after(period, query.after, most)}
    codes = sorted({*owed, *attended})[:most]
    facts = await store.facts(period, codes)
    return periods.items(
        calendar,
        {code: owed[code] for code in codes if code in owed},
        [attended[code] for code in codes if code in attended],
        facts,
    )
