"""The notifier's HTTP side of silences. People see them; making and ending one needs the role `operator`."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from pydantic import AfterValidator, Field, ValidationInfo, WithJsonSchema

from services.notifier import rules
from services.notifier.holding import silences
from services.notifier.holding.silence_store import SilenceStore
from services.notifier.holding.silences import silence_json
from services.notifier.queries import RuleName, SilencesQuery
from shared.access.keys import EVERYWHERE, Role
from shared.access.store import AccessStore
from shared.election.known_regions import known_subtree
from shared.election.roster import Roster
from shared.events.envelope import Frozen
from shared.field_errors import FieldError
from shared.http.auth import caller, for_people
from shared.http.json_body import read_json, taking
from shared.http.openapi import NEEDS_KEY, reading_errors
from shared.http.parameters import once_each
from shared.http.problems import Problem, invalid
from shared.http.service import json_response
from shared.instants import kept
from shared.logs import get_logger
from shared.strict import REGION_CODE, Instant, LongText

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Known:
    roster: Roster


def _known_subtree(code: str, info: ValidationInfo) -> str:
    assert isinstance(info.context, _Known)
    return known_subtree(code, info.context.roster)


_SUBTREE = {
    "type": "string",
    "pattern": rf"^(\*|{REGION_CODE.strip('^$')})$",
    "description": "a region's code, with everything below it; `*` for all",
}


class MakeSilence(Frozen):
    region: Annotated[str, AfterValidator(_known_subtree), WithJsonSchema(_SUBTREE)]
    rule: RuleName | None = Field(None, description="left out: all rules about regions")
    from_: Instant | None = Field(None, alias="from", description="left out: now")
    until: Instant
    reason: LongText


_EXAMPLES: dict[str, Any] = {
    "flood": {
        "summary": "Mahakam Ulu is under water, and everybody knows that it cannot report",
        "value": {
            "region": "64.11",
            "rule": "missing-report",
            "until": "2099-11-26T00:00:00+08:00",
            "reason": "Banjir; jaringan putus sampai Selasa.",
        },
    }
}


def routes(
    roster: Roster, store: SilenceStore, access: AccessStore, now: Callable[[], Awaitable[datetime]]
) -> APIRouter:
    """`now` is the election's time by the database's clock."""

    router = APIRouter(
        prefix="/v1",
        tags=["silences"],
        dependencies=[NEEDS_KEY, for_people(access), once_each()],
        responses=reading_errors(),
    )

    @router.get("/silences")
    async def list_silences(query: Annotated[SilencesQuery, Query()]) -> Response:
        """All there have been, in the order they were made; `region` takes in everything below it."""
        at = await now()
        found = await store.listed(query.to_mongo(at), query.after, query.limit + 1)
        return json_response(query.of([silence_json(s, at) for s in found], lambda s: str(s["id"])))

    _add_changes(router, roster, store, access, now)
    return router


def _add_changes(
    router: APIRouter,
    roster: Roster,
    store: SilenceStore,
    access: AccessStore,
    now: Callable[[], Awaitable[datetime]],
) -> None:
    operator = for_people(access, Role.OPERATOR, is_fresh=True)

    @router.post("/silences", dependencies=[operator], **taking(MakeSilence, _EXAMPLES, status=201))
    async def make(request: Request) -> Response:
        """From `from` to `until` nobody is told of these alerts. What still holds afterwards is told then."""
        body, at, by = await read_json(request, MakeSilence, _Known(roster)), kept(await now()), caller(request)
        from_, until = kept(body.from_ or at), kept(body.until)
        wrong = _about_the_system(body)
        if until <= max(from_, at):
            wrong.append(FieldError("until", "until_past"))
        if wrong:
            raise invalid(wrong)
        silence = silences.made(
            f"{at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}",
            region=body.region,
            rule=body.rule,
            from_=from_,
            until=until,
            reason=body.reason,
            by=by,
            at=at,
        )
        await store.add(silence)
        log.info("silence_made", silence=silence["_id"], by=by)
        return json_response(silence_json(silence, at), 201)

    @router.delete("/silences/{silence_id}", dependencies=[operator])
    async def end(request: Request, silence_id: str) -> Response:
        """End it now; it stays on record, with who ended it. One that is over already stays as it was."""
        at, by = kept(await now()), caller(request)
        silence = await store.end(silence_id, by, at)
        if silence is None:
            raise Problem(404, "not_found", "not_found_detail", what=silence_id)
        log.info("silence_ended", silence=silence_id, by=by)
        return json_response(silence_json(silence, at))


def _about_the_system(body: MakeSilence) -> list[FieldError]:
    """A silence that could never mute anything: what concerns the system itself lies in no region."""
    is_none = body.rule is None or body.region == EVERYWHERE or not rules.BY_NAME[body.rule].is_about_the_system
    return [] if is_none else [FieldError("region", "silence_system", rule=body.rule)]
