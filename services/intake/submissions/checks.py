"""Checks of single fields against what intake knows at the moment of receipt, pure.

pydantic calls them as validators, with the Receipt as their context, so that one pass names every wrong field. Their
errors' types are keys of `shared/texts/problems.yaml`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated

from pydantic import Field, ValidationInfo
from pydantic_core import PydanticCustomError

from shared.election import known_names, known_regions
from shared.election.calendar import Calendar
from shared.election.roster import level_of
from shared.field_errors import Word
from shared.strict import SLUG


@dataclass(frozen=True, slots=True)
class Receipt:
    """What intake knows when a body arrives. `header_id` is the header Idempotency-Key, None without one."""

    calendar: Calendar
    received_at: datetime
    header_id: str | None = None


def _receipt(info: ValidationInfo) -> Receipt:
    assert isinstance(info.context, Receipt)
    return info.context


def addressable(sent_id: str) -> str:
    """Of dots alone, an id cannot be asked for: clients fold `/v1/events/desk/..` away (RFC 3986, 5.2.4)."""
    if not sent_id.strip("."):
        raise PydanticCustomError("id_dots", "consists of dots")
    return sent_id


def usable_id(sent_id: str, info: ValidationInfo) -> str:
    """Addressable, and what the header says, if that says one."""
    if _receipt(info).header_id not in (None, addressable(sent_id)):
        raise PydanticCustomError("id_twice", "differs from the header Idempotency-Key")
    return sent_id


def known_region(code: str, info: ValidationInfo) -> str:
    return known_regions.known_region(code, _receipt(info).calendar.roster)


# What stands in a list of names. (The list is the check: that `politik uang` has a blank in it is not what is wrong.)
ListedName = Annotated[str, Field(json_schema_extra={"pattern": SLUG})]


def known_category(category: str, info: ValidationInfo) -> str:
    return known_names.known_category(category, _receipt(info).calendar.election)


def known_item(item: str, info: ValidationInfo) -> str:
    return known_names.known_item(item, _receipt(info).calendar.election)


def possible_period(period: date, info: ValidationInfo) -> date:
    """A day that the region's reports are for, not beyond the next one. With a wrong region the election's defaults
    judge, so that both fields are named."""
    calendar, now = _receipt(info).calendar, _receipt(info).received_at
    region = info.data.get("region", "")
    days = calendar.period_days(region, level_of(region))
    if not days.holds(period):
        weekdays = sorted({rule.weekday for rule in days.rules_on(period)}, key=lambda weekday: weekday.number)
        neighbours = {"before": str(days.before(period)), "after": str(days.after(period))}
        words = tuple(Word(weekday.value) for weekday in weekdays)
        raise PydanticCustomError("period_weekday", "wrong weekday", {"weekday": words, **neighbours})
    latest = calendar.next_period(region, level_of(region), now)
    if period > latest:
        raise PydanticCustomError("period_future", "too far ahead", {"latest": str(latest)})
    return period


def happened_already(occurred_at: datetime, info: ValidationInfo) -> datetime:
    receipt = _receipt(info)
    rules = receipt.calendar.at(info.data.get("region", ""), receipt.received_at)
    if occurred_at > receipt.received_at + rules.clock_tolerance:
        raise PydanticCustomError("occurred_future", "lies in the future")
    return occurred_at


def another_report(replaces: str, info: ValidationInfo) -> str:
    if replaces in (info.data.get("id"), _receipt(info).header_id):
        raise PydanticCustomError("replaces_itself", "is the report's own id")
    return replaces


def to_utc(instant: datetime) -> datetime:
    return instant.astimezone(UTC)
