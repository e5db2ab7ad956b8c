"""Signing in with a key, which a cookie keeps, and out: what is the same whoever the pages are for."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from shared.access.keys import LONGEST_KEY, Grant
from shared.access.store import AccessStore, AccessUnknown
from shared.http.pages.posted import TIMEOUT_S, read_form
from shared.http.pages.rendering import Renderer, to_page
from shared.http.pages.visitor import KeyCookie, Visitor, visitor_of
from shared.http.problems import RETRY_AFTER_S

HOME, SIGN_IN, SIGN_OUT = "/", "/sign-in", "/sign-out"
WRONG_KEY, KEY_ENDED, OTHERS_KEY, KEY_UNKNOWN = "wrong_key", "key_ended", "others_key", "key_unknown"
# Why there is no signing in -> status, the middle of the text's key. A 401 has to name a scheme (RFC 9110, 15.5.2).
REFUSED = {WRONG_KEY: 401, KEY_ENDED: 401, OTHERS_KEY: 403, KEY_UNKNOWN: 503}
_HEADERS = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": str(RETRY_AFTER_S)}}


class NotSignedIn(Exception):
    """Why a key opens nothing; None for a visitor who has none."""

    def __init__(self, why: str | None) -> None:
        super().__init__(why)
        self.why = why


class KeyCheck:
    """`is_for_us` tells the keys that these pages are for from all others: an agency's from a person's."""

    def __init__(
        self,
        access: AccessStore,
        cookie: KeyCookie,
        renderer: Renderer,
        is_for_us: Callable[[Grant], bool],
        body_timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._access, self._cookie, self._renderer = access, cookie, renderer
        self._is_for_us, self._body_timeout_s = is_for_us, body_timeout_s

    async def typed(self, key: str) -> Grant:
        """The grant of a key that was typed. Raises NotSignedIn."""
        try:
            grant = await self._access.grant_of(key) if key.isascii() and 0 < len(key) <= LONGEST_KEY else None
        except AccessUnknown:
            raise NotSignedIn(KEY_UNKNOWN) from None
        if grant is None:
            raise NotSignedIn(WRONG_KEY)
        if not self._is_for_us(grant):
            raise NotSignedIn(OTHERS_KEY)
        return grant

    async def kept(self, visitor: Visitor) -> tuple[str, Grant]:
        """The key in the visitor's cookie, which was right once, and its grant now. Raises NotSignedIn."""
        if visitor.key is None:
            raise NotSignedIn(None)
        try:
            return visitor.key, await self.typed(visitor.key)
        except NotSignedIn as refused:
            raise NotSignedIn(KEY_ENDED if refused.why == WRONG_KEY else refused.why) from None

    def sign_in_page(self, request: Request, visitor: Visitor, why: str | None, **shown: object) -> Response:
        """With a word of why, if there is something to say. A key that has ended is forgotten."""
        status = REFUSED[why] if why else 200
        response = self._renderer.page(request, visitor, "sign_in", status, _HEADERS.get(status), why=why, **shown)
        if why == KEY_ENDED:
            self._cookie.forget(response, visitor)
        return response

    async def sign_out(self, request: Request) -> Response:
        """Delete the cookie."""
        await read_form(request, (), self._body_timeout_s)
        response = to_page(request, HOME)
        self._cookie.forget(response, visitor_of(request, self._cookie))
        return response
