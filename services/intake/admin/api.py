"""`/v1/admin`: agencies, people and their keys.

Who may do that is asked of the database each time: somebody who was revoked a moment ago must not make a new key.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel

from services.intake.admin import bodies, openapi
from services.intake.admin.fields import Circumstances
from services.intake.admin.kinds import HOLDER_KINDS, HolderKind
from services.intake.door.door import Door
from shared.access.holders import Holder, Refused
from shared.access.keys import Role
from shared.access.registry import Registry
from shared.clock import real
from shared.events.envelope import Frozen
from shared.http.auth import caller, for_people
from shared.http.json_body import read_json
from shared.http.lists import Page
from shared.http.openapi import NEEDS_KEY
from shared.http.parameters import once_each
from shared.http.problems import FieldError, Problem, invalid
from shared.logs import get_logger
from shared.strict import Slug

log = get_logger(__name__)

_STATUS = {"holder_exists": 409, "keys_two": 409, "holder_unknown": 404, "key_unknown": 404, "holder_busy": 503}
_NO_STORE = {"Cache-Control": "no-store"}

B = TypeVar("B", bound=Frozen)


def routes(door: Door, registry: Registry) -> APIRouter:
    """All calls of the admin API."""

    administrator = for_people(door.access, Role.ADMIN, is_fresh=True)
    router = APIRouter(
        prefix="/v1/admin", tags=["administration"], dependencies=[NEEDS_KEY, administrator, once_each()]
    )
    for kind in HOLDER_KINDS:
        _add_reading(router, kind, registry)
        _add_keys(router, kind, door, registry)
        _add_rights(router, kind, door, registry)
    return router


class HoldersQuery(Page):
    called = "holders"

    def after_of(self, kind: HolderKind) -> str | None:
        """The name after which the page begins. Raises Problem 422 for a cursor that is not this kind's."""
        if self.after is None:
            return None
        name = self.after.removeprefix(_key_of(kind, ""))
        if name == self.after:
            raise invalid([FieldError("cursor", "cursor")])
        return name


def _key_of(kind: HolderKind, name: str) -> str:
    return f"{kind.sort.value}/{name}"


def _add_reading(router: APIRouter, kind: HolderKind, registry: Registry) -> None:
    @router.get(kind.path, response_model=kind.listed, summary=f"List {kind.path[1:]}", **openapi.asking(kind))
    async def list_holders(query: Annotated[HoldersQuery, Query()]) -> Response:
        """By name, with their rights and with all their keys as far as these may be shown."""
        found = await registry.listed(kind.sort, query.after_of(kind), query.limit + 1)
        items = [_json(kind, holder) for holder in found]
        return _answer(kind.listed(**query.of(items, lambda item: _key_of(kind, str(item[kind.sort.value])))))


def _add_keys(router: APIRouter, kind: HolderKind, door: Door, registry: Registry) -> None:
    noun = kind.sort.value

    @router.post(
        f"{kind.path}/{{name}}/rotate",
        response_model=kind.with_key,
        summary=f"Give the {noun} a second key",
        **openapi.rotating(kind),
    )
    async def rotate(request: Request, name: Slug) -> Response:
        """A key with the same rights; the one in force ends after the overlap. At most two are in force: with two,
        409 says which ones, and one has to be revoked first. The answer holds the key, this once."""
        body = await _read(request, bodies.Rotate, door)
        with _refusals():
            issued = await registry.rotate(kind.sort, name, caller(request), body.overlap, body.expires_at)
        _say("key_issued", request, issued.holder, prefix=issued.holder.keys[-1].prefix)
        return _answer(kind.with_key(**_json(kind, issued.holder), key=issued.key), 201)

    @router.post(
        f"{kind.path}/{{name}}/revoke",
        response_model=kind.after_revocation,
        summary=f"Revoke one or all keys of the {noun}",
        **openapi.revoking(kind),
    )
    async def revoke(request: Request, name: Slug) -> Response:
        """Every service knows within 30 seconds. What had ended before stays as it was: a second call is harmless."""
        body = await _read(request, bodies.Revoke, door)
        with _refusals():
            done = await registry.revoke(kind.sort, name, caller(request), body.key or None)
        _say("keys_revoked", request, done.holder, prefixes=done.ended)
        return _answer(kind.after_revocation(**_json(kind, done.holder), revoked=done.ended))


def _add_rights(router: APIRouter, kind: HolderKind, door: Door, registry: Registry) -> None:
    noun = kind.sort.value

    @router.post(kind.path, response_model=kind.with_key, summary=f"Add a new {noun}", **openapi.adding(kind))
    async def add(request: Request) -> Response:
        """With its rights and a first key. The answer holds the key, this once: only its hash is kept."""
        body = await _read(request, kind.add, door)
        with _refusals():
            issued = await registry.add(body.rights(), caller(request), body.expires_at)
        _say("key_issued", request, issued.holder, prefix=issued.holder.keys[-1].prefix)
        return _answer(kind.with_key(**_json(kind, issued.holder), key=issued.key), 201)

    @router.post(
        f"{kind.path}/{{name}}/change",
        response_model=kind.answer,
        summary=f"Change the rights of the {noun}",
        **openapi.changing(kind),
    )
    async def change(request: Request, name: Slug) -> Response:
        """They hold for all its keys; every service knows within 30 seconds. What is left out stays."""
        body = await _read(request, kind.change, door)
        with _refusals():
            holder = await registry.change(kind.sort, name, **body.changes())
        _say("rights_changed", request, holder, changed=sorted(body.changes()))
        return _answer(kind.shown(holder, real()))


async def _read(request: Request, body_type: type[B], door: Door) -> B:
    return await read_json(
        request,
        body_type,
        Circumstances(door.calendar.roster, real()),
        limit_bytes=door.body_limit_bytes,
        timeout_s=door.body_timeout_s,
    )


@contextmanager
def _refusals() -> Iterator[None]:
    """What the registry refuses, as a Problem."""
    try:
        yield
    except Refused as refused:
        status, reason = _STATUS[refused.reason], refused.reason
        retry_after_s = 1 if status == 503 else None
        raise Problem(status, reason, f"{reason}_detail", retry_after_s=retry_after_s, **refused.values) from None


def _say(event: str, request: Request, holder: Holder, **more: Any) -> None:
    log.info(event, holder=holder.id, by=caller(request), **more)


def _json(kind: HolderKind, holder: Holder) -> dict[str, Any]:
    return kind.shown(holder, real()).model_dump()


def _answer(content: BaseModel, status: int = 200) -> Response:
    return Response(content.model_dump_json(), status, _NO_STORE, "application/json")
