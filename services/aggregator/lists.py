"""The lists of the read API: reports, incidents, logistics and alerts, with the filters of `queries.py`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from services.aggregator import views
from services.aggregator.queries import IncidentsQuery, LogisticsQuery, ReportsQuery, newest_after, newest_key
from services.aggregator.store import Store
from shared.clock import Clock
from shared.election.calendar import Calendar
from shared.events.alert import alert_json
from shared.events.envelope import identity_of
from shared.http.lists import AlertsQuery, Page
from shared.http.problems import Problem
from shared.http.service import json_response
from shared.mongo import Document
from shared.strict import SLUG

Slug = Annotated[str, Path(pattern=SLUG)]


def _newest(found: list[Document], page: Page, instant: str, view: Callable[[Document], Document]) -> Document:
    """A page of documents, newest first, of which there is one more than asked for if there are more pages."""
    answer = page.of(found, lambda document: newest_key(document[instant], document["_id"]))
    return {**answer, "items": [view(document) for document in answer["items"]]}


def add_lists(router: APIRouter, calendar: Calendar, store: Store, clock: Clock) -> None:
    _add_reports(router, store)
    _add_incidents(router, calendar, store, clock)
    _add_alerts(router, store)
    _add_logistics(router, calendar, store)


def _add_reports(router: APIRouter, store: Store) -> None:
    @router.get("/reports", tags=["reports"])
    async def reports(query: Annotated[ReportsQuery, Query()]) -> Response:
        """Reports as they were sent, the latest received first, withdrawn ones too: `withdrawn` says since when, by
        whom and why, null of one that holds. `withdrawals` are all that came; one that names another region or period
        than the report's is an orphan and changes nothing."""
        found = await store.reports(query.to_mongo(), newest_after(query.cursor), query.limit + 1)
        return json_response(_newest(found, query, "received_at", views.report))

    @router.get("/reports/{agency}/{report_id}", tags=["reports"])
    async def report(agency: Slug, report_id: Slug) -> Response:
        """One report. If its withdrawal came first, `withdrawals` alone is told and the rest is null."""
        found = await store.report(identity_of(agency, report_id))
        if found is None:
            raise Problem(404, "not_found", "not_found_detail", what=f"{agency}/{report_id}")
        return json_response(views.report(found))


def _add_incidents(router: APIRouter, calendar: Calendar, store: Store, clock: Clock) -> None:
    @router.get("/incidents", tags=["incidents"])
    async def incidents(query: Annotated[IncidentsQuery, Query()]) -> Response:
        """Incidents, the latest received first, each with its history. `status` is the latest that an agency gave it
        for its own region; one for another region is an orphan in the history. An incident of which nothing but a
        status has come is listed with the status `orphan`, all else that it would say null. `label`, `legal_basis` and
        `hand_over` are the election file's as it stood at receipt; `hand_over.due_at` is null where no time is known,
        `is_overdue` says whether it has passed and the incident was neither forwarded, dismissed nor resolved."""
        found = await store.incidents(query.to_mongo(), newest_after(query.cursor), query.limit + 1)
        shown = partial(views.incident, calendar, now=clock.now())
        return json_response(_newest(found, query, "received_at", shown))


def _add_alerts(router: APIRouter, store: Store) -> None:
    @router.get("/alerts", tags=["alerts"])
    async def alerts(query: Annotated[AlertsQuery, Query()]) -> Response:
        """Alerts as the notifier told them, the latest raised first."""
        found = await store.alerts(query.to_mongo(), newest_after(query.cursor), query.limit + 1)
        return json_response(_newest(found, query, "raised_at", alert_json))


def _add_logistics(router: APIRouter, calendar: Calendar, store: Store) -> None:
    @router.get("/logistics", tags=["logistics"])
    async def logistics(query: Annotated[LogisticsQuery, Query()]) -> Response:
        """By region and item, the statement that holds: that with the latest `as_of`. What nobody has stated is not in
        the list. `complete`: all that is required was received; `statements`: how many came."""
        found = await store.logistics(query.to_mongo(), query.after_stock, query.limit + 1)
        page = query.of(found, lambda document: str(document["_id"]))
        return json_response({**page, "items": [views.stock(calendar, document) for document in page["items"]]})
