"""What about a region's reports somebody should look at. Pure; asked when somebody looks, kept nowhere.

`normal_while_open`: the report in force says "normal" while violations of the region or below it are open, or gaps in
its logistics. `same_text`: the reports in force, one a period, say the same for several weeks running, up to the
latest; what is the same is told regardless of capitals, blanks and how letters are composed.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from shared.dates_in_words import short_day
from shared.election.cadence import WEEK, PeriodDays
from shared.events.report import Condition
from shared.texts import Language, text

NORMAL_WHILE_OPEN, SAME_TEXT = "normal_while_open", "same_text"
# In weeks, how far back a run of the same text is followed.
MOST_WEEKS = 53

Pointer = Mapping[str, Any]  # to the report in force (`services/aggregator/in_force.py`)
Texts = Mapping[str, str]  # period -> the summary of the report in force for it


@dataclass(frozen=True, slots=True)
class Standing:
    """What is open in a region and below it: violations, those of the quiet period among them; and of how many items
    its logistics lack something that must be there by the line, once that counts."""

    violations: int = 0
    quiet: int = 0
    gaps: int = 0


@dataclass(frozen=True, slots=True)
class Flag:
    """`period` is that of the report in force, `since` the period from which on it is so; `counts` are the reasons."""

    name: str
    period: date
    since: date
    counts: Mapping[str, int]


def flags_of(
    report: Pointer | None, standing: Standing, texts: Texts, weeks: int, days: PeriodDays
) -> tuple[Flag, ...]:
    """Of a region whose report in force is `report`; the same text counts from so many weeks on. `days` are those its
    reports are for."""
    if report is None:
        return ()
    found = (normal_while_open(report, standing), same_text(report, texts, weeks, days))
    return tuple(flag for flag in found if flag is not None)


def normal_while_open(report: Pointer, standing: Standing) -> Flag | None:
    if report["condition"] != Condition.NORMAL or not (standing.violations or standing.gaps):
        return None
    period = date.fromisoformat(report["period"])
    counts = {
        "open_violations": standing.violations,
        "quiet_period_violations": standing.quiet,
        "logistics_gaps": standing.gaps,
    }
    return Flag(NORMAL_WHILE_OPEN, period, period, counts)


def same_text(report: Pointer, texts: Texts, weeks: int, days: PeriodDays) -> Flag | None:
    last = first = date.fromisoformat(report["period"])
    said = texts.get(last.isoformat())
    if said is None:
        return None
    while (before := texts.get((earlier := days.before(first)).isoformat())) and alike(before) == alike(said):
        first = earlier
    run = (last - first) // WEEK + 1
    return Flag(SAME_TEXT, last, first, {"weeks": run}) if run >= weeks else None


def alike(summary: str) -> str:
    """The same for texts that say the same."""
    folded = unicodedata.normalize("NFC", summary).casefold()
    return " ".join(unicodedata.normalize("NFC", folded).split())


def last_periods(report: Pointer, weeks: int, days: PeriodDays) -> list[str]:
    """The period of the report in force and those before it, as far back as a run of so many weeks must reach."""
    last = date.fromisoformat(report["period"])
    found = [last]
    while last - found[-1] < (weeks - 1) * WEEK:
        found.append(days.before(found[-1]))
    return [day.isoformat() for day in found]


def shown(flag: Flag) -> dict[str, Any]:
    """As the API shows it."""
    return {
        "flag": flag.name,
        "period": flag.period.isoformat(),
        "since": flag.since.isoformat(),
        "counts": dict(flag.counts),
        "text": {"id": said(flag, "id"), "en": said(flag, "en")},
    }


def said(flag: Flag, language: Language) -> str:
    """In words, with the reasons that there are."""
    why = [text("flags", name, language, count=n) for name, n in flag.counts.items() if n]
    days = {"period": short_day(flag.period, language), "since": short_day(flag.since, language)}
    return text("flags", flag.name, language, why=", ".join(why), **days)
