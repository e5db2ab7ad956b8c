"""What each service's HTTP side has in common: health, metrics, trace ids, documents."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import orjson
from fastapi import FastAPI, Request, Response

from shared.http import problems
from shared.http.documents import add_documents
from shared.http.openapi import DocumentedApp
from shared.http.tracing import Traced
from shared.metrics import Metrics
from shared.tracing import spans

Check = Callable[[], Awaitable[str | None]]
Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


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


def _with_traces(lifespan: Lifespan) -> Lifespan:
    """The last thing a process does: uvicorn ends it by the signal that it was sent."""

    @asynccontextmanager
    async def run(app: FastAPI) -> AsyncIterator[None]:
        try:
            async with lifespan(app):
                yield
        finally:
            await spans.stop()

    return run


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
        lifespan=_with_traces(lifespan),
        redirect_slashes=False,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
    )
    app.add_middleware(Traced)
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
