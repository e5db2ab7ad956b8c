"""What a page says, in the reader's language, pure. The texts are `shared/texts/forms.yaml`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from shared import dates_in_words as dates
from shared.election.roster import Region, Roster, display_name
from shared.field_errors import FieldError
from shared.texts import Language, catalogue, text


@dataclass(frozen=True, slots=True)
class Words:
    """Called with a key of forms.yaml and its values; the methods say what is more than a text."""

    language: Language

    def __call__(self, key: str, /, **values: object) -> str:
        return text("forms", key, self.language, **values)

    def wrong(self, error: FieldError) -> str:
        """What is wrong with a field: in words for whoever fills in a form, else as the API says it."""
        key = f"wrong.{error.reason}"
        if key in catalogue("forms"):
            return self(key, **error.values)
        return self("wrong.other", problem=error.to_json(self.language)["problem"])

    def region(self, region: Region) -> str:
        return self(f"region.{region.level.value}", name=display_name(region))

    def full_region(self, roster: Roster, code: str) -> str:
        """With the regency's name, and the code: names of villages repeat."""
        return f"{roster.full_name(code)} · {code}"

    def day(self, day: date, is_short: bool = False) -> str:
        return dates.day_in_words(day, self.language, is_short)

    def moment(self, instant: datetime, zone: ZoneInfo) -> str:
        return dates.moment_in_words(instant, zone, self.language)
