"""The election file as values. Dates, cadence, grace, zones and categories are data, never code.

The file's schema with a minimal example is `docs/election-file.md`; `files.py` reads it.
"""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field, Strict, field_validator, model_validator

from shared.election.categories import Category
from shared.election.durations import Duration, TimeOfDay, format_duration
from shared.election.frozen import Frozen, Text
from shared.strict import Day, RegionCode, Slug

QUIET_PERIOD = "quiet_period"

# Grace must exceed these two, so that a report accepted before the deadline is in the log when it is judged.
# `DESK_PUBLISH_DEADLINE_S` may shorten the first, never lengthen it.
PUBLISH_DEADLINE = timedelta(seconds=10)
ALLOWED_CLOCK_SKEW = timedelta(seconds=2)


class Level(StrEnum):
    PROVINCE = "province"
    REGENCY = "regency"
    DISTRICT = "district"
    VILLAGE = "village"


class Weekday(StrEnum):
    MONDAY = "monday"
    TUESDAY = "tuesday"
    WEDNESDAY = "wednesday"
    THURSDAY = "thursday"
    FRIDAY = "friday"
    SATURDAY = "saturday"
    SUNDAY = "sunday"

    def __init__(self, _name: str) -> None:
        self.number = len(type(self).__members__)
        """As `date.weekday()`: Monday is 0."""


class Every(StrEnum):
    """How often a report is owed: each week on its weekday, or each day."""

    WEEK = "week"
    DAY = "day"

    @property
    def length(self) -> timedelta:
        return timedelta(days=7 if self is Every.WEEK else 1)


def known_zone(name: str) -> str:
    """The name, if it is a time zone. Raises ValueError with an example."""
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(f"{name!r} is no time zone; write for example Asia/Makassar") from None
    return name


# Strict, or pydantic takes the number 20241124 for seconds since 1970.
Date = Annotated[Day, Strict()]
ZoneName = Annotated[str, AfterValidator(known_zone)]


class Scoped(Frozen):
    """Holds for all regions, or for those named and all below them: a re-vote (PSU) has dates of its own."""

    regions: Annotated[tuple[RegionCode, ...], Field(min_length=1)] | None = None


class Stage(Scoped):
    """A stage of the election; both dates inclusive, local to each region."""

    stage: Slug
    from_: Date = Field(alias="from")
    to: Date

    @model_validator(mode="after")
    def _in_order(self) -> Stage:
        if self.to < self.from_:
            raise ValueError(f"stage {self.stage}: `to` {self.to} lies before `from` {self.from_}")
        return self

    @property
    def is_quiet_period(self) -> bool:
        return self.stage == QUIET_PERIOD


class ReportRule(Scoped):
    """Which regions owe a report, how often, until when. `due` counts from the period day's local midnight. The desk
    itself is reminded `remind_before` it, if at all."""

    level: Level
    every: Every = Every.WEEK
    weekday: Weekday = Weekday.MONDAY
    due: TimeOfDay = timedelta(hours=24)
    grace: Duration = timedelta(hours=2)
    remind_before: Duration | None = None
    from_: Date = Field(alias="from")
    until: Date

    @model_validator(mode="after")
    def _sound(self) -> ReportRule:
        if self.until < self.from_:
            raise ValueError(f"`until` {self.until} lies before `from` {self.from_}")
        if self.grace <= PUBLISH_DEADLINE + ALLOWED_CLOCK_SKEW:
            raise ValueError(
                f"`grace` must exceed the publish deadline ({format_duration(PUBLISH_DEADLINE)}) and "
                f"the allowed clock skew ({format_duration(ALLOWED_CLOCK_SKEW)}) together, for example grace: 2h"
            )
        if self.every is Every.DAY and "weekday" in self.model_fields_set:
            raise ValueError("with `every: day` there is no `weekday`; leave it out")
        if self.remind_before is not None and not timedelta() < self.remind_before <= self.every.length:
            longest = format_duration(self.every.length)
            raise ValueError(f"`remind_before` must be longer than 0 and at most {longest}, for example 4h")
        return self


