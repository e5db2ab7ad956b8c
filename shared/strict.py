"""The types of what we accept from outside: codes, texts, times. `shared/strict_text.py` says which texts,
`shared/strict_json.py` which JSON.

Everything answered 202 must be countable by every consumer: it must survive JSON, BSON and a screen. A time is an
instant that can be told in UTC.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, StringConstraints
from pydantic_core import PydanticCustomError, PydanticKnownError

from shared.strict_text import LONG_TEXT, SEEN_ADDRESS, SHORT_TEXT, clean_text, not_blank, one_line

LONGEST_SLUG = 64
SLUG = rf"^[A-Za-z0-9._-]{{1,{LONGEST_SLUG}}}$"
REGION_CODE = r"^[0-9]{2}(\.[0-9]{2}(\.[0-9]{2}(\.[0-9]{4})?)?)?$"
WEB_ADDRESS = r"^https?://[^\s<>\"]+$"
SHA256 = r"^[0-9a-f]{64}$"

Slug = Annotated[str, StringConstraints(pattern=SLUG)]
RegionCode = Annotated[str, StringConstraints(pattern=REGION_CODE)]
Sha256 = Annotated[str, StringConstraints(pattern=SHA256)]


def _at_most(limit: int) -> Callable[[str], str]:
    """Normal form C can lengthen a text (U+0958 becomes two characters), hence a second look at the length."""

    def check(text: str) -> str:
        if len(text) > limit:
            raise PydanticKnownError("string_too_long", {"max_length": limit})
        return text

    return check


def _clean(limit: int, is_one_line: bool) -> Callable[[str], str]:
    """All that is asked of a text, in one call: each one from pydantic costs as much as the check."""
    at_most = _at_most(limit)

    def check(text: str) -> str:
        if text.isascii() and text.isprintable() and not text.isspace():
            return text  # nothing in it that any of the checks below minds
        text = clean_text(text)
        return at_most(not_blank(one_line(text) if is_one_line else text))

    return check


ShortText = Annotated[
    str,
    StringConstraints(min_length=1, max_length=200),
    AfterValidator(_clean(200, is_one_line=True)),
    Field(description="a line of text", json_schema_extra={"pattern": SHORT_TEXT}),
]
LongText = Annotated[
    str,
    StringConstraints(min_length=1, max_length=4000),
    AfterValidator(_clean(4000, is_one_line=False)),
    Field(description="a text, of several lines if need be", json_schema_extra={"pattern": LONG_TEXT}),
]
WebAddress = Annotated[
    str,
    StringConstraints(max_length=2000, pattern=WEB_ADDRESS),
    AfterValidator(clean_text),
    AfterValidator(_at_most(2000)),
    Field(json_schema_extra={"pattern": SEEN_ADDRESS}),
]

# RFC 3339 without leap seconds, which no consumer can hold. Spelled out: what `fromisoformat` takes beyond it (24:00)
# differs from one Python to the next.
_DAY = "[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
_HOUR = "([01][0-9]|2[0-3]):[0-5][0-9]"
_OFFSET = rf"([Zz]|[+-]{_HOUR})"
_TIME = rf"{_DAY}[Tt ]{_HOUR}:[0-5][0-9](\.[0-9]{{1,9}})?"
_TIME_MAYBE_NAIVE = re.compile(rf"{_TIME}{_OFFSET}?")
_ISO_DAY = re.compile(_DAY)


# These parse texts themselves: pydantic also reads `"1731900000"` as a time, and whoever sends that means something
# else. (A validator before a strict field must hand on the parsed value anyway.)
def _time_in(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        if _TIME_MAYBE_NAIVE.fullmatch(value):
            return datetime.fromisoformat(value.upper())
    except ValueError:
        pass
    raise PydanticCustomError("time_syntax", "must be an RFC 3339 time, for example 2024-11-18T09:00:00+08:00")


def _day_in(value: Any) -> Any:
    return _day(value) if isinstance(value, str) else value


@lru_cache(64)  # nearly all reports are for the same few days
def _day(text: str) -> date:
    try:
        if _ISO_DAY.fullmatch(text):
            return date.fromisoformat(text)
    except ValueError:
        pass
    raise PydanticCustomError("date_syntax", "must be a date, for example 2024-11-18")


def _within_years(first: int, last: int) -> Callable[[datetime], datetime]:
    """Judged in UTC, since that is what everybody inside sees."""

    def check(instant: datetime) -> datetime:
        if first < instant.year < last:
            return instant  # whatever its offset
        # The first look keeps out what cannot be turned into UTC at all.
        if not first - 1 <= instant.year <= last + 1 or not first <= instant.astimezone(UTC).year <= last:
            raise PydanticCustomError("time_far_off", "is absurdly far off")
        return instant

    return check


def _plausible_day(day: date) -> date:
    if not 2000 <= day.year < 2100:
        raise PydanticCustomError("time_far_off", "is absurdly far off")
    return day


def _instant_field(years: str) -> Any:
    pattern = f"^{_TIME.replace('[0-9]{4}', years, 1)}{_OFFSET}$"
    return Field(description="RFC 3339 with offset; a naive time is refused", json_schema_extra={"pattern": pattern})


# Beyond these years it is a typing error.
Instant = Annotated[
    AwareDatetime,
    BeforeValidator(_time_in),
    AfterValidator(_within_years(2000, 2099)),
    _instant_field("20[0-9]{2}"),
]
# What a device's clock shows, right or wrong (`shared/election/device_time.py` says which is believed): one whose
# battery died shows 1970, and a report is not lost for that.
DeviceInstant = Annotated[
    AwareDatetime,
    BeforeValidator(_time_in),
    AfterValidator(_within_years(1970, 2099)),
    _instant_field("(19[7-9][0-9]|20[0-9]{2})"),
]


def _no_day_nor_time() -> PydanticCustomError:
    return PydanticCustomError("day_or_time_syntax", "must be a date or an RFC 3339 time")


def _day_or_time_in(value: Any) -> Any:
    if not isinstance(value, str | date):
        raise _no_day_nor_time()
    if isinstance(value, str) and _ISO_DAY.fullmatch(value):
        return _day_in(value)
    if isinstance(value, str) and not _TIME_MAYBE_NAIVE.fullmatch(value):
        raise _no_day_nor_time()
    instant = _time_in(value)
    if isinstance(instant, datetime) and instant.tzinfo is None:
        raise PydanticCustomError("timezone_aware", "needs an offset, for example 2024-11-18T09:00:00+08:00")
    return instant


def _plausible(moment: date | datetime) -> date | datetime:
    return _within_years(2000, 2099)(moment) if isinstance(moment, datetime) else _plausible_day(moment)


DayOrInstant = Annotated[
    datetime | date,
    BeforeValidator(_day_or_time_in),
    AfterValidator(_plausible),
    Field(description="a date, `2024-11-18`, or an RFC 3339 time with offset"),
]
Day = Annotated[
    date, BeforeValidator(_day_in), AfterValidator(_plausible_day), Field(description="a date, `2024-11-18`")
]
