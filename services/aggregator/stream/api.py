"""The call `GET /v1/stream`."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request, Response
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from services.aggregator.pages.key import key_in_cookie
from services.aggregator.stream.events import Kind, Wanted
from services.aggregator.stream.hub import Hub
from shared.access.keys import Role
from shared.access.store import AccessStore, AccessUnknown
from shared.http.auth import person_with
from shared.http.auth_header import bearer_key
from shared.http.event_stream import MEDIA_TYPE, EventStream
from shared.http.parameters import once_each
from shared.http.problems import Problem
from shared.strict import RegionCode

HEARTBEAT_S = 15.0
FULL_RETRY_S = 10


def _split(sent: Any) -> Any:
    """`kinds=report,alert` and `kinds=report&kinds=alert` mean the same."""
    return [kind for one in sent for kind in one.split(",")] if isinstance(sent, list) else sent


class StreamQuery(BaseModel):
    """`region` takes in everything below it; without `kinds` all of them are told."""

    model_config = ConfigDict(extra="forbid")

    region: RegionCode | None = None
    kinds: Annotated[list[Kind], BeforeValidator(_split), Field(description="one or more, with commas")] = list(Kind)


_ANSWER = {
    "description": "Server-sent events: `ready`, then one event per document that was written.",
    "content": {MEDIA_TYPE: {"schema": {"type": "string"}}},
}


def stream_routes(hub: Hub, access: AccessStore, heartbeat_s: float = HEARTBEAT_S) -> APIRouter:
    """The stream, for people's keys; also by the cookie of our own page, since a browser's EventSource sends no
    headers of one's own."""
    router = APIRouter(prefix="/v1")

    @router.get(
        "/stream",
        tags=["stream"],
        response_class=Response,
        responses={200: _ANSWER},
        dependencies=[once_each("kinds")],
    )
    async def stream(
        request: Request,
        query: Annotated[StreamQuery, Query()],
        last_event_id: Annotated[str, Header(max_length=2_000)] = "",
    ) -> Response:
        """What changes, as it changes: `event: report|incident|logistics|attendance|alert|region`, `data: {"kind",
        "region", "id", "item"}`, where `item` is what the list of that kind shows now. With `Last-Event-ID` it goes on
        where another connection ended, to any replica, without a gap; if that is too long ago it says `event: reset`:
        load the lists anew. Lines that begin with `:` are signs of life."""
        key = bearer_key(request) or key_in_cookie(request)
        await person_with(key, access)
        if hub.is_full:
            raise Problem(503, "unavailable", "unavailable_watchers", retry_after_s=FULL_RETRY_S)

        async def may_go_on() -> bool:
            """A revoked key sees no more."""
            try:
                grant = await access.grant_of(key or "")
            except AccessUnknown:
                return True
            return grant is not None and grant.has_role(Role.VIEWER)

        wanted = Wanted(query.region, frozenset(query.kinds))
        return EventStream(_frames(hub, wanted, last_event_id or None, may_go_on, heartbeat_s))

    return router


async def _frames(
    hub: Hub, wanted: Wanted, after: str | None, may_go_on: Callable[[], Awaitable[bool]], heartbeat_s: float
) -> AsyncGenerator[bytes, None]:
    if hub.is_full:  # many came through the door in one moment
        yield b"retry: %d\n\n" % (FULL_RETRY_S * 1000)
        return
    with hub.watching(wanted, after) as watcher:
        asked_at = time.monotonic()
        while taken := await watcher.take(heartbeat_s):
            yield taken
            if time.monotonic() - asked_at >= heartbeat_s:
                asked_at = time.monotonic()
                if not await may_go_on():
                    return
