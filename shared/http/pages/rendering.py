"""Writes pages: templates, styles and scripts, with the headers that keep a page to itself."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from importlib import resources
from urllib.parse import urlencode

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from shared.election.config import Election
from shared.http.pages.visitor import Visitor, remember_language, root_of
from shared.texts import LANGUAGE, OTHER, Language

A_YEAR = "public, max-age=31536000, immutable"
_VERSION = "v"
_POLICY = {
    "default-src": "'none'",
    "style-src": "'self'",
    "form-action": "'self'",
    "base-uri": "'none'",
    "frame-ancestors": "'none'",
}
_LIVE = {"script-src": "'self'", "connect-src": "'self'"}


def page_headers(has_script: bool) -> dict[str, str]:
    """`has_script`: the page loads a script of ours, which may ask our own API. Nothing is ever inline."""
    policy = {**_POLICY, **(_LIVE if has_script else {})}
    return {
        "Content-Security-Policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "X-Content-Type-Options": "nosniff",
        # Not `no-referrer`: browsers would post `Origin: null` then.
        "Referrer-Policy": "same-origin",
        "Cache-Control": "no-store",
    }


class Asset:
    """A file beside the templates. Its address changes with its content, so that it is fetched once."""

    def __init__(self, package: str, name: str, media_type: str) -> None:
        self.path = f"/{name}"
        self._content = resources.files(package).joinpath(name).read_bytes()
        self._media_type = media_type
        self._version = hashlib.sha256(self._content).hexdigest()[:12]
        self.address = f"{self.path}?{_VERSION}={self._version}"

    async def answer(self, request: Request) -> Response:
        """Kept for a year under its own address alone: while replicas are replaced, one may be asked for another's
        version, and a proxy would keep what it has under that name."""
        is_ours = request.query_params.get(_VERSION) == self._version
        headers = {"Cache-Control": A_YEAR if is_ours else "no-store", "X-Content-Type-Options": "nosniff"}
        return Response(self._content, headers=headers, media_type=self._media_type)


def make_environment(package: str, known: Mapping[str, object]) -> Environment:
    """The templates of a package and those that all services share, escaped; a name that nobody gave is a defect of
    ours and fails."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader(__package__ or "")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= known
    return environment


class Renderer:
    """The pages of one service and one election. `words` makes what the templates call `t`."""

    def __init__(
        self, environment: Environment, words: Callable[[Language], object], election: Election, has_script: bool
    ) -> None:
        self._environment, self._words, self._election = environment, words, election
        self._headers = page_headers(has_script)

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
        return self.answer(visitor, self.html(request, visitor.language, template, **shown), status, headers)

    def html(self, request: Request, language: Language, template: str, **shown: object) -> bytes:
        """What a page says; the same of the same address and the same that is shown."""
        title = self._election.title
        return (
            self._environment.get_template(f"{template}.html")
            .render(
                t=self._words(language),
                root=root_of(request),
                language=language,
                other=OTHER[language],
                switch=_switch(request, OTHER[language]),
                election=title.said_in(language) if title else self._election.election,
                **shown,
            )
            .encode()
        )

    def answer(
        self, visitor: Visitor, html: bytes, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> HTMLResponse:
        """A page that says this."""
        own = {**self._headers, "Content-Language": visitor.language}
        response = HTMLResponse(html, status, {**own, **(headers or {})})
        remember_language(response, visitor)
        return response

    def part(self, request: Request, language: Language, template: str, **shown: object) -> Markup:
        """A part of a page, to be put into it as it is."""
        found = self._environment.get_template(f"{template}.html")
        return Markup(found.render(t=self._words(language), root=root_of(request), **shown))  # noqa: S704 - escaped by the template


def _switch(request: Request, other: Language) -> str:
    """The address of this page in the other language; home's for an answer to a post, which has none of its own."""
    if request.method == "POST":
        return f"{root_of(request)}/?" + urlencode({LANGUAGE: other})
    return "?" + urlencode({**request.query_params, LANGUAGE: other})


def to_page(request: Request, address: str) -> RedirectResponse:
    """To a page of this service, `/...`, wherever a gateway shows it: the browser gets it, whatever it did before."""
    return RedirectResponse(root_of(request) + address, 303)


async def no_icon(_request: Request) -> Response:
    """Browsers ask for it whether there is one or not."""
    return Response(status_code=204, headers={"Cache-Control": A_YEAR})
