"""Days and instants as people read them, in their language and zone. Pure. The texts are `shared/texts/dates.yaml`."""

from __future__ import annotations

from datetime import date, datetime
from zoneinfo import ZoneInfo

from shared.election.config import Weekday
from shared.texts import Language, text


def day_in_words(day: date, language: Language, is_short: bool = False) -> str:
    """`Senin, 18 November 2024`; short, `Senin, 18 Nov 2024`."""
    weekday = text("problems", list(Weekday)[day.weekday()].value, language)
    month = _month(day, language, is_short)
    return text("dates", "day", language, weekday=weekday, day=day.day, month=month, year=day.year)


def short_day(day: date, language: Language) -> str:
    """`18 Nov`."""
    return text("dates", "short_day", language, day=day.day, month=_month(day, language, is_short=True))


def time_in_words(instant: datetime, zone: ZoneInfo, language: Language) -> str:
    """`10.00 WITA`."""
    local = instant.astimezone(zone)
    time = text("dates", "time", language, hour=f"{local.hour:02}", minute=f"{local.minute:02}")
    return f"{time} {local.tzname()}"


def moment_in_words(instant: datetime, zone: ZoneInfo, language: Language) -> str:
    """`Senin, 18 November 2024, 10.00 WITA`."""
    return f"{day_in_words(instant.astimezone(zone).date(), language)}, {time_in_words(instant, zone, language)}"


def short_moment(instant: datetime, zone: ZoneInfo, language: Language) -> str:
    """`18 Nov, 10.00 WITA`."""
    return f"{short_day(instant.astimezone(zone).date(), language)}, {time_in_words(instant, zone, language)}"


def _month(day: date, language: Language, is_short: bool) -> str:
    month = text("dates", f"month.{day.month}", language)
    return month[:3] if is_short else month
