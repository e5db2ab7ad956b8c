"""What a page says, in the reader's language. Pure. The texts are `shared/texts/pages.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from shared import dates_in_words as dates
from shared.texts import Language, catalogue, text

_HOUR, _MINUTE = timedelta(hours=1), timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Words:
    """Called with a key of pages.yaml and its values; the methods say what is more than a text."""

    language: Language

    def __call__(self, key: str, /, **values: object) -> str:
        return text("pages", key, self.language, **values)

    def known(self, family: str, name: str) -> str:
        """A text of a family; the name itself if a later version of ours has written it."""
        key = f"{family}.{name}"
        return self(key) if key in catalogue("pages") else name

    def verdict(self, key: str) -> str:
        """A verdict or its reason."""
        return text("verdicts", key, self.language) if key in catalogue("verdicts") else key

    def reason(self, judged: Mapping[str, Any]) -> str:
        """Of a verdict, with the words of whoever excused the region."""
        told, excuse = self.verdict(judged["reason"]), judged.get("excuse")
        return self("verdict.excuse", reason=told, said=excuse["reason"], by=excuse["by"]) if excuse else told

    def day(self, day: date) -> str:
        return dates.day_in_words(day, self.language)

    def short_day(self, day: date) -> str:
        return dates.short_day(day, self.language)

    def moment(self, instant: datetime, zone: ZoneInfo) -> str:
        return dates.moment_in_words(instant, zone, self.language)

    def short_moment(self, instant: datetime, zone: ZoneInfo) -> str:
        return dates.short_moment(instant, zone, self.language)

    def number(self, number: int) -> str:
        """`2.821.202`, in English `2,821,202`."""
        written = f"{number:,}"
        return written.replace(",", ".") if self.language == "id" else written

    def span(self, span: timedelta) -> str:
        """`3 hari 14 jam`; below a day hours and minutes."""
        hours, rest = divmod(max(span, timedelta()), _HOUR)
        if hours >= 24:
            return self("span.days", days=hours // 24, hours=hours % 24)
        return (
            self("span.hours", hours=hours, minutes=rest // _MINUTE)
            if hours
            else self("span.minutes", minutes=rest // _MINUTE)
        )
