"""The addresses of the pages. They are no part of the API and of its documents."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.aggregator.pages.key import COOKIE
from services.aggregator.pages.loading import Desk
from services.aggregator.pages.rendering import Renderer, assets
from services.aggregator.pages.showing import Showing
from services.aggregator.pages.signing import HOME, RETRY_AFTER_S, SIGN_IN, SIGN_OUT, Signing
from shared.access.store import AccessStore
from shared.http.pages.rendering import no_icon
from shared.http.pages.visitor import visitor_of
from shared.http.problems import Problem
from shared.logs import get_logger
from shared.mongo import DatabaseError, in_words

log = get_logger(__name__)

Handler = Callable[[Request], Awaitable[Response]]
# Those that have words of their own; all else is "cannot be done".
TOLD = (400, 403, 404, 503)


def add_pages(app: FastAPI, desk: Desk, access: AccessStore) -> None:
    renderer = Renderer(desk.calendar.election)
    signing = Signing(access, renderer)
    showing = Showing(desk, renderer, signing)
    app.router.routes.extend(
        [
            *(Route(path, _in_words(showing.home, renderer)) for path in (HOME, SIGN_IN, SIGN_OUT)),
            Route("/regions/{code}", _in_words(showing.region, renderer)),
            Route(SIGN_IN, _in_words(signing.sign_in, renderer), methods=["POST"]),
            Route(SIGN_OUT, _in_words(signing.sign_out, renderer), methods=["POST"]),
            *(Route(asset.path, asset.answer) for asset in assets()),
            Route("/favicon.ico", no_icon),
        ]
    )


def _in_words(handler: Handler, renderer: Renderer) -> Handler:
    """What goes wrong becomes a page, too; the unexpected is the app's to log."""

    async def handle(request: Request) -> Response:
        try:
            return await handler(request)
        except Problem as problem:
            told = problem.status if problem.status in TOLD else 400
            return _error(request, renderer, problem.status, told)
        except DatabaseError as error:
            log.warning("database_unavailable", error=in_words(error))
            return _error(request, renderer, 503, 503)

    return handle


def _error(request: Request, renderer: Renderer, status: int, told: int) -> Response:
    headers = {"Retry-After": str(RETRY_AFTER_S)} if status == 503 else None
    return renderer.page(request, visitor_of(request, COOKIE), "error", status, headers, told=told)
