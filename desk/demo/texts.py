"""What the demo says, Indonesian first, from `texts.yaml` beside this module."""

from __future__ import annotations

from functools import cache
from importlib import resources

import yaml

from shared.texts import Language

Pair = tuple[str, str]  # in Indonesian and English


@cache
def _texts() -> dict[str, dict[Language, str]]:
    content = yaml.safe_load(resources.files(__package__).joinpath("texts.yaml").read_text(encoding="utf-8"))
    assert isinstance(content, dict)
    return content


def text(key: str, language: Language, /, **values: object) -> str:
    """One text with its values filled in; of a Pair, the one in that language. Raises KeyError for an unknown key: a
    defect of ours, found by tests."""
    place = 0 if language == "id" else 1
    said = {name: value[place] if isinstance(value, tuple) else value for name, value in values.items()}
    return _texts()[key][language].format(**said)


def pair(key: str, **values: object) -> Pair:
    return text(key, "id", **values), text(key, "en", **values)


def both(key: str, **values: object) -> str:
    """Side by side, for a table."""
    return " / ".join(pair(key, **values))


def yes_or_no(answer: bool) -> Pair:
    return pair("said_yes" if answer else "said_no")
