"""Lengths and times of day as people write them in the election file: `2h`, `72h`, `10m`, `7d`, `24:00`."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, PlainSerializer

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_duration(text: Any) -> timedelta:
    """`2h` as two hours; units s, m, h, d. Raises ValueError with an example."""
    if isinstance(text, timedelta):
        return text
    match = re.fullmatch(r"(\d{1,6})([smhd])", str(text).strip())
    if match is None:
        raise ValueError(f"{text!r} is no duration; write a number and s, m, h or d, for example 2h or 72h")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def parse_time_of_day(text: Any) -> timedelta:
    """`24:00` as 24 hours after the day's local midnight. Raises ValueError with an example."""
    if isinstance(text, timedelta):
        return text
    match = re.fullmatch(r"(\d{2}):(\d{2})", str(text).strip())
    if match is None or int(match[2]) > 59 or int(match[1]) * 60 + int(match[2]) > 24 * 60:
        raise ValueError(f'{text!r} is no time of day; write "HH:MM" in quotes, for example "24:00"')
    return timedelta(hours=int(match[1]), minutes=int(match[2]))


def format_duration(length: timedelta) -> str:
    """The shortest exact spelling: the inverse of `parse_duration`."""
    seconds = int(length.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def between(least: timedelta, most: timedelta) -> AfterValidator:
    """That a length lies between two, said as people write them."""

    def check(length: timedelta) -> timedelta:
        if not least <= length <= most:
            raise ValueError(f"must lie between {format_duration(least)} and {format_duration(most)}")
        return length

    return AfterValidator(check)


Duration = Annotated[timedelta, BeforeValidator(parse_duration), PlainSerializer(format_duration)]
TimeOfDay = Annotated[timedelta, BeforeValidator(parse_time_of_day)]
