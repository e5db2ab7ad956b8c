"""The trace of each request: its caller's if that names one, else a new one. Its id is in the answer's `X-Request-Id`,
in every line of the log, and goes on in what the request causes."""

from __future__ import annotations

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.tracing import spans
from shared.tracing.places import TRACEPARENT, Place, here, place_in, trace_id
from shared.tracing.spans import Span

REQUEST_ID = "X-Request-Id"
_NAME, _HEADER = TRACEPARENT.encode(), REQUEST_ID.lower().encode()
# Asked every few seconds by machines; nobody looks for one of these.
_UNSEEN = frozenset({"/healthz", "/readyz", "/metrics"})


class Traced:
    """An ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _UNSEEN:
            await self._app(scope, receive, send)
            return
        place = None
        try:
            with spans.incoming(scope["method"], _caller(scope)) as span:
                place = here.get()
                await self._app(scope, receive, _naming(send, scope, span))
        except BaseException:
            here.set(place)  # whoever answers 500 stands further out, and names the trace
            raise


def _caller(scope: Scope) -> Place | None:
    """None for a header that stands twice, too: then nobody knows whose it is."""
    found = [value for name, value in scope["headers"] if name == _NAME]
    return place_in(found[0]) if len(found) == 1 else None


def _naming(send: Send, scope: Scope, span: Span) -> Send:
    """The way out, on which the answer gets its id."""

    async def send_named(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message["headers"], (_HEADER, trace_id().encode())]}
            _note(scope, span, message["status"])
        await send(message)

    return send_named


def _note(scope: Scope, span: Span, status: int) -> None:
    """The route and not the address, which may hold anything."""
    route = getattr(scope.get("route"), "path", None)
    if route is not None:
        span.rename(f"{scope['method']} {route}")
        span.note({"http.route": route})
    span.note({"http.request.method": scope["method"], "http.response.status_code": status})
    if status >= 500:
        span.fail(str(status))
