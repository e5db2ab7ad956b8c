"""Signing in and out, and the page in between: who I am, what I may send."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.intake.door import Door
from services.intake.pages.forms import EVERY_FIELD, FORMS, Typed
from services.intake.pages.posted import read_form
from services.intake.pages.rendering import Renderer
from services.intake.pages.views import Desk, Said, form_view
from services.intake.pages.visitor import Visitor, forget_key, keep_key, visitor_of
from shared.access.keys import LONGEST_KEY, Grant
from shared.access.store import AccessUnknown

HOME = "/"
RETRY_AFTER_S = 5
# `form`: which one was filled in before the key was refused; what was typed into it goes along.
FORM = "form"
FIELDS = EVERY_FIELD | {"key", FORM}

# Why there is no signing in -> status, the middle of the text's key. A 401 has to name a scheme (RFC 9110, 15.5.2).
_REFUSED = {"wrong_key": 401, "key_ended": 401, "persons_key": 403, "key_unknown": 503}
_HEADERS = {401: {"WWW-Authenticate": "Bearer"}, 503: {"Retry-After": str(RETRY_AFTER_S)}}


class Signing:
    """The handlers."""

    def __init__(self, door: Door, renderer: Renderer) -> None:
        self._door, self._renderer = door, renderer

    async def agency(self, key: str) -> Grant | None:
        """The grant of an agency's key that is valid now. Raises AccessUnknown."""
        grant = await self._door.access.grant_of(key)
        return grant if grant is not None and grant.agency is not None else None

    def desk(self, visitor: Visitor, grant: Grant) -> Desk:
        return Desk(grant, self._door.calendar, visitor.words, self._door.clock.now())

    async def home(self, request: Request) -> Response:
        """The two forms, or the sign-in page."""
        visitor = visitor_of(request)
        if visitor.key is None:
            return self._renderer.page(request, visitor, "sign_in", said=None, held={})
        try:
            grant = await self.agency(visitor.key)
        except AccessUnknown:
            return self.sign_in_again(request, visitor, "key_unknown")
        if grant is None:
            return self.sign_in_again(request, visitor, "key_ended")
        response = self._renderer.page(request, visitor, "home", desk=self.desk(visitor, grant))
        keep_key(response, visitor, visitor.key)
        return response

    async def sign_in(self, request: Request) -> Response:
        """Keep the key in a cookie if it is an agency's; then home, or back to the form that was being filled in."""
        typed = await read_form(request, FIELDS, self._door.body_timeout_s)
        visitor = visitor_of(request)
        key = typed.pop("key", "").strip()
        try:
            grant = await self._door.access.grant_of(key) if key.isascii() and 0 < len(key) <= LONGEST_KEY else None
        except AccessUnknown:
            return self.sign_in_again(request, visitor, "key_unknown", typed)
        if grant is None or grant.agency is None:
            return self.sign_in_again(request, visitor, "persons_key" if grant else "wrong_key", typed)
        form = FORMS.get(typed.pop(FORM, ""))
        if form is None:
            response: Response = RedirectResponse(HOME, 303)
        else:
            view = form_view(self.desk(visitor, grant), form, typed, said=Said("signed_in"))
            response = self._renderer.page(request, visitor, form.called, view=view, desk=self.desk(visitor, grant))
        keep_key(response, visitor, key)
        return response

    async def sign_out(self, request: Request) -> Response:
        """Delete the cookie."""
        await read_form(request, (), self._door.body_timeout_s)
        response = RedirectResponse(HOME, 303)
        forget_key(response, visitor_of(request))
        return response

    def sign_in_again(self, request: Request, visitor: Visitor, why: str, held: Typed | None = None) -> Response:
        """The sign-in page with a word of why. `held` is what was typed elsewhere, so that it is not lost."""
        status = _REFUSED[why]
        response = self._renderer.page(
            request, visitor, "sign_in", status, _HEADERS.get(status), said=Said(why), held=held or {}
        )
        if why == "key_ended":
            forget_key(response, visitor)
        return response
