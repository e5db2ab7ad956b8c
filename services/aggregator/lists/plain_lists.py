"""The lists, past FastAPI's own way to them: it looks for the route, the parameters and what they depend on anew for
each call, which is a third of what a short list costs (docs/performance.md).

What is done is the same handler behind the same door. The routes in `lists.py` are what the documents show, and take
what is not plain: a parameter that is wrong, not known or there twice is refused there, in its words.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qsl

from fastapi import Request, Response
from pydantic import ValidationError
from starlette.routing import BaseRoute, Match
from starlette.types import Receive, Scope, Send

from shared.access.store import AccessStore
from shared.http.auth import person
from shared.http.lists import Page

Handler = Callable[[Any], Awaitable[Response]]  # of a page that is asked for
_QUERY = "desk.query"


class PlainList(BaseRoute):
    """`GET` of one address, for people's keys."""

    def __init__(self, path: str, query_type: type[Page], handler: Handler, access: AccessStore) -> None:
        self.path, self._query_type, self._handler, self._access = path, query_type, handler, access

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        is_ours = scope["type"] == "http" and scope["path"] == self.path and scope["method"] == "GET"
        query = self._query(scope["query_string"]) if is_ours else None
        return (Match.NONE, {}) if query is None else (Match.FULL, {"route": self, _QUERY: query})

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises Problem and DatabaseError, of which the app makes an answer."""
        await person(Request(scope, receive), self._access)
        response = await self._handler(scope[_QUERY])
        await response(scope, receive, send)

    def _query(self, raw: bytes) -> Page | None:
        """None for what is not plain."""
        given = parse_qsl(raw.decode("latin-1"), keep_blank_values=True)
        named = dict(given)
        try:
            return self._query_type.model_validate(named) if len(named) == len(given) else None
        except ValidationError:
            return None
