"""What texts, codes and times we accept from outside; `shared/strict_json.py` says what JSON.

Everything answered 202 must be countable by every consumer: it must survive JSON, BSON and a screen. So a text
has no control, bidirectional-override or unassigned-surrogate characters and is in Unicode normal form C, and a time
is an instant that can be told in UTC.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError, PydanticKnownError

LONGEST_SLUG = 64
SLUG = rf"^[A-Za-z0-9._-]{{1,{LONGEST_SLUG}}}$"
REGION_CODE = r"^[0-9]{2}(\.[0-9]{2}(\.[0-9]{2}(\.[0-9]{4})?)?)?$"
WEB_ADDRESS = r"^https?://[^\s<>\"]+$"
SHA256 = r"^[0-9a-f]{64}$"

_LINE_BREAKS = "\n\r\t"
_FORBIDDEN_CATEGORIES = ("Cc", "Cs", "Co", "Cn")  # control, surrogate, private use, unassigned
# Unicode TR 36: embeddings, overrides, isolates and marks that make a screen show another order than the bytes.
_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff\u2028\u2029]")


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
Sha256 = Annotated[str, StringConstraints(pattern=SHA256)]
WebAddress = Annotated[
    str,
    StringConstraints(max_length=2000, pattern=WEB_ADDRESS),
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


def _within_years(first: int, last: int) -> Callable[[datetime], datetime]:
    """Judged in UTC, since that is what everybody inside sees."""

    def check(instant: datetime) -> datetime:
        # The first look keeps out what cannot be turned into UTC at all.
        if not first - 1 <= instant.year <= last + 1 or not first <= instant.astimezone(UTC).year <= last:
            raise PydanticCustomError("time_far_off", "is absurdly far off")
        return instant

    return check


def _plausible_day(day: date) -> date:
    if not 2000 <= day.year < 2100:
        raise PydanticCustomError("time_far_off", "is absurdly far off")
    return day


_WITH_OFFSET = Field(description="RFC 3339 with offset; a naive time is refused")
# Beyond these years it is a typing error.
Instant = Annotated[AwareDatetime, BeforeValidator(_time_in), AfterValidator(_within_years(2000, 2099)), _WITH_OFFSET]
# What a device's clock shows, right or wrong (`shared/election/device_time.py` says which is believed): one whose
# battery died shows 1970, and a report is not lost for that.
DeviceInstant = Annotated[
    AwareDatetime, BeforeValidator(_time_in), AfterValidator(_within_years(1970, 2099)), _WITH_OFFSET
]
Day = Annotated[
    date, BeforeValidator(_day_in), AfterValidator(_plausible_day), Field(description="a date, `2024-11-18`")
]


def clean_for_display(text: str) -> str:
    """A piece of somebody's input made safe to show back: bounded, printable."""
    return "".join(c if c.isprintable() and not _BIDI.match(c) else "\ufffd" for c in text[:80])
