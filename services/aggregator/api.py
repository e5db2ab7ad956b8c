"""The read API. Whatever a client sends is typed first; what is answered comes from our documents alone."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request, Response

from services.aggregator import views
from services.aggregator.lists.lists import Slug, add_lists
from services.aggregator.lists.plain_lists import PlainList
from services.aggregator.lists.queries import AttendanceQuery, PeriodsQuery, RegionsQuery
from services.aggregator.lists.region_views import departed, region_views
from services.aggregator.periods import period_views, periods
from services.aggregator.periods.turnout import Turnout
from services.aggregator.rollups.region_rollups import RegionRollUps
from services.aggregator.store import Store
from shared.access.keys import Role
from shared.access.store import AccessStore
from shared.clock import Clock
from shared.election.calendar import Calendar
from shared.election.roster import Region
from shared.events.envelope import identity_of
from shared.field_errors import Word
from shared.http.auth import for_people, grant_of
from shared.http.etags import NOT_MODIFIED
from shared.http.lists import Page
from shared.http.openapi import NEEDS_KEY, reading_errors
from shared.http.parameters import once_each
from shared.http.problems import FieldError, Problem, invalid
from shared.http.service import json_response
from shared.mongo import Document
from shared.strict import REGION_CODE, Day


def _cut(rows: Sequence[Document], page: Page, key: str) -> Document:
    """A page of rows that are sorted by `key`."""
    begin = page.after
    return page.of([row for row in rows if begin is None or row[key] > begin], lambda row: str(row[key]))


def routes(
    calendar: Calendar, store: Store, rollups: RegionRollUps, turnout: Turnout, access: AccessStore, clock: Clock
) -> tuple[APIRouter, list[PlainList]]:
    """All of the aggregator's calls: for people's keys, and an agency's own events for its key; and the plain ways to
    some of them, to be asked before all other routes."""

    router = APIRouter(prefix="/v1", dependencies=[NEEDS_KEY], responses=reading_errors())
    people = APIRouter(dependencies=[for_people(access), once_each()], responses={304: NOT_MODIFIED})
    _add_regions(people, calendar, store)
    _add_region(people, calendar, store, rollups, clock)
    _add_periods(people, calendar, store, turnout)
    plain = add_lists(people, calendar, store, access, clock)
    router.include_router(people)
    _add_events(router, store, access)
    return router, plain


def _add_regions(router: APIRouter, calendar: Calendar, store: Store) -> None:
    roster = calendar.roster

    @router.get("/regions", tags=["regions"])
    async def regions(query: Annotated[RegionsQuery, Query()]) -> Response:
        """Regions by code: own state and roll-up of everything below each. `own.latest_report` is the report in force:
        the newest that was not withdrawn. The numbers are facts of arrival: a withdrawn report stays counted in
        `reports`, and `withdrawals` counts the withdrawals that came."""
        if query.parent is not None and query.parent not in roster:
            nearest = ", ".join(roster.nearest(query.parent)) or "-"
            raise invalid([FieldError("parent", "region_unknown", nearest=nearest)])
        found = roster.in_order(query.level, query.parent, query.after, query.limit + 1)
        page = query.of([{"code": r.code} for r in found], lambda row: str(row["code"]))
        shown = await region_views(calendar, store, found[: query.limit])
        return json_response({**page, "items": shown})


def _add_region(router: APIRouter, calendar: Calendar, store: Store, rollups: RegionRollUps, clock: Clock) -> None:
    roster = calendar.roster

    @router.get("/regions/{code}", tags=["regions"])
    async def region(code: str) -> Response:
        """One region: own state, roll-up (`total`: what arrived), and in which `conditions` it and the regions below
        it stand, by level. Asked as it is now, of the region and everything below it: `incidents_by_status`, what is
        `open`, `logistics` against the line (of a province its regencies', else the region's own; who must have
        everything by then are the regencies), `attendance` of the current period, and `flags`: what about the
        region's reports somebody should look at."""
        about = roster.get(code) or await _departed(code, store)
        if about is None:
            raise Problem(404, "not_found", "not_found_detail", what=code)
        children = sorted(child.code for child in roster.children(code))
        (view,), now_asked, conditions = await asyncio.gather(
            region_views(calendar, store, [about]), rollups.of(code, clock.now()), store.conditions(code)
        )
        return json_response({**view, "conditions": conditions, **now_asked, "children": children})


async def _departed(code: str, store: Store) -> Region | None:
    """A region that has left the roster, but has events, itself or below it."""
    return departed(code) if re.fullmatch(REGION_CODE, code) and await store.has_events(code) else None


def _add_periods(router: APIRouter, calendar: Calendar, store: Store, turnout: Turnout) -> None:
    @router.get("/periods", tags=["periods"])
    async def all_periods(query: Annotated[PeriodsQuery, Query()]) -> Response:
        """Every judged period, with how often each verdict holds; who owes and has none is pending."""
        page = _cut([{"period": p.isoformat(), "day": p} for p in calendar.all_periods()], query, "period")
        found = [(row["period"], await turnout.counts(row["day"])) for row in page["items"]]
        return json_response({**page, "items": [{"period": p, "counts": counts} for p, counts in found]})

    @router.get("/periods/{period}", tags=["periods"])
    async def attendance(
        period: Annotated[Day, Path(description="a period, for example `2024-11-18`")],
        query: Annotated[AttendanceQuery, Query()],
    ) -> Response:
        """Per region that owes the report, the facts and the verdict. `counts` is of the whole period. A period that
        is not judged answers 404, or with the facts alone (verdict null) if somebody filed for it. The facts are of
        the reports in force: a withdrawn one is not among them."""
        nearest = periods.neighbours(calendar, period)
        if nearest is not None:
            raise invalid([_wrong_weekday(calendar, *nearest)])
        found = await period_views.attendance(calendar, store, turnout, period, query)
        if found is None:
            raise _not_judged(calendar, period)
        about = {"period": period.isoformat(), "is_judged": found.is_judged, "counts": found.counts}
        return json_response({**about, **found.page})


def _wrong_weekday(calendar: Calendar, before: date, after_it: date) -> FieldError:
    weekdays = sorted({rule.weekday for rule in calendar.election.reports}, key=lambda weekday: weekday.number)
    names = tuple(Word(weekday.value) for weekday in weekdays)
    return FieldError("period", "period_weekday", weekday=names, before=before, after=after_it)


def _not_judged(calendar: Calendar, period: date) -> Problem:
    judged = calendar.all_periods()
    first, last = (judged[0], judged[-1]) if judged else ("-", "-")
    return Problem(404, "not_found", "not_found_period", period=period, first=first, last=last)


def _add_events(router: APIRouter, store: Store, access: AccessStore) -> None:
    @router.get("/events/{agency}/{event_id}", tags=["events"])
    async def event(request: Request, agency: Slug, event_id: Slug) -> Response:
        """What became of what was sent: `accepted`, `counted`, `duplicate`, `conflict` or `dead`. An agency's key
        reads its own; 404 until the event has been read from the log."""
        grant = await grant_of(request, access)
        if grant.agency != agency and not grant.has_role(Role.VIEWER):
            raise Problem(403, "forbidden", "forbidden_own")
        seen = await store.event(identity_of(agency, event_id))
        if seen is None:
            raise Problem(404, "not_found", "not_found_detail", what=f"{agency}/{event_id}")
        return json_response(views.event(agency, event_id, seen.entry, seen.is_folded))
