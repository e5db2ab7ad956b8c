"""Errors as pages for people who look at pages; for programs `shared/http/problems.py` stays in charge."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from typing import Any, cast

from fastapi import FastAPI
from fastapi.exceptions import WebSocketRequestValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from shared.http.pages.rendering import Renderer
from shared.http.pages.visitor import KeyCookie, visitor_of
from shared.tracing.places import trace_id

API = "/v1"
_KEPT = ("retry-after", "allow", "connection", "x-request-id")

Handler = Callable[[Request, Any], Awaitable[Response]]


class ErrorPages:
    """Writes the template `error`. `told` are the statuses that have words of their own; all else is "cannot be
    done", a 400."""

    def __init__(self, renderer: Renderer, cookie: KeyCookie, told: Collection[int]) -> None:
        self._renderer, self._cookie, self._told = renderer, cookie, told

    def install(self, app: FastAPI, pages: Sequence[Route]) -> None:
        """Every error at an address of one of these pages, and any address that a browser was sent to in vain, becomes
        a page. The app's own handlers still decide the status, and log. Call it after they are installed."""
        for raised, handler in list(app.exception_handlers.items()):
            if raised is not WebSocketRequestValidationError:
                app.exception_handlers[raised] = self._as_page(cast("Handler", handler), pages)

    def _as_page(self, handler: Handler, pages: Sequence[Route]) -> Handler:
        async def handle(request: Request, error: Any) -> Response:
            answer = await handler(request, error)
            is_page = any(page.path_regex.match(request.url.path) for page in pages)
            return self._page(request, answer) if is_page or _is_browser(request) else answer

        return handle

    def _page(self, request: Request, answer: Response) -> Response:
        told = answer.status_code if answer.status_code in self._told else 400
        kept = {name: answer.headers[name] for name in _KEPT if name in answer.headers}
        visitor, trace = visitor_of(request, self._cookie), trace_id()
        return self._renderer.page(request, visitor, "error", answer.status_code, kept, told=told, trace=trace)


def _is_browser(request: Request) -> bool:
    """Someone who typed an address, not a program that wants a problem document."""
    is_api = request.url.path == API or request.url.path.startswith(f"{API}/")
    return request.method == "GET" and not is_api and "text/html" in request.headers.get("accept", "")
