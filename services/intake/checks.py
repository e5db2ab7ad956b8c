"""Checks of single fields against what intake knows at the moment of receipt, pure.

pydantic calls them as validators, with the Receipt as their context, so that one pass names every wrong field. Their
errors' types are keys of `shared/texts/problems.yaml`.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from pydantic import ValidationInfo
from pydantic_core import PydanticCustomError

from shared.election.calendar import WEEK, Calendar, latest_weekday
from shared.election.roster import level_of
from shared.field_errors import Word

FARTHEST_AHEAD = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Receipt:
    """What intake knows when a body arrives. `header_id` is the header Idempotency-Key, None without one."""

    calendar: Calendar
    received_at: datetime
    header_id: str | None = None


def _receipt(info: ValidationInfo) -> Receipt:
    assert isinstance(info.context, Receipt)
    return info.context


def agrees_with_header(sent_id: str, info: ValidationInfo) -> str:
    if _receipt(info).header_id not in (None, sent_id):
        raise PydanticCustomError("id_twice", "differs from the header Idempotency-Key")
    return sent_id


def known_region(code: str, info: ValidationInfo) -> str:
    roster = _receipt(info).calendar.roster
    if code not in roster:
        raise PydanticCustomError("region_unknown", "is unknown", {"nearest": ", ".join(roster.nearest(code))})
    return code


def known_category(category: str, info: ValidationInfo) -> str:
    known = _receipt(info).calendar.election.categories
    if category not in known:
        nearest = difflib.get_close_matches(category, known)
        if nearest:
            raise PydanticCustomError("category_unknown", "is unknown", {"nearest": ", ".join(nearest)})
        raise PydanticCustomError("category_unlisted", "is unknown", {"known": ", ".join(sorted(known))})
    return category


def possible_period(period: date, info: ValidationInfo) -> date:
    """The rule's weekday, not beyond the next one. With a wrong region the election's defaults judge, so that both
    fields are named."""
    calendar, now = _receipt(info).calendar, _receipt(info).received_at
    region = info.data.get("region", "")
    weekday = calendar.rule_for(region, level_of(region)).weekday
    if not calendar.is_period(region, level_of(region), period):
        before = latest_weekday(period, weekday.number)
        neighbours = {"before": str(before), "after": str(before + WEEK)}
        raise PydanticCustomError("period_weekday", "wrong weekday", {"weekday": Word(weekday.value), **neighbours})
    if calendar.is_too_early(region, level_of(region), period, now):
        latest = calendar.period_of(region, level_of(region), now) + WEEK
        raise PydanticCustomError("period_future", "too far ahead", {"latest": str(latest)})
    return period


def not_far_ahead(submitted_at: datetime, info: ValidationInfo) -> datetime:
    if submitted_at > _receipt(info).received_at + FARTHEST_AHEAD:
        raise PydanticCustomError("submitted_future", "lies more than 24 hours in the future")
    return submitted_at


def happened_already(occurred_at: datetime, info: ValidationInfo) -> datetime:
    receipt = _receipt(info)
    if occurred_at > receipt.received_at + receipt.calendar.election.clock_tolerance:
        raise PydanticCustomError("occurred_future", "lies in the future")
    return occurred_at


def another_report(replaces: str, info: ValidationInfo) -> str:
    if replaces in (info.data.get("id"), _receipt(info).header_id):
        raise PydanticCustomError("replaces_itself", "is the report's own id")
    return replaces


def to_utc(instant: datetime) -> datetime:
    return instant.astimezone(UTC)


def trusted(submitted_at: datetime | None, receipt: Receipt) -> datetime | None:
    """A device's time if something may be derived from it, else None."""
    if submitted_at is None:
        return None
    election = receipt.calendar.election
    first_day = min(rule.from_ for rule in election.reports)
    is_ahead = submitted_at > receipt.received_at + election.clock_tolerance
    return None if is_ahead or submitted_at.date() < first_day - WEEK else submitted_at
