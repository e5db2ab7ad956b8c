"""What a region's page shows above its past: how it stands, itself and everything below it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from services.aggregator.pages.words import Words

Document = Mapping[str, Any]
Counts = tuple[tuple[str, int], ...]  # what occurs, in order


@dataclass(frozen=True, slots=True)
class Summary:
    """`flags` in words. `attendance` is of `period`, how often each verdict holds; of `expected` statements on
    logistics so many say that all is there; where none is expected, None."""

    flags: tuple[str, ...]
    open: Mapping[str, int]
    statuses: Counts
    period: str
    attendance: Counts
    complete: int
    expected: int | None


def summary_of(words: Words, rolled_up: Document) -> Summary:
    """Out of what `/v1/regions/{code}` shows."""
    attended, supplies = rolled_up["attendance"], rolled_up["logistics"]
    return Summary(
        flags=tuple(flag["text"][words.language] for flag in rolled_up["flags"]),
        open=rolled_up["open"],
        statuses=_occurring(rolled_up["incidents_by_status"]),
        period=words.short_day(date.fromisoformat(attended["period"])) if attended else "",
        attendance=_occurring(attended["counts"]) if attended else (),
        complete=supplies["complete"],
        expected=supplies["expected"] or None,
    )


def _occurring(counts: Mapping[str, int]) -> Counts:
    return tuple((name, count) for name, count in counts.items() if count)
