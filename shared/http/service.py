"""What each service's HTTP side has in common: health, metrics, trace ids, documents."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from shared.http import problems
from shared.http.documents import add_documents
from shared.http.openapi import DocumentedApp
from shared.logs import TRACEPARENT, trace_id, trace_id_of
from shared.metrics import Metrics

Check = Callable[[], Awaitable[str | None]]
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


class _Trace:
    """Puts the request's trace id into the context, and into the answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            header = dict(scope["headers"]).get(TRACEPARENT.encode())
            trace_id.set(trace_id_of(header.decode("latin-1") if header else None))
        await self._app(scope, receive, send)


def _shown(description: str, example: Any) -> dict[str, Any]:
    """An answer in the OpenAPI document."""
    return {"description": description, "content": {"application/json": {"examples": {"shown": {"value": example}}}}}


_TURNS = _shown("the process turns", {"status": "ok"})
_READY = _shown("ready", {"status": "ready", "problems": {}})
_NOT_READY = _shown(
    "not ready: `problems` says why", {"status": "not ready", "problems": {"kafka": "127.0.0.1:9092 does not answer"}}
)


def json_response(content: Any, status: int = 200) -> Response:
    """Content as the documents have it: orjson takes times and dates."""
    return Response(orjson.dumps(content), status, media_type="application/json")


def make_app(
    title: str,
    lifespan: Lifespan,
    checks: Mapping[str, Check],
    metrics: Metrics,
    asyncapi: Callable[[], bytes],
) -> FastAPI:
    """An app with `/healthz`, `/readyz`, `/metrics`, `/docs` and `/asyncapi.json`.

    A check returns None when well, else what is wrong; `/readyz` answers 503 with all that is wrong.
    """
    # A redirect of `/v1/reports/` would be an answer without a word, which curl shows as nothing at all.
    app = DocumentedApp(
        title=title,
        version="1",
        lifespan=lifespan,
        redirect_slashes=False,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    app.add_middleware(_Trace)
    problems.install(app)

    @app.get("/healthz", tags=["health"], responses={200: _TURNS})
    async def healthz() -> dict[str, str]:
        """The process turns."""
        return {"status": "ok"}

    @app.get("/readyz", tags=["health"], responses={200: _READY, 503: _NOT_READY})
    async def readyz() -> Response:
        """Its dependencies answer and its loops make progress."""
        found = {name: await check() for name, check in checks.items()}
        wrong = {name: problem for name, problem in found.items() if problem is not None}
        body: dict[str, Any] = {"status": "ready" if not wrong else "not ready", "problems": wrong}
        status, headers = (503, {"Retry-After": str(problems.RETRY_AFTER_S)}) if wrong else (200, None)
        return Response(orjson.dumps(body), status, headers, "application/json")

    @app.get("/metrics", include_in_schema=False)
    async def exposition(_request: Request) -> Response:
        body, media_type = metrics.render()
        return Response(body, media_type=media_type)

    @app.get("/asyncapi.json", tags=["documents"])
    async def asyncapi_document() -> Response:
        """The AsyncAPI document of this service's topics."""
        return Response(asyncapi(), media_type="application/json")

    add_documents(app)
    return app
