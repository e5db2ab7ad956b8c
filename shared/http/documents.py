"""`/openapi.json` and `/docs`, where a key may be typed in: every script on that page comes from the service itself,
so that it works without the internet too."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable
from importlib import resources

import orjson
from fastapi import FastAPI, Request
from fastapi.openapi.docs import get_swagger_ui_html
from starlette.responses import FileResponse, Response

from shared.http.pages.visitor import root_of

_SCRIPT, _STYLE = "swagger-ui-bundle.js", "swagger-ui.css"
_ASSETS = {_SCRIPT: "text/javascript", _STYLE: "text/css"}
_POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src data:; "
    "connect-src 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_A_DAY = "public, max-age=86400"


def add_documents(app: FastAPI) -> None:
    """The two addresses, and the page's script and style. The addresses in the page are relative, for a gateway that
    puts the service below a path of its own."""

    @functools.lru_cache(maxsize=4)
    def document(root: str) -> bytes:
        """Made once: it is large, and nobody needs a key for it."""
        found = app.openapi()
        return orjson.dumps({**found, "servers": [{"url": root}]} if root else found)

    @app.get("/openapi.json", include_in_schema=False)
    async def openapi(request: Request) -> Response:
        return Response(document(root_of(request)), media_type="application/json")

    @app.get("/docs", include_in_schema=False)
    async def docs() -> Response:
        page = get_swagger_ui_html(
            openapi_url="openapi.json",
            title=app.title,
            swagger_js_url=f"docs/{_SCRIPT}",
            swagger_css_url=f"docs/{_STYLE}",
            swagger_favicon_url="data:,",
        )
        page.headers["Content-Security-Policy"] = _POLICY
        return page

    for name, media_type in _ASSETS.items():
        app.add_api_route(f"/docs/{name}", _asset(name, media_type), include_in_schema=False)


def _asset(name: str, media_type: str) -> Callable[[], Awaitable[Response]]:
    path = resources.files("fastapi_offline").joinpath("static", name)

    async def asset() -> Response:
        return FileResponse(str(path), media_type=media_type, headers={"Cache-Control": _A_DAY})

    return asset
