"""Signing in and out, with a person's key."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.aggregator.pages.key import COOKIE
from services.aggregator.pages.rendering import Renderer
from shared.access.keys import LONGEST_KEY, Grant, Role
from shared.access.store import AccessStore, AccessUnknown
from shared.http.pages.posted import read_form
from shared.http.pages.visitor import Visitor, visitor_of

HOME, SIGN_IN, SIGN_OUT = "/", "/sign-in", "/sign-out"
RETRY_AFTER_S = 5
# Why there is no signing in -> status, the middle of the text's key. A 401 has to name a scheme (RFC 9110, 15.5.2).
REFUSED = {"wrong_key": 401, "key_ended": 401, "agencys_key": 403, "key_unknown": 503}
_HEADERS = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": str(RETRY_AFTER_S)}}


class Signing:
    """The handlers, and the door for all other pages."""

    def __init__(self, access: AccessStore, renderer: Renderer) -> None:
        self._access, self._renderer = access, renderer

    async def refused(self, request: Request, visitor: Visitor) -> Response | None:
        """The sign-in page for whoever may not look; None for a person who may."""
        if visitor.key is None:
            return self._renderer.page(request, visitor, "sign_in", said=None, back=_back(request))
        why = await self._why_not(visitor.key)
        return self._sign_in_again(request, visitor, "key_ended" if why == "wrong_key" else why) if why else None

    async def sign_in(self, request: Request) -> Response:
        """Keep the key in a cookie if it is a person's; then on to where they wanted to go."""
        typed = await read_form(request, ("key", "back"))
        visitor = visitor_of(request, COOKIE)
        key = typed.get("key", "").strip()
        why = await self._why_not(key) if key.isascii() and 0 < len(key) <= LONGEST_KEY else "wrong_key"
        if why is not None:
            return self._sign_in_again(request, visitor, why, _ours(typed.get("back", HOME)))
        response = RedirectResponse(_ours(typed.get("back", HOME)), 303)
        COOKIE.keep(response, visitor, key)
        return response

    async def sign_out(self, request: Request) -> Response:
        """Delete the cookie."""
        await read_form(request, ())
        response = RedirectResponse(HOME, 303)
        COOKIE.forget(response, visitor_of(request, COOKIE))
        return response

    async def _why_not(self, key: str) -> str | None:
        try:
            grant: Grant | None = await self._access.grant_of(key)
        except AccessUnknown:
            return "key_unknown"
        if grant is None:
            return "wrong_key"
        return None if grant.has_role(Role.VIEWER) else "agencys_key"

    def _sign_in_again(self, request: Request, visitor: Visitor, why: str, back: str | None = None) -> Response:
        status = REFUSED[why]
        shown = {"said": why, "back": back or _back(request)}
        response = self._renderer.page(request, visitor, "sign_in", status, _HEADERS.get(status), **shown)
        if why == "key_ended":
            COOKIE.forget(response, visitor)
        return response


def _back(request: Request) -> str:
    query = f"?{request.url.query}" if request.url.query else ""
    return f"{request.url.path}{query}"


def _ours(address: str) -> str:
    """An address of ours, or home: nobody is sent elsewhere (`//host`, `/\\\\host`)."""
    is_path = address.startswith("/") and address[1:2] not in ("/", "\\") and address.isprintable()
    return address if is_path and address.isascii() and address not in (SIGN_IN, SIGN_OUT) else HOME
