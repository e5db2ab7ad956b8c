"""Errors as pages for people who look at pages; for programs `shared/http/problems.py` stays in charge."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from typing import Any, cast

from fastapi import FastAPI
from fastapi.exceptions import WebSocketRequestValidationError
from starlette.requests import Request
from starlette.responses import Response

from services.intake.pages.rendering import Renderer
from services.intake.pages.visitor import visitor_of
from shared.logs import trace_id

API = "/v1"
# Those that have words of their own; all else is "cannot be done".
_TOLD = (400, 403, 404, 405, 408, 413, 415, 500, 503)
_KEPT = ("retry-after", "allow", "connection")

Handler = Callable[[Request, Any], Awaitable[Response]]


def install(app: FastAPI, renderer: Renderer, paths: Collection[str]) -> None:
    """Every error at one of these paths, and any address that a browser was sent to in vain, becomes a page. The
    app's own handlers still decide the status, and log. Call it after they are installed."""
    for raised, handler in list(app.exception_handlers.items()):
        if raised is not WebSocketRequestValidationError:
            app.exception_handlers[raised] = _as_page(cast("Handler", handler), renderer, paths)


def _as_page(handler: Handler, renderer: Renderer, paths: Collection[str]) -> Handler:
    async def handle(request: Request, error: Any) -> Response:
        answer = await handler(request, error)
        if not (request.url.path in paths or _is_browser(request)):
            return answer
        told = answer.status_code if answer.status_code in _TOLD else 400
        kept = {name: answer.headers[name] for name in _KEPT if name in answer.headers}
        visitor = visitor_of(request)
        shown = {"told": told, "trace": trace_id.get()}
        return renderer.page(request, visitor, "error", answer.status_code, kept, **shown)

    return handle


def _is_browser(request: Request) -> bool:
    """Someone who typed an address, not a program that wants a problem document."""
    is_api = request.url.path == API or request.url.path.startswith(f"{API}/")
    return request.method == "GET" and not is_api and "text/html" in request.headers.get("accept", "")
