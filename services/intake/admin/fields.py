"""The fields of what an administrator sends, pure, and what they are checked against."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, WithJsonSchema
from pydantic_core import PydanticCustomError

from services.intake.submissions.checks import addressable
from shared.access.holders import LONGEST_OVERLAP
from shared.access.keys import MOST_EVENTS_PER_MINUTE, Kind
from shared.election.durations import format_duration, parse_duration
from shared.election.known_regions import known_subtree
from shared.election.roster import Roster
from shared.strict import REGION_CODE, Instant, Slug

_MOST_REGIONS = 500


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a body is checked against. `now` is real: keys do not live in a scenario's time."""

    roster: Roster
    now: datetime


def _circumstances(info: ValidationInfo) -> Circumstances:
    assert isinstance(info.context, Circumstances)
    return info.context


def _known_subtree(code: str, info: ValidationInfo) -> str:
    return known_subtree(code, _circumstances(info).roster)


def _not_over(instant: datetime, info: ValidationInfo) -> datetime:
    if instant <= _circumstances(info).now:
        raise PydanticCustomError("expires_past", "is over already")
    return instant


def _some(values: tuple[Any, ...]) -> tuple[Any, ...]:
    """At least one, none of them twice."""
    if not values:
        raise PydanticCustomError("missing", "is required")
    return tuple(dict.fromkeys(values))


def _overlap_in(value: Any) -> timedelta:
    try:
        length = parse_duration(value if isinstance(value, str) else None)
    except ValueError:
        raise PydanticCustomError("duration_syntax", "must be a length of time, for example 7d") from None
    if length > LONGEST_OVERLAP:
        raise PydanticCustomError("duration_long", "is too long", {"most": format_duration(LONGEST_OVERLAP)})
    return length


_SUBTREE = {"type": "string", "pattern": rf"^\*$|{REGION_CODE}"}
_LENGTH = {"type": "string", "pattern": "^[0-9]{1,6}[smhd]$", "examples": ["7d"]}

Name = Annotated[Slug, AfterValidator(addressable)]
Kinds = Annotated[
    tuple[Kind, ...],
    Field(max_length=len(Kind), description="what it may send", json_schema_extra={"minItems": 1}),
    AfterValidator(_some),
]
Regions = Annotated[
    tuple[Annotated[str, AfterValidator(_known_subtree), WithJsonSchema(_SUBTREE)], ...],
    Field(
        max_length=_MOST_REGIONS,
        description="regions for which it may send, each with everything below it; `*` for all",
        json_schema_extra={"minItems": 1},
    ),
    AfterValidator(_some),
]
EventsPerMinute = Annotated[
    int, Field(ge=1, le=MOST_EVENTS_PER_MINUTE, description="how much it may send; null for the setting's default")
]
Expiry = Annotated[Instant, AfterValidator(_not_over), Field(description="the key ends here; null for never")]
Overlap = Annotated[timedelta, BeforeValidator(_overlap_in), WithJsonSchema(_LENGTH)]
