"""Which regions are named one by one, and sums of the levels that are too many for that. Pure.

Where villages owe reports, too, a page of all of them would hold 84,000 rows: nobody reads it, and nobody's browser
shows it. Whole levels are named from the top as long as they fit; of the others the verdicts are counted.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from services.aggregator.periods.periods import Judged, verdict_counts
from shared.election.config import Level
from shared.election.owing import Owing
from shared.election.roster import level_of
from shared.events.verdict import Verdict

MOST_NAMED = 1_000
_REPORTED = (Verdict.ON_TIME, Verdict.LATE)


@dataclass(frozen=True, slots=True)
class LevelSum:
    """Of one level below what is named: how many owe the report, and how often each verdict holds."""

    level: Level
    owed: int
    counts: tuple[tuple[str, int], ...]

    @property
    def reported(self) -> int:
        """By the verdicts, which follow the facts within moments."""
        return sum(count for verdict, count in self.counts if verdict in _REPORTED)


@dataclass(frozen=True, slots=True)
class Listed:
    """The codes to name, in order, of those who owe or were judged; and the levels that are only counted."""

    codes: tuple[str, ...]
    sums: tuple[LevelSum, ...]


def listed(owed: Owing, judged: Judged) -> Listed:
    by_level: dict[Level, list[str]] = defaultdict(list)
    for code in sorted({*owed.keys(), *(code for codes in judged.values() for code in codes)}):
        by_level[level_of(code)].append(code)
    named: list[str] = []
    levels = [level for level in Level if level in by_level]
    while levels and len(named) + len(by_level[levels[0]]) <= MOST_NAMED:
        named += by_level[levels.pop(0)]
    return Listed(tuple(sorted(named)), tuple(_sum(level, by_level[level], judged) for level in levels))


def _sum(level: Level, codes: list[str], judged: Judged) -> LevelSum:
    here = {verdict: [code for code in found if level_of(code) is level] for verdict, found in judged.items()}
    counts = verdict_counts(set(codes), here)
    return LevelSum(level, len(codes), tuple((name, count) for name, count in counts.items() if count))
