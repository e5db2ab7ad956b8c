"""Texts for people, Indonesian first, from the YAML files beside this module."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Literal

import yaml

Language = Literal["id", "en"]
LANGUAGES: tuple[Language, ...] = ("id", "en")
OTHER: Mapping[Language, Language] = {"id": "en", "en": "id"}
LANGUAGE = "lang"  # what the query of a page's address and a button of a form call the reader's choice

_LONGEST_PREFERENCES = 500  # a browser's take fifty characters


@cache
def catalogue(name: str) -> Mapping[str, Mapping[str, str]]:
    """The texts of one file: key -> {id, en}."""
    content = yaml.safe_load(resources.files(__name__).joinpath(f"{name}.yaml").read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def text(name: str, key: str, language: Language, /, **values: object) -> str:
    """One text with its values filled in. Raises KeyError for an unknown key: a defect of ours, found by tests."""
    return catalogue(name)[key][language].format(**values)


def in_both(name: str, key: str | None) -> Mapping[str, str] | None:
    """A text without values in both languages, for JSON; None for no key, and for one of a later version."""
    return catalogue(name).get(key) if key is not None else None


def language_of(accept_language: str | None) -> Language:
    """`en` if the reader prefers English to Indonesian, else `id` (RFC 9110, 12.5.4)."""
    best: tuple[float, Language] = (0.0, "id")
    for part in (accept_language or "")[:_LONGEST_PREFERENCES].split(","):
        tag, _, quality = "".join(part.split()).partition(";q=")
        weight = float(quality) if re.fullmatch(r"[01](\.[0-9]{0,3})?", quality) else 1.0
        language: Language | None = {"id": "id", "in": "id", "en": "en"}.get(tag.split("-")[0].lower())  # type: ignore[assignment]
        if language is not None and weight > best[0]:
            best = (weight, language)
    return best[1]
