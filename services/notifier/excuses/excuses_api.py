"""The notifier's HTTP side of excuses: operators give and end them, people see who gave which and why."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Annotated, Any, ClassVar

from fastapi import APIRouter, Query, Request, Response
from pydantic import AfterValidator, Field, ValidationInfo
from ulid import ULID

from services.notifier.excuses import excuses
from services.notifier.excuses.excuse_store import ExcuseStore
from services.notifier.queries import ExcusesQuery
from shared.access.keys import Role
from shared.access.store import AccessStore
from shared.election.calendar import Calendar
from shared.election.known_regions import known_region
from shared.events.envelope import Frozen
from shared.field_errors import FieldError
from shared.http.auth import caller, for_people
from shared.http.json_body import read_json, taking
from shared.http.openapi import NEEDS_KEY, Sample, problem_answer, reading_errors
from shared.http.parameters import once_each
from shared.http.problems import Problem, invalid
from shared.http.service import json_response
from shared.instants import kept
from shared.logs import get_logger
from shared.strict import DayOrInstant, RegionCode, ShortText, Slug

log = get_logger(__name__)


def _known_region(code: str, info: ValidationInfo) -> str:
    assert isinstance(info.context, Calendar)
    return known_region(code, info.context.roster)


class GiveExcuse(Frozen):
    """A region, and everything below it, need not report for some days."""

    examples: ClassVar[dict[str, Any]] = {
        "flood": {
            "summary": "Mahakam Ulu is cut off for a week",
            "value": {
                "region": "64.11",
                "from": "2024-11-18",
                "until": "2024-11-24",
                "reason": "Banjir, jaringan terputus.",
            },
        }
    }

    id: Slug | None = Field(None, description="yours; take the same one for every retry")
    region: Annotated[RegionCode, AfterValidator(_known_region)] = Field(description="with everything below it")
    from_: DayOrInstant = Field(alias="from", description="the first day; of an instant its local day")
    until: DayOrInstant = Field(description="the last day; an instant is the end itself")
    reason: ShortText

    def to_excuse(self, calendar: Calendar, by: str, at: datetime) -> excuses.Document:
        """Raises Problem 422 for an end before the beginning."""
        zone = calendar.zone(self.region)
        first, last = excuses.first_day(self.from_, zone), excuses.last_day(self.until, zone)
        if last < first:
            raise invalid([FieldError("until", "until_before_from")])
        excuse_id = self.id or str(ULID())
        return excuses.given(excuse_id, self.region, first, last, reason=self.reason, by=by, at=kept(at))


def _taken(excuse_id: str) -> Problem:
    return Problem(409, "conflict", "conflict_excuse", id=excuse_id)


_TAKEN: dict[int | str, dict[str, Any]] = {
    409: problem_answer("another excuse has this id", [Sample("conflict", _taken("banjir-1"))])
}
_GIVING = taking(GiveExcuse, GiveExcuse.examples, _TAKEN, status=201)


def routes(
    calendar: Calendar,
    store: ExcuseStore,
    access: AccessStore,
    now: Callable[[], Awaitable[datetime]],
) -> APIRouter:
    """`/v1/excuses`. `now` is the election's time by the database's clock."""

    operator = for_people(access, Role.OPERATOR, is_fresh=True)

    router = APIRouter(prefix="/v1", tags=["excuses"], dependencies=[NEEDS_KEY], responses=reading_errors())

    @router.get("/excuses", dependencies=[for_people(access), once_each()])
    async def list_excuses(query: Annotated[ExcusesQuery, Query()]) -> Response:
        """Excuses by id, those that were ended too; `region` takes everything below it along."""
        found = await store.listed(query.to_mongo(), query.after, query.limit + 1)
        page = query.of(found, lambda excuse: str(excuse["_id"]))
        return json_response({**page, "items": [excuses.excuse_json(excuse) for excuse in page["items"]]})

    @router.post("/excuses", dependencies=[operator], **_GIVING)
    async def give_excuse(request: Request) -> Response:
        """Whoever has not reported for these days is excused instead of missing, also who was found missing already.
        A report beats an excuse. The same `id` with the same content is answered as before."""
        body = await read_json(request, GiveExcuse, calendar)
        excuse = body.to_excuse(calendar, caller(request), await now())
        given = await store.give(excuse)
        if given is None:
            raise _taken(excuse["_id"])
        log.info("excuse_given", excuse=given["_id"], region=given["region"], by=given["given_by"])
        return json_response(excuses.excuse_json(given), 201)

    @router.delete("/excuses/{excuse_id}", dependencies=[operator])
    async def end_excuse(request: Request, excuse_id: Slug) -> Response:
        """End it: it is kept, and holds for nothing that is judged from now on. Verdicts stay."""
        ended = await store.end(excuse_id, caller(request), kept(await now()))
        if ended is None:
            raise Problem(404, "not_found", "not_found_detail", what=excuse_id)
        log.info("excuse_ended", excuse=excuse_id, by=ended["ended_by"])
        return json_response(excuses.excuse_json(ended))

    return router
