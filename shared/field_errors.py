"""Wrong fields, pure: where, and a reason that is a key of `shared/texts/problems.yaml` with its values.

Pure modules collect them; `shared/http/problems.py` puts them into an answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from pydantic_core import ErrorDetails

from shared.strict import LONGEST_SLUG, REGION_CODE, SHA256, SLUG, WEB_ADDRESS
from shared.strict_text import clean_for_display
from shared.texts import Language, catalogue, text

MOST_ERRORS = 100  # in one answer: a request of nothing but unknown fields shall not be answered with megabytes


class Word(str):
    """A value that is itself a key of problems.yaml (`monday`), so that it is said in the reader's language."""

    __slots__ = ()


class FieldError(Exception):
    """One wrong field: where, and a key of problems.yaml with its values; a tuple is said as a list of words."""

    def __init__(self, field: str, reason: str, **values: object) -> None:
        super().__init__(f"{field}: {reason}")
        self.field, self.reason, self.values = field, reason, values

    def to_json(self, lang: Language) -> dict[str, str]:
        values = {k: said(v, lang) for k, v in self.values.items()}
        return {"field": self.field, "code": self.reason, "problem": text("problems", self.reason, lang, **values)}


def said(value: object, lang: Language) -> object:
    """A value as its reader shall see it: a Word in their language, a tuple as a list."""
    if isinstance(value, tuple):
        return ", ".join(str(said(v, lang)) for v in value)
    return text("problems", value, lang) if isinstance(value, Word) else value


def field_errors(found: Iterable[ErrorDetails | Mapping[str, Any]], known: Iterable[str]) -> list[FieldError]:
    """pydantic's errors as ours, with reasons that say what to do, at most MOST_ERRORS. `known` are the fields there
    are."""
    names = ", ".join(known)
    return [_field_error(e, names) for e in islice(found, MOST_ERRORS)]


# What pydantic calls it -> our reason. Its context goes along as the text's values.
_REASONS = {
    "bool_parsing": "type_truth",
    "bool_type": "type_truth",
    "date_from_datetime_parsing": "date_syntax",
    "date_parsing": "date_syntax",
    "date_type": "date_syntax",
    "date_from_datetime_inexact": "date_syntax",
    "datetime_parsing": "time_syntax",
    "datetime_type": "time_syntax",
    "datetime_from_date_parsing": "time_syntax",
    "datetime_object_invalid": "time_syntax",
    "dict_type": "type_object",
    "greater_than_equal": "number_too_small",
    "int_from_float": "type_whole",
    "int_parsing": "type_whole",
    "int_parsing_size": "type_whole",
    "int_type": "type_whole",
    "json_invalid": "json_surrogate",  # all else is refused by shared.strict_json before
    "less_than_equal": "number_too_large",
    "list_type": "type_list",
    "literal_error": "enum",
    "model_type": "type_object",
    "string_too_long": "text_too_long",
    "string_too_short": "text_blank",
    "string_type": "type_text",
    "too_long": "too_many",
    "tuple_type": "type_list",
}

# The pattern that a text does not match -> our reason with its values.
_PATTERNS: Mapping[str, tuple[str, Mapping[str, object]]] = {
    SLUG: ("slug", {"most": LONGEST_SLUG}),
    REGION_CODE: ("region_syntax", {}),
    SHA256: ("sha256", {}),
    WEB_ADDRESS: ("address_syntax", {}),
}


def _of_words(pattern: str) -> tuple[str, Mapping[str, object]] | None:
    """Of a pattern that is a choice of words, `^(one|other)$`, which there are."""
    words = re.fullmatch(r"\^\(([a-z_|-]+)\)\$", pattern)
    return ("enum", {"expected": words[1].replace("|", ", ")}) if words else None


def _unsaid(error: ErrorDetails | Mapping[str, Any]) -> tuple[str, Mapping[str, object]]:
    return "other", {"problem": error["msg"]}


def _field_error(error: ErrorDetails | Mapping[str, Any], known: str) -> FieldError:
    # Names of unknown fields are somebody's input too.
    path = [clean_for_display(str(part)) for part in error["loc"] if part != "[key]"]
    field = ".".join(path) or "body"
    kind, context = error["type"], error.get("ctx") or {}
    if kind == "extra_forbidden":
        return FieldError(field, kind, known=known) if len(path) == 1 else FieldError(field, "extra_nested")
    if kind == "string_pattern_mismatch":
        reason, values = _PATTERNS.get(context["pattern"]) or _of_words(context["pattern"]) or _unsaid(error)
        return FieldError(field, reason, **values)
    reason = _REASONS.get(kind, kind)
    if reason == "enum":  # pydantic says `'a', 'b' or 'c'`, whatever the reader's language
        return FieldError(field, reason, expected=", ".join(re.findall("'([^']*)'", context["expected"])))
    if reason in catalogue("problems"):
        return FieldError(field, reason, **context)
    reason, values = _unsaid(error)
    return FieldError(field, reason, **values)
