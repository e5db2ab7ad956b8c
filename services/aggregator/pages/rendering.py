"""Writes pages: the templates beside this module."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from urllib.parse import urlencode

from jinja2 import Environment
from starlette.requests import Request
from starlette.responses import HTMLResponse

from services.aggregator.pages.words import OTHER, Words
from shared.election.config import Election
from shared.http.pages.rendering import Asset, make_environment, page_headers
from shared.http.pages.visitor import LANGUAGE, Visitor, remember_language
from shared.texts import Language


@cache
def assets() -> tuple[Asset, Asset]:
    """The style and the script, read once a process."""
    package = __package__ or ""
    return Asset(package, "desk.css", "text/css"), Asset(package, "live.js", "text/javascript")


@cache
def _environment() -> Environment:
    css, script = assets()
    return make_environment(__package__ or "", {"css": css.address, "script": script.address})


class Renderer:
    """The pages of one election."""

    def __init__(self, election: Election) -> None:
        self._election = election

    def page(
        self,
        request: Request,
        visitor: Visitor,
        template: str,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        **shown: object,
    ) -> HTMLResponse:
        """A page in the visitor's language. `headers` come on top of ours."""
        words = Words(visitor.language)
        other, title = OTHER[words.language], self._election.title
        html = (
            _environment()
            .get_template(f"{template}.html")
            .render(
                t=words,
                other=other,
                switch=_switch(request, other),
                election=words.of(title) if title else self._election.election,
                **shown,
            )
        )
        own = {**page_headers(has_script=True), "Content-Language": words.language}
        response = HTMLResponse(html, status, {**own, **(headers or {})})
        remember_language(response, visitor)
        return response


def _switch(request: Request, other: Language) -> str:
    """The address of this page in the other language; home's for an answer to a post, which has none of its own."""
    if request.method == "POST":
        return "/?" + urlencode({LANGUAGE: other})
    return "?" + urlencode({**request.query_params, LANGUAGE: other})
