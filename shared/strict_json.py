"""What JSON we accept from outside: one object, no duplicate keys, no NaN or Infinity, numbers that survive BSON and
JavaScript, bounded nesting."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from shared.strict import clean_for_display

MAX_DEPTH = 16


class BadJson(ValueError):
    """The bytes are not JSON as we accept it; `reason` is a key of `shared/texts/problems.yaml`."""

    def __init__(self, reason: str, **details: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.details = details


def _reject_constant(name: str) -> NoReturn:
    raise BadJson("json_number", value=name)


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    seen: dict[str, Any] = {}
    for key, value in pairs:
        if key in seen:
            raise BadJson("json_duplicate_key", key=clean_for_display(key))
        seen[key] = value
    return seen


def _bounded_float(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise BadJson("json_number", value=digits[:40])
    return number


def _bounded_int(digits: str) -> int:
    if len(digits) > 16:  # beyond 2**53 a reader in JavaScript sees another number
        raise BadJson("json_number", value=digits[:40])
    return int(digits)


def parse_json(raw: bytes) -> dict[str, Any]:
    """One JSON object. Raises BadJson with the reason: not UTF-8, not JSON, not an object, duplicate key, NaN,
    Infinity or a number out of range, nesting deeper than MAX_DEPTH."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise BadJson("json_utf8") from None
    if _depth(text) > MAX_DEPTH:
        raise BadJson("json_depth", limit=str(MAX_DEPTH))
    try:
        parsed = json.loads(
            text,
            object_pairs_hook=_unique_keys,
            parse_constant=_reject_constant,
            parse_float=_bounded_float,
            parse_int=_bounded_int,
        )
    except json.JSONDecodeError as error:
        raise BadJson("json_syntax", line=str(error.lineno), column=str(error.colno)) from None
    if not isinstance(parsed, dict):
        raise BadJson("json_object")
    return parsed


_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)


def count_keys(raw: bytes) -> int:
    """How many keys the objects of a JSON text have, equal ones counted each: the colons outside strings."""
    return _STRING.sub(b"", raw).count(b":")


_BRACKET_OR_STRING = re.compile(r'[\[\]{}]|"(?:[^"\\]|\\.)*"?', re.DOTALL)


def _depth(text: str) -> int:
    """The deepest nesting of brackets outside strings, taken before parsing: the parser recurses."""
    depth = deepest = 0
    for char in _BRACKET_OR_STRING.findall(text):
        if char.startswith('"'):
            continue
        depth += 1 if char in "[{" else -1
        deepest = max(deepest, depth)
    return deepest
