"""What text, numbers and JSON we accept from outside.

Everything answered 202 must be countable by every consumer: it must survive JSON, BSON and a screen. So a text
has no control, bidirectional-override or unassigned-surrogate characters and is in Unicode normal form C; JSON has
no duplicate keys, no NaN or Infinity and bounded nesting.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Annotated, Any, NoReturn

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError, PydanticKnownError

SLUG = r"^[A-Za-z0-9._-]{1,64}$"
REGION_CODE = r"^[0-9]{2}(\.[0-9]{2}(\.[0-9]{2}(\.[0-9]{4})?)?)?$"
MAX_DEPTH = 16

_LINE_BREAKS = "\n\r\t"
_FORBIDDEN_CATEGORIES = ("Cc", "Cs", "Co", "Cn")  # control, surrogate, private use, unassigned
# Unicode TR 36: embeddings, overrides, isolates and marks that make a screen show another order than the bytes.
_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\u2028\u2029]")


class BadJson(ValueError):
    """The bytes are not JSON as we accept it; `reason` is a key of `shared/texts/problems.yaml`."""

    def __init__(self, reason: str, **details: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.details = details


def _is_forbidden(char: str) -> bool:
    return char not in _LINE_BREAKS and unicodedata.category(char) in _FORBIDDEN_CATEGORIES


def clean_text(text: str) -> str:
    """The text in normal form C. Raises PydanticCustomError `text_characters` naming the first bad character."""
    if text.isascii() and text.isprintable():
        return text
    text = unicodedata.normalize("NFC", text)
    bad = next((c for c in text if _is_forbidden(c) or _BIDI.match(c)), None)
    if bad is not None:
        raise PydanticCustomError(
            "text_characters", "contains the forbidden character {char}", {"char": f"U+{ord(bad):04X}"}
        )
    if not text.strip():
        raise PydanticCustomError("text_blank", "is blank")
    return text


def _not_blank(text: str) -> str:
    if not text.strip():
        raise PydanticCustomError("text_blank", "is blank")
    return text


Slug = Annotated[str, StringConstraints(pattern=SLUG)]
RegionCode = Annotated[str, StringConstraints(pattern=REGION_CODE)]


def _at_most(limit: int) -> Callable[[str], str]:
    def check(text: str) -> str:
        if len(text) > limit:
            raise PydanticKnownError("string_too_long", {"max_length": limit})
        return text

    return check


# Normal form C can lengthen a text (U+0958 becomes two characters), hence the second look at the length.
ShortText = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200),
    AfterValidator(clean_text),
    AfterValidator(_not_blank),
    AfterValidator(_at_most(200)),
]
LongText = Annotated[
    str,
    StringConstraints(min_length=1, max_length=4000),
    AfterValidator(clean_text),
    AfterValidator(_not_blank),
    AfterValidator(_at_most(4000)),
]
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
WebAddress = Annotated[
    str,
    StringConstraints(max_length=2000, pattern=r"^https?://[^\s<>\"]+$"),
    AfterValidator(clean_text),
    AfterValidator(_at_most(2000)),
]


_RFC_3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})?"
)
_ISO_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


# These parse texts themselves: pydantic also reads `"1731900000"` as a time, and whoever sends that means something
# else. (A validator before a strict field must hand on the parsed value anyway.)
def _time_in(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        if _RFC_3339.fullmatch(value):
            return datetime.fromisoformat(value.upper())
    except ValueError:
        pass
    raise PydanticCustomError("time_syntax", "must be an RFC 3339 time, for example 2024-11-18T09:00:00+08:00")


def _day_in(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        if _ISO_DAY.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise PydanticCustomError("date_syntax", "must be a date, for example 2024-11-18")


def _plausible_year(instant: datetime) -> datetime:
    """Years beyond these are typing errors, and some of them cannot be turned into UTC at all. Judged in UTC, since
    that is what everybody inside sees."""
    if not 1999 <= instant.year <= 2100 or not 2000 <= instant.astimezone(UTC).year < 2100:
        raise PydanticCustomError("time_far_off", "is absurdly far off")
    return instant


def _plausible_day(day: date) -> date:
    if not 2000 <= day.year < 2100:
        raise PydanticCustomError("time_far_off", "is absurdly far off")
    return day


Instant = Annotated[
    AwareDatetime,
    BeforeValidator(_time_in),
    AfterValidator(_plausible_year),
    Field(description="RFC 3339 with offset; a naive time is refused"),
]
Day = Annotated[
    date, BeforeValidator(_day_in), AfterValidator(_plausible_day), Field(description="a date, `2024-11-18`")
]


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


def clean_for_display(text: str) -> str:
    """A piece of somebody's input made safe to show back: bounded, printable."""
    return "".join(c if c.isprintable() and not _BIDI.match(c) else "\ufffd" for c in text[:80])


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


def _depth(text: str) -> int:
    """The deepest nesting of brackets, counting those in strings too: a bound, cheap to take before parsing."""
    depth = deepest = 0
    for char in re.findall(r"[\[\]{}]", text):
        depth += 1 if char in "[{" else -1
        deepest = max(deepest, depth)
    return deepest
