"""What JSON we accept from outside: one object, no duplicate keys, no NaN or Infinity, numbers that survive BSON and
JavaScript, bounded nesting, boundedly many values."""

from __future__ import annotations

import json
import re
from typing import Any, NoReturn

from shared.strict_text import clean_for_display

MAX_DEPTH = 16
MAX_VALUES = 1_000  # of all objects and lists: a full body has 90; 64 KB of `[0,0,0 ...]` cost 100 ms to say no to
MAX_WHOLE = 2**53 - 1  # beyond it a reader in JavaScript sees another number


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
    number = int(digits) if len(digits) <= len(str(-MAX_WHOLE)) else MAX_WHOLE + 1
    if abs(number) > MAX_WHOLE:
        raise BadJson("json_number", value=digits[:40])
    return number


# The closing quote may be missing: on bytes that are no JSON it must not look for it again from every quote.
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_NO_BRACKETS = bytes(set(range(256)) - set(b"[]{}"))


class Outline:
    """What stands outside the strings of a JSON text, in time linear to its length. Of bytes that are no JSON it tells
    nothing of use, and does no harm."""

    def __init__(self, raw: bytes) -> None:
        # Without an escape every second piece between quotes is outside: a quarter of the time.
        self._outside = _STRING.sub(b"", raw) if b"\\" in raw else b"".join(raw.split(b'"')[::2])

    @property
    def keys(self) -> int:
        """How many keys its objects have, equal ones counted each."""
        return self._outside.count(b":")

    def check(self) -> None:
        """Raises BadJson for one that holds more than MAX_VALUES values or is nested deeper than MAX_DEPTH. To be
        asked before the text is parsed: parsers recurse, and every wrong value costs a message."""
        if self._outside.count(b",") >= MAX_VALUES:
            raise BadJson("json_values", limit=str(MAX_VALUES))
        brackets = self._outside.translate(None, _NO_BRACKETS)
        if len(brackets) <= MAX_DEPTH:  # so few are not nested deeper
            return
        depth = 0
        for bracket in brackets:
            depth += 1 if bracket in b"[{" else -1
            if depth > MAX_DEPTH:
                raise BadJson("json_depth", limit=str(MAX_DEPTH))


def parse_json(raw: bytes) -> dict[str, Any]:
    """One JSON object. Raises BadJson with the reason: not UTF-8, not JSON, not an object, duplicate key, NaN,
    Infinity or a number out of range, too many values or levels."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise BadJson("json_utf8") from None
    if not text.strip():
        raise BadJson("json_empty")
    if text.startswith("\ufeff"):
        raise BadJson("json_mark")
    Outline(raw).check()
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
