"""The pages' style, script and templates, read once a process."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment

from services.aggregator.pages.words import Words
from shared.election.config import Election
from shared.http.pages.rendering import Asset, Renderer, make_environment

_PACKAGE = __package__ or ""


@cache
def assets() -> tuple[Asset, Asset]:
    """The style and the script."""
    return Asset(_PACKAGE, "desk.css", "text/css"), Asset(_PACKAGE, "live.js", "text/javascript")


@cache
def _environment() -> Environment:
    css, script = assets()
    return make_environment(_PACKAGE, {"css": css.address, "script": script.address})


def renderer_of(election: Election) -> Renderer:
    return Renderer(_environment(), Words, election, has_script=True)
