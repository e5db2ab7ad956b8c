"""Signing in and out, with a person's key."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from services.aggregator.pages.key import COOKIE
from shared.access.keys import Grant, Role
from shared.access.store import AccessStore
from shared.http.pages.posted import read_form
from shared.http.pages.rendering import Renderer, to_page
from shared.http.pages.signing import HOME, SIGN_IN, SIGN_OUT, KeyCheck, NotSignedIn
from shared.http.pages.visitor import Visitor, visitor_of


class Signing:
    """The handlers, and the door for all other pages."""

    def __init__(self, access: AccessStore, renderer: Renderer) -> None:
        self._keys = KeyCheck(access, COOKIE, renderer, _may_look)
        self.sign_out = self._keys.sign_out

    async def refused(self, request: Request, visitor: Visitor) -> Response | None:
        """The sign-in page for whoever may not look; None for a person who may."""
        try:
            await self._keys.kept(visitor)
        except NotSignedIn as refused:
            return self._keys.sign_in_page(request, visitor, refused.why, back=_back(request))
        return None

    async def sign_in(self, request: Request) -> Response:
        """Keep the key in a cookie if it is a person's; then on to where they wanted to go."""
        typed = await read_form(request, ("key", "back"))
        visitor = visitor_of(request, COOKIE)
        key, back = typed.get("key", "").strip(), _ours(typed.get("back", HOME))
        try:
            await self._keys.typed(key)
        except NotSignedIn as refused:
            return self._keys.sign_in_page(request, visitor, refused.why, back=back)
        response = to_page(request, back)
        COOKIE.keep(response, visitor, key)
        return response


def _may_look(grant: Grant) -> bool:
    return grant.has_role(Role.VIEWER)


def _back(request: Request) -> str:
    query = f"?{request.url.query}" if request.url.query else ""
    return f"{request.url.path}{query}"


def _ours(address: str) -> str:
    """An address of ours, or home: nobody is sent elsewhere (`//host`, `/\\\\host`)."""
    is_path = address.startswith("/") and address[1:2] not in ("/", "\\") and address.isprintable()
    return address if is_path and address.isascii() and address not in (SIGN_IN, SIGN_OUT) else HOME
