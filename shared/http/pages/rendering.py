"""Templates and assets of pages, with the headers that keep a page to itself."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib import resources

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import Response

A_YEAR = "public, max-age=31536000, immutable"
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
        self.address = f"{self.path}?v={hashlib.sha256(self._content).hexdigest()[:12]}"

    async def answer(self, _request: Request) -> Response:
        headers = {"Cache-Control": A_YEAR, "X-Content-Type-Options": "nosniff"}
        return Response(self._content, headers=headers, media_type=self._media_type)


def make_environment(package: str, known: Mapping[str, object]) -> Environment:
    """The templates of a package, escaped; a name that nobody gave is a defect of ours and fails."""
    environment = Environment(
        loader=PackageLoader(package),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals |= known
    return environment


async def no_icon(_request: Request) -> Response:
    """Browsers ask for it whether there is one or not."""
    return Response(status_code=204, headers={"Cache-Control": A_YEAR})
