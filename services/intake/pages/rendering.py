"""The form's style and templates, read once a process."""

from __future__ import annotations

from functools import cache

from jinja2 import Environment

from services.intake.pages.forms import FORMS
from services.intake.pages.words import Words
from shared.election.config import Election
from shared.http.pages.rendering import Asset, Renderer, make_environment
from shared.texts import LANGUAGE

_PACKAGE = __package__ or ""


@cache
def style() -> Asset:
    return Asset(_PACKAGE, "form.css", "text/css")


@cache
def _environment() -> Environment:
    return make_environment(_PACKAGE, {"css": style().address, "forms": FORMS, "LANGUAGE": LANGUAGE})


def renderer_of(election: Election) -> Renderer:
    return Renderer(_environment(), Words, election, has_script=False)
