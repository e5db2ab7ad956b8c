"""Signing in and out with an agency's key, and the page in between: who I am, what I may send."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.intake.door.door import Door
from services.intake.pages.forms import EVERY_FIELD, FORMS, MOST_BYTES, Typed
from services.intake.pages.key import COOKIE
from services.intake.pages.views import Desk, Said, form_view
from services.intake.pages.words import Words
from shared.access.keys import Grant
from shared.http.pages.posted import read_form
from shared.http.pages.rendering import Renderer
from shared.http.pages.signing import HOME, KeyCheck, NotSignedIn
from shared.http.pages.visitor import Visitor, visitor_of

# `form`: which one was filled in before the key was refused; what was typed into it goes along.
FORM = "form"
FIELDS = EVERY_FIELD | {"key", FORM}


class Signing:
    """The handlers."""

    def __init__(self, door: Door, renderer: Renderer) -> None:
        self._door, self._renderer = door, renderer
        self._keys = KeyCheck(door.access, COOKIE, renderer, _is_agencys, door.body_timeout_s)
        self.kept, self.sign_out = self._keys.kept, self._keys.sign_out

    def desk(self, visitor: Visitor, grant: Grant) -> Desk:
        return Desk(grant, self._door.calendar, Words(visitor.language), self._door.clock.now())

    async def home(self, request: Request) -> Response:
        """The two forms, or the sign-in page."""
        visitor = visitor_of(request, COOKIE)
        try:
            key, grant = await self.kept(visitor)
        except NotSignedIn as refused:
            return self.sign_in_page(request, visitor, refused.why, {})
        response = self._renderer.page(request, visitor, "home", desk=self.desk(visitor, grant))
        COOKIE.keep(response, visitor, key)
        return response

    async def sign_in(self, request: Request) -> Response:
        """Keep the key in a cookie if it is an agency's; then home, or back to the form that was being filled in."""
        typed = await read_form(request, FIELDS, self._door.body_timeout_s, MOST_BYTES)
        visitor = visitor_of(request, COOKIE)
        key = typed.pop("key", "").strip()
        try:
            grant = await self._keys.typed(key)
        except NotSignedIn as refused:
            return self.sign_in_page(request, visitor, refused.why, typed)
        form = FORMS.get(typed.pop(FORM, ""))
        if form is None:
            response: Response = RedirectResponse(HOME, 303)
        else:
            view = form_view(self.desk(visitor, grant), form, typed, said=Said("signed_in"))
            response = self._renderer.page(request, visitor, form.called, view=view)
        COOKIE.keep(response, visitor, key)
        return response

    def sign_in_page(self, request: Request, visitor: Visitor, why: str | None, held: Typed) -> Response:
        """With a word of why. `held` is what was typed elsewhere, so that it is not lost."""
        return self._keys.sign_in_page(request, visitor, why, held=held)


def _is_agencys(grant: Grant) -> bool:
    return grant.agency is not None
