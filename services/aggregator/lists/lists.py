"""The lists of the read API: reports, incidents, logistics and alerts, with the filters of `queries.py`."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from services.aggregator import views
from services.aggregator.lists.items import Items
from services.aggregator.lists.known import Known
from services.aggregator.lists.plain_lists import Handler, PlainList
from services.aggregator.lists.queries import IncidentsQuery, LogisticsQuery, ReportsQuery, newest_after, newest_key
from services.aggregator.state import hand_overs
from services.aggregator.store import Store
from shared.access.store import AccessStore
from shared.clock import Clock
from shared.election.calendar import Calendar
from shared.events.alert import alert_json
from shared.events.envelope import identity_of
from shared.http.lists import AlertsQuery, Page
from shared.http.problems import Problem
from shared.http.service import json_response
from shared.mongo import Document, Raw, decoded
from shared.strict import SLUG

Slug = Annotated[str, Path(pattern=SLUG)]


def _page(found: list[Raw], page: Page, items: Items, key: Callable[[Document], str]) -> Document:
    """A page of documents, of which there is one more than asked for if there are more pages."""
    answer = page.of(found, lambda last: key(decoded(last)))
    return {**answer, "items": items.of(answer["items"])}


def _newest(found: list[Raw], page: Page, items: Items, instant: str) -> Document:
    return _page(found, page, items, lambda last: newest_key(last[instant], last["_id"]))


def add_lists(
    router: APIRouter, calendar: Calendar, store: Store, access: AccessStore, clock: Clock
) -> list[PlainList]:
    """The plain ways to them are to be asked before all other routes."""
    known = Known(calendar, store)
    return [
        PlainList("/v1/reports", ReportsQuery, _add_reports(router, store, known, clock), access),
        PlainList("/v1/incidents", IncidentsQuery, _add_incidents(router, calendar, store, known, clock), access),
        PlainList("/v1/alerts", AlertsQuery, _add_alerts(router, store, known, clock), access),
        PlainList("/v1/logistics", LogisticsQuery, _add_logistics(router, calendar, store, known, clock), access),
    ]


def _add_reports(router: APIRouter, store: Store, known: Known, clock: Clock) -> Handler:
    items = Items(clock, lambda document, _: views.report(document))

    @router.get("/reports", tags=["reports"])
    async def reports(query: Annotated[ReportsQuery, Query()]) -> Response:
        """Reports as they were sent, the latest received first, withdrawn ones too: `withdrawn` says since when, by
        whom and why, null of one that holds. `withdrawals` are all that came; one that names another region or period
        than the report's is an orphan and changes nothing."""
        found = await store.reports(query.to_mongo(), newest_after(query.after), query.limit + 1)
        if not found:
            await known.look_at(query)
        return json_response(_newest(found, query, items, "received_at"))

    @router.get("/reports/{agency}/{report_id}", tags=["reports"])
    async def report(agency: Slug, report_id: Slug) -> Response:
        """One report. If its withdrawal came first, `withdrawals` alone is told and the rest is null."""
        found = await store.report(identity_of(agency, report_id))
        if found is None:
            raise Problem(404, "not_found", "not_found_detail", what=f"{agency}/{report_id}")
        return json_response(views.report(found))

    return reports


def _add_incidents(router: APIRouter, calendar: Calendar, store: Store, known: Known, clock: Clock) -> Handler:
    items = Items(clock, partial(views.incident, calendar), hand_overs.holds_until)

    @router.get("/incidents", tags=["incidents"])
    async def incidents(query: Annotated[IncidentsQuery, Query()]) -> Response:
        """Incidents, the latest received first, each with its history. `status` is the latest that an agency gave it
        for its own region; one for another region is an orphan in the history. An incident of which nothing but a
        status has come is listed with the status `orphan`, all else that it would say null. `label`, `legal_basis` and
        `hand_over` are the election file's as it stood at receipt; `hand_over.due_at` is null where no time is known,
        `is_overdue` says whether it has passed and the incident was neither forwarded, dismissed nor resolved."""
        found = await store.incidents(query.to_mongo(), newest_after(query.after), query.limit + 1)
        if not found:
            await known.look_at(query)
        return json_response(_newest(found, query, items, "received_at"))

    return incidents


def _add_alerts(router: APIRouter, store: Store, known: Known, clock: Clock) -> Handler:
    items = Items(clock, lambda document, _: alert_json(document))

    @router.get("/alerts", tags=["alerts"])
    async def alerts(query: Annotated[AlertsQuery, Query()]) -> Response:
        """Alerts as the notifier told them, the latest raised first."""
        found = await store.alerts(query.to_mongo(), newest_after(query.after), query.limit + 1)
        if not found:
            await known.look_at(query)
        return json_response(_newest(found, query, items, "raised_at"))

    return alerts


def _add_logistics(router: APIRouter, calendar: Calendar, store: Store, known: Known, clock: Clock) -> Handler:
    items = Items(clock, lambda document, _: views.stock(calendar, document))

    @router.get("/logistics", tags=["logistics"])
    async def logistics(query: Annotated[LogisticsQuery, Query()]) -> Response:
        """By region and item, the statement that holds: that with the latest `as_of`. What nobody has stated is not in
        the list. `complete`: all that is required was received; `statements`: how many came."""
        found = await store.logistics(query.to_mongo(), query.after_stock, query.limit + 1)
        if not found:
            await known.look_at(query)
        return json_response(_page(found, query, items, lambda last: str(last["_id"])))

    return logistics
