"""The addresses of the pages. They are no part of the API and of its documents."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.routing import Route

from services.aggregator.pages.key import COOKIE
from services.aggregator.pages.loading import Desk
from services.aggregator.pages.rendering import assets, renderer_of
from services.aggregator.pages.showing import Showing
from services.aggregator.pages.signing import Signing
from shared.access.store import AccessStore
from shared.http.pages.browser_errors import ErrorPages
from shared.http.pages.rendering import no_icon
from shared.http.pages.signing import HOME, SIGN_IN, SIGN_OUT

# Errors that have words of their own.
TOLD = (400, 403, 404, 500, 503)


def add_pages(app: FastAPI, desk: Desk, access: AccessStore) -> None:
    """Call it after the app's error handlers are installed."""
    renderer = renderer_of(desk.calendar.election)
    signing = Signing(access, renderer)
    showing = Showing(desk, renderer, signing)
    pages = [
        *(Route(path, showing.home) for path in (HOME, SIGN_IN, SIGN_OUT)),
        Route("/regions/{code}", showing.region),
        Route(SIGN_IN, signing.sign_in, methods=["POST"]),
        Route(SIGN_OUT, signing.sign_out, methods=["POST"]),
    ]
    ErrorPages(renderer, COOKIE, TOLD).install(app, pages)
    files = (Route(asset.path, asset.answer) for asset in assets())
    app.router.routes.extend([*pages, *files, Route("/favicon.ico", no_icon)])
