"""Filling in a form and sending it, through the same door as the API."""

from __future__ import annotations

from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from ulid import ULID

from services.intake.accepting.fingerprints import find
from services.intake.accepting.offers import Accepted
from services.intake.door.door import Door, logging_refusals
from services.intake.pages.forms import CONTROLS, MOST_BYTES, NARROW, Form, Typed, after_button, is_form_id, to_json
from services.intake.pages.key import COOKIE
from services.intake.pages.refusals import refused, retried
from services.intake.pages.signing import FORM, Signing
from services.intake.pages.slips import Slip, from_query, to_query
from services.intake.pages.views import form_view
from services.intake.submissions.body import WrongFields, read
from services.intake.submissions.checks import Receipt
from shared.access.keys import Grant
from shared.events.envelope import identity_of
from shared.http.pages.posted import read_form
from shared.http.pages.rendering import Renderer
from shared.http.pages.signing import HOME, KEY_ENDED, KEY_UNKNOWN, NotSignedIn
from shared.http.pages.visitor import Visitor, visitor_of
from shared.http.problems import RETRY_AFTER_S, Problem, invalid
from shared.texts import LANGUAGE

SENT_PATH = "/sent"


class Sending:
    """The handlers."""

    def __init__(self, door: Door, renderer: Renderer, signing: Signing) -> None:
        self._door, self._renderer, self._signing = door, renderer, signing

    async def show(self, form: Form, request: Request) -> Response:
        """The empty form, or what became of it if it was sent already. Its id stands in its address."""
        visitor = visitor_of(request, COOKIE)
        try:
            key, grant = await self._signing.kept(visitor)
        except NotSignedIn as nobody:
            if nobody.why == KEY_UNKNOWN:
                raise Problem(503, "unavailable", "unavailable_access", retry_after_s=RETRY_AFTER_S) from None
            return RedirectResponse(HOME, 303)
        if form.right not in grant.kinds:
            return RedirectResponse(HOME, 303)
        typed = {name: request.query_params[name] for name in form.linked if name in request.query_params}
        if not form.has_own_id and not typed.get("report"):
            return RedirectResponse(HOME, 303)
        if form.has_own_id:
            if not is_form_id(typed.get("id")):
                return RedirectResponse(f"{form.path}?{urlencode({**typed, 'id': self._new_id()})}", 303)
            slip = await self._sent_before(form, grant, typed["id"])
            if slip is not None:
                return _to_slip(visitor, key, slip)
        desk = self._signing.desk(visitor, grant)
        return self._renderer.page(request, visitor, form.called, view=form_view(desk, form, typed))

    async def send(self, form: Form, request: Request) -> Response:
        """Take what was typed; if it cannot be taken, show it again with what is wrong."""
        typed = await read_form(request, (*form.fields, *CONTROLS), self._door.body_timeout_s, MOST_BYTES)
        visitor = visitor_of(request, COOKIE).speaking(typed.get(LANGUAGE))
        try:
            key, grant = await self._signing.kept(visitor)
        except NotSignedIn as nobody:
            return self._held(request, visitor, form, typed, nobody.why or KEY_ENDED)
        if LANGUAGE in typed or NARROW in typed:
            view = form_view(self._signing.desk(visitor, grant), form, after_button(typed))
            return self._renderer.page(request, visitor, form.called, view=view)
        meant = retried(form, typed)
        try:
            with logging_refusals(grant, form.called):
                slip = await self._take(form, grant, meant)
        except Problem as problem:
            return self._shown_again(request, visitor, grant, form, meant, problem)
        return _to_slip(visitor, key, slip)

    async def sent(self, request: Request) -> Response:
        """What was accepted, by its sealed address: to be loaded again, kept, printed."""
        visitor = visitor_of(request, COOKIE)
        if visitor.key is None:
            return RedirectResponse(HOME, 303)
        slip = from_query(request.query_params, visitor.key)
        if slip is None:
            raise Problem(404, "not_found", "not_found_detail", what=SENT_PATH)
        return self._renderer.page(request, visitor, "sent", slip=slip, calendar=self._door.calendar)

    def _held(self, request: Request, visitor: Visitor, form: Form, typed: Typed, why: str) -> Response:
        """What was typed by somebody whose key is not known to be good, so that it is not lost."""
        if why == KEY_UNKNOWN:
            headers = {"Retry-After": str(RETRY_AFTER_S)}
            return self._renderer.page(request, visitor, "held", 503, headers, form=form, held=typed)
        own = {name: typed[name] for name in form.fields if name in typed}
        return self._signing.sign_in_page(request, visitor, why, {FORM: form.called, **own})

    async def _take(self, form: Form, grant: Grant, typed: Typed) -> Slip:
        with self._door.counting_refusals(form.called, grant):
            self._door.admit(grant)
            receipt = self._door.receipt()
            try:
                body = read(form.body, to_json(form, typed, self._door.calendar), receipt)
            except WrongFields as error:
                raise invalid(error.errors) from None
            accepted = await self._door.take(grant, body, receipt, is_dry_run=False)
        return await self._slip(form, grant, accepted, receipt)

    def _shown_again(
        self, request: Request, visitor: Visitor, grant: Grant, form: Form, typed: Typed, problem: Problem
    ) -> Response:
        seconds, desk = problem.retry_after_s or 0, self._signing.desk(visitor, grant)
        refusal = refused(form, typed, problem.status, problem.errors, seconds, desk.words, self._new_id())
        view = form_view(desk, form, refusal.typed, refusal.wrong, refusal.said)
        headers = {"Retry-After": str(seconds)} if seconds else None
        return self._renderer.page(request, visitor, form.called, problem.status, headers, view=view)

    async def _slip(self, form: Form, grant: Grant, accepted: Accepted, receipt: Receipt) -> Slip:
        """Of a repetition the time of the first, if anybody knows it."""
        assert grant.agency is not None
        at = receipt.received_at
        if accepted.duplicate and (
            first := await find(self._door.fingerprints, identity_of(grant.agency, accepted.id))
        ):
            at = first.received_at
        period, is_again = accepted.period, accepted.duplicate
        return Slip(form.called, grant.agency, accepted.id, accepted.region, period, at, is_again)

    async def _sent_before(self, form: Form, grant: Grant, form_id: str) -> Slip | None:
        assert grant.agency is not None
        found = await find(self._door.fingerprints, identity_of(grant.agency, form_id))
        if found is None or found.type != form.body.event.type_name():
            return None
        return Slip(form.called, grant.agency, form_id, found.region, found.period, found.received_at, is_again=True)

    def _new_id(self) -> str:
        return str(ULID.from_datetime(self._door.clock.now()))


def _to_slip(visitor: Visitor, key: str, slip: Slip) -> Response:
    """303: what the browser loads again from here on is a page, not the post."""
    response = RedirectResponse(f"{SENT_PATH}?{to_query(slip, key)}", 303)
    COOKIE.keep(response, visitor, key)
    return response
