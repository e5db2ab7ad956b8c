"""In whose queue a request waits before anything is done for it: an ASGI middleware around all of intake.

Also around what needs no key: a page, a document or a 404 costs as much as a submission, and without a queue whoever
asks for them over 200 connections is 200 requests ahead of every agency.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from services.intake.door.turnstile import Turnstile
from shared.access.store import AccessStore
from shared.http.auth_header import bearer_key
from shared.http.pages.visitor import KeyCookie

STRANGERS = ""  # no agency is called so
# Each has a queue of its own: a flood of strangers shall not look as if the process were dead.
_PROBES = ("/healthz", "/readyz", "/metrics")


class Queues:
    """One queue for each agency and person whose key is known here, and one for everybody else: whoever invents keys
    has a single turn among the agencies. A new key waits there once."""

    def __init__(self, app: ASGIApp, access: AccessStore, turnstile: Turnstile, cookie: KeyCookie) -> None:
        self._app, self._access, self._turnstile, self._cookie = app, access, turnstile, cookie

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._turnstile.pass_through(self._queue_of(scope))
        await self._app(scope, receive, send)

    def _queue_of(self, scope: Scope) -> str:
        if scope["path"] in _PROBES:
            return str(scope["path"])
        request = Request(scope)
        key = bearer_key(request) or self._cookie.key(request)
        grant = self._access.known(key) if key else None
        return grant.holder if grant is not None else STRANGERS
