"""What a person typed into a field of date and time, pure."""

from __future__ import annotations

import re
from datetime import datetime
from zoneinfo import ZoneInfo

# What browsers send; those that know no such field show a plain one, and Indonesian clocks are written with a dot.
_TYPED = re.compile(r"(\d{4}-\d{2}-\d{2})[T ](\d{2})[:.](\d{2})(?:[:.](\d{2}))?(?:\.\d+)?", re.ASCII)


def with_offset(typed: str, zone: ZoneInfo) -> str:
    """A local time as RFC 3339 with the zone's offset at that moment. What is no time stays as it is: the model that
    reads it next says so."""
    match = _TYPED.fullmatch(typed)
    if match is None:
        return typed
    day, hour, minute, second = match.groups()
    try:
        local = datetime.fromisoformat(f"{day}T{hour}:{minute}:{second or '00'}")
    except ValueError:
        return typed
    return local.replace(tzinfo=zone).isoformat()
