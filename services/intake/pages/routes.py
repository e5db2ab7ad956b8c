"""The addresses of the pages. They are no part of the API and of its documents."""

from __future__ import annotations

from functools import partial

from fastapi import FastAPI
from starlette.routing import Route

from services.intake.door.door import Door
from services.intake.pages.forms import FORMS
from services.intake.pages.key import COOKIE
from services.intake.pages.rendering import renderer_of, style
from services.intake.pages.sending import SENT_PATH, Sending
from services.intake.pages.signing import Signing
from shared.http.pages.browser_errors import ErrorPages
from shared.http.pages.rendering import no_icon
from shared.http.pages.signing import HOME, SIGN_IN, SIGN_OUT

# Errors that have words of their own.
TOLD = (400, 403, 404, 405, 408, 413, 415, 500, 503)


def add_pages(app: FastAPI, door: Door) -> None:
    """Call it after the app's error handlers are installed."""
    renderer = renderer_of(door.calendar.election)
    signing = Signing(door, renderer)
    sending = Sending(door, renderer, signing)
    pages = [
        *(Route(path, signing.home) for path in (HOME, SIGN_IN, SIGN_OUT)),
        Route(SIGN_IN, signing.sign_in, methods=["POST"]),
        Route(SIGN_OUT, signing.sign_out, methods=["POST"]),
        Route(SENT_PATH, sending.sent),
        *(Route(form.path, partial(sending.show, form)) for form in FORMS.values()),
        *(Route(form.path, partial(sending.send, form), methods=["POST"]) for form in FORMS.values()),
    ]
    ErrorPages(renderer, COOKIE, TOLD).install(app, pages)
    app.router.routes.extend([*pages, Route(style().path, style().answer), Route("/favicon.ico", no_icon)])
