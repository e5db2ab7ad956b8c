"""Writes pages: the templates beside this module, escaped, with the headers that keep a page to itself."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib import resources
from urllib.parse import urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from services.intake.pages.forms import FORMS, LANGUAGE
from services.intake.pages.visitor import Visitor, remember_language
from services.intake.pages.words import OTHER
from shared.election.config import Election
from shared.texts import Language

CSS_PATH = "/form.css"
_POLICY = {
    "default-src": "'none'",
    "style-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
HEADERS = {
    "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in _POLICY.items()),
    "X-Content-Type-Options": "nosniff",
    # Not `no-referrer`: browsers would post `Origin: null` then.
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_A_YEAR = "public, max-age=31536000, immutable"


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
        words = visitor.words
        other = OTHER[words.language]
        title = self._election.title
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
        response = HTMLResponse(html, status, {**HEADERS, "Content-Language": words.language, **(headers or {})})
        remember_language(response, visitor)
        return response

    async def css(self, _request: Request) -> Response:
        """Its address changes with its content, so that it is fetched once."""
        headers = {"Cache-Control": _A_YEAR, "X-Content-Type-Options": "nosniff"}
        return Response(_css(), headers=headers, media_type="text/css")


@cache
def _css() -> bytes:
    return resources.files(__package__).joinpath("form.css").read_bytes()


@cache
def _environment() -> Environment:
    """The templates, compiled once a process."""
    environment = Environment(
        loader=PackageLoader(__package__),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    version = hashlib.sha256(_css()).hexdigest()[:12]
    environment.globals |= {"css": f"{CSS_PATH}?v={version}", "forms": FORMS, "LANGUAGE": LANGUAGE}
    return environment


def _switch(request: Request, other: Language) -> str:
    """The address of this page in the other language; home's for an answer to a post, which has none of its own."""
    if request.method == "POST":
        return "/?" + urlencode({LANGUAGE: other})
    return "?" + urlencode({**request.query_params, LANGUAGE: other})


async def no_icon(_request: Request) -> Response:
    """Browsers ask for it whether there is one or not."""
    return Response(status_code=204, headers={"Cache-Control": _A_YEAR})
