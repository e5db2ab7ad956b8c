"""Documents that were written, as the API's lists show them: a bounded number of queries for any number of them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import date
from itertools import groupby

from services.aggregator import views
from services.aggregator.lists.region_views import departed, region_views
from services.aggregator.periods import periods
from services.aggregator.state import alerts, attendance, incidents, logistics, region_state, reports
from services.aggregator.store import Store
from services.aggregator.stream.events import Event, Kind, event
from shared.clock import Clock
from shared.election.calendar import Calendar
from shared.events.alert import alert_json
from shared.mongo import Document
from shared.mongo_changes import Changed

Shown = tuple[str, str | None, Document]  # the document's id, its region, what is shown of it


class Showing:
    """By a table: what a collection's documents are called, and how they are shown."""

    def __init__(self, calendar: Calendar, store: Store, clock: Clock) -> None:
        self._calendar, self._store, self._clock = calendar, store, clock
        self._table: Mapping[str, tuple[Kind, Callable[[list[Document]], Awaitable[list[Shown]]]]] = {
            reports.COLLECTION: (Kind.REPORT, self._reports),
            incidents.COLLECTION: (Kind.INCIDENT, self._incidents),
            logistics.COLLECTION: (Kind.LOGISTICS, self._logistics),
            attendance.COLLECTION: (Kind.ATTENDANCE, self._attendance),
            alerts.COLLECTION: (Kind.ALERT, self._alerts),
            region_state.COLLECTION: (Kind.REGION, self._regions),
        }
        self.collections = tuple(self._table)

    async def events(self, changes: Sequence[Changed]) -> list[Event]:
        """One event per document, at its last change, in order. What no list shows is left out."""
        last = {(change.collection, change.document_id): change.token for change in changes}
        told = []
        for collection, group in groupby(sorted(last), key=lambda key: key[0]):
            kind, shown = self._table[collection]
            documents = await self._store.by_ids(collection, [document_id for _, document_id in group])
            for document_id, region, item in await shown(documents):
                told.append(event(last[collection, document_id], kind, document_id, region, item))
        return sorted(told, key=lambda one: one.token)

    async def _reports(self, documents: list[Document]) -> list[Shown]:
        """A withdrawal whose report has not come is no report."""
        known = [d for d in documents if "received_at" in d]
        return [(d["_id"], d["region"], views.report(d)) for d in known]

    async def _incidents(self, documents: list[Document]) -> list[Shown]:
        now = self._clock.now()
        return [(d["_id"], d["region"], views.incident(self._calendar, d, now)) for d in documents]

    async def _logistics(self, documents: list[Document]) -> list[Shown]:
        return [(d["_id"], d["region"], views.stock(self._calendar, d)) for d in documents]

    async def _alerts(self, documents: list[Document]) -> list[Shown]:
        return [(d["_id"], d["region"], alert_json(d)) for d in documents]

    async def _attendance(self, documents: list[Document]) -> list[Shown]:
        shown: list[Shown] = []
        for period, group in groupby(sorted(documents, key=lambda d: str(d["period"])), key=lambda d: d["period"]):
            shown += await self._attended(date.fromisoformat(period), list(group))
        return shown

    async def _attended(self, period: date, documents: list[Document]) -> Iterable[Shown]:
        codes = {d["region"] for d in documents}
        known = [region for code in codes if (region := self._calendar.roster.get(code))]
        deadlines = {region.code: self._calendar.owed(region, period) for region in known}
        owed = {code: deadline for code, deadline in deadlines.items() if deadline is not None}
        rows = periods.items(self._calendar, owed, documents, await self._store.facts(period, codes))
        return [(attendance.attendance_id(period, row["region"]), row["region"], row) for row in rows]

    async def _regions(self, documents: list[Document]) -> list[Shown]:
        codes = [d["_id"] for d in documents]
        regions = [self._calendar.roster.get(code) or departed(code) for code in codes]
        items = await region_views(self._calendar, self._store, regions)
        return [(item["code"], item["code"], item) for item in items]
