"""The addresses of the pages. They are no part of the API and of its documents."""

from __future__ import annotations

from functools import partial

from fastapi import FastAPI
from starlette.routing import Route

from services.intake.door import Door
from services.intake.pages import browser_errors
from services.intake.pages.forms import FORMS
from services.intake.pages.rendering import CSS_PATH, Renderer, no_icon
from services.intake.pages.sending import SENT_PATH, Sending
from services.intake.pages.signing import HOME, Signing

SIGN_IN_PATH, SIGN_OUT_PATH = "/sign-in", "/sign-out"


def add_pages(app: FastAPI, door: Door) -> None:
    """Call it after the app's error handlers are installed."""
    renderer = Renderer(door.calendar.election)
    signing = Signing(door, renderer)
    sending = Sending(door, renderer, signing)
    pages = [
        *(Route(path, signing.home) for path in (HOME, SIGN_IN_PATH, SIGN_OUT_PATH)),
        Route(SIGN_IN_PATH, signing.sign_in, methods=["POST"]),
        Route(SIGN_OUT_PATH, signing.sign_out, methods=["POST"]),
        Route(SENT_PATH, sending.sent),
        *(Route(form.path, partial(sending.show, form)) for form in FORMS.values()),
        *(Route(form.path, partial(sending.send, form), methods=["POST"]) for form in FORMS.values()),
    ]
    browser_errors.install(app, renderer, frozenset(page.path for page in pages))
    app.router.routes.extend([*pages, Route(CSS_PATH, renderer.css), Route("/favicon.ico", no_icon)])