def _one_quiet_period(stages: tuple[Stage, ...]) -> tuple[Stage, ...]:
    if QUIET_PERIOD not in [s.stage for s in stages]:
        raise ValueError(f"holds no {QUIET_PERIOD}; add one with `from` and `to`")
    return stages


Stages = Annotated[tuple[Stage, ...], Field(min_length=1), AfterValidator(_one_quiet_period)]
Reports = Annotated[tuple[ReportRule, ...], Field(min_length=1)]


class Item(Scoped):
    """Something that must have arrived before voting: ballot boxes, ballots, ink ... `regions`: who needs it."""

    label: Text


class Logistics(Frozen):
    """The items of logistics, by slug: the standard ones and the file's own. From `warn_from` before the line on, what
    is not complete counts as a gap; it is told at each of `warn_at` before the line, and at the line."""

    items: dict[Slug, Item]
    warn_from: Duration = timedelta(days=7)
    warn_at: tuple[Duration, ...] = (timedelta(days=7), timedelta(days=3), timedelta(days=1))

    @field_validator("warn_at")
    @classmethod
    def _ahead(cls, lengths: tuple[timedelta, ...]) -> tuple[timedelta, ...]:
        if any(length <= timedelta() for length in lengths) or len(set(lengths)) < len(lengths):
            raise ValueError(
                "holds a length twice, or one that is not before the line; write for example [7d, 3d, 1d]"
            )
        return lengths


class Amendment(Frozen):
    """What is different from a day on, by a new decree say. What it does not name stays as it was; `stages` and
    `reports` take the place of the earlier ones, categories are put over them. `note` names the source."""

    effective: Date
    note: Text | None = None
    stages: Stages | None = None
    reports: Reports | None = None
    offline_allowance: Duration | None = None
    clock_tolerance: Duration | None = None
    violation_report_within: Duration | None = None
    categories: dict[Slug, Category] = Field(default_factory=dict)


class Election(Scoped):
    """A whole election file, defaults filled in. `categories` and `logistics.items` hold the standard ones and the
    file's own. `also` are the files of other elections at the same time, beside this one; `regions` are those of all
    stages and reports that name none."""

    election: Slug
    also: tuple[str, ...] = ()
    title: Text | None = None
    zone: ZoneName
    zones: dict[RegionCode, ZoneName] = Field(default_factory=dict)
    stages: Stages
    reports: Reports
    obligations_from: Date
    offline_allowance: Duration = timedelta(hours=72)
    clock_tolerance: Duration = timedelta(minutes=10)
    violation_report_within: Duration = timedelta(days=7)
    roster: str | None = None
    categories: dict[Slug, Category]
    logistics: Logistics
    repeated_text_weeks: Annotated[int, Field(ge=2, le=52)] = 3
    amendments: tuple[Amendment, ...] = ()

    @field_validator("amendments")
    @classmethod
    def _in_order(cls, amendments: tuple[Amendment, ...]) -> tuple[Amendment, ...]:
        days = [amendment.effective for amendment in amendments]
        if days != sorted(set(days)):
            raise ValueError("must be in the order of `effective`, each on a day of its own")
        return amendments

    def is_violation(self, category: str) -> bool:
        """Whether the election file calls this category a violation; an unknown one is none."""
        known = self.categories.get(category)
        return known is not None and known.violation

    def quiet_periods(self) -> tuple[Stage, ...]:
        return tuple(stage for stage in self.stages if stage.is_quiet_period)


def with_obligations_from(election: Election, first: Date) -> Election:
    """The same election, judging nothing before `first`."""
    return election.model_copy(update={"obligations_from": first})


def merged(standard: dict[str, Any], own: dict[str, Any] | None) -> dict[str, Any]:
    """The standard items with the file's own added or put in their place."""
    return {**standard, **(own or {})}


def changed(before: dict[str, Any], own: dict[str, Any]) -> dict[str, Any]:
    """The categories of before with those of the file added; of one that there was, what is not said stays. As they
    are written: nothing is checked."""
    said = {slug: _over(before.get(slug), category) for slug, category in own.items()}
    return {**before, **said}


def _over(before: Any, said: Any) -> Any:
    return {**before, **said} if isinstance(before, dict) and isinstance(said, dict) else said
