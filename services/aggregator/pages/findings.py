"""What was found for the front page or a province's, and the overview that it makes. Pure: the same findings make the
same overview, so that it is drawn once for all who look (`drawn.py`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from services.aggregator.pages.history import Incident
from services.aggregator.pages.overview import Board, Supplies, board_of, row_of, supplies_of
from services.aggregator.pages.telling import Teller
from services.aggregator.pages.words import Words
from services.aggregator.periods import periods
from services.aggregator.periods.levels import LevelSum
from services.aggregator.periods.periods import Facts
from services.aggregator.rollups.flags import Flag
from services.aggregator.rollups.stocks import Stocks
from shared.election.calendar import Calendar
from shared.election.config import Level
from shared.election.roster import level_of
from shared.mongo import Raw, decoded

Document = Mapping[str, Any]
Flags = Mapping[str, tuple[Flag, ...]]  # by region
OpenCounts = Mapping[str, tuple[int, int]]  # by region, how many are open and how many of these are quiet


@dataclass(frozen=True, slots=True)
class Named:
    """The regions of a board: those that it names, down to which level, with their verdicts as they came; the levels
    that it only counts; and whose logistics count: by the line they must have everything."""

    codes: tuple[str, ...]
    deepest: Level
    attendance: Sequence[Raw]
    sums: tuple[LevelSum, ...]
    regencies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Stated:
    """On logistics, of what counts now."""

    by_region: Mapping[str, Stocks]
    by_item: Mapping[str, Stocks]


@dataclass(frozen=True, slots=True)
class Findings:
    """Of a region and everything below it, of everything if `within` is None, at an instant. Documents are as they
    came: they are compared with what was found before, and taken apart only if they differ."""

    at: datetime
    period: date | None
    within: str | None
    named: Named
    facts: Facts
    open_counts: OpenCounts
    stated: Stated
    flags: Flags
    violations: Sequence[Raw]


@dataclass(frozen=True, slots=True)
class Violations:
    """The open ones: the first of them, and how many there are in all."""

    shown: tuple[Incident, ...]
    count: int
    quiet: int


@dataclass(frozen=True, slots=True)
class Overview:
    """Of a province, or of everything; without a board if no period is judged."""

    board: Board | None
    violations: Violations
    supplies: Supplies


def overview_of(words: Words, calendar: Calendar, found: Findings) -> Overview:
    regencies = found.named.regencies
    clock_of = regencies[0] if regencies else found.within or ""
    return Overview(
        _board(words, calendar, found.period, found) if found.period else None,
        _violations(words, calendar, found),
        supplies_of(words, calendar, clock_of, found.stated.by_item, regencies, found.at),
    )


def _board(words: Words, calendar: Calendar, period: date, found: Findings) -> Board:
    rows = [
        row_of(
            words,
            calendar,
            row,
            found.open_counts.get(row["region"], (0, 0)),
            found.stated.by_region.get(row["region"], Stocks()),
            found.flags.get(row["region"], ()),
        )
        for row in _rows(calendar, period, found)
    ]
    return board_of(words, calendar, period, rows, found.at, found.named.sums)


def _rows(calendar: Calendar, period: date, found: Findings) -> Sequence[Document]:
    """Items of `/v1/periods/{period}`, of the regions that are named."""
    if not found.named.codes:
        return []
    owed = calendar.owing(period)
    owing = {code: owed[code] for code in found.named.codes if code in owed}
    return periods.items(calendar, owing, map(decoded, found.named.attendance), found.facts)


def _violations(words: Words, calendar: Calendar, found: Findings) -> Violations:
    teller = Teller(words, calendar, found.at)
    counts = [count for code, count in found.open_counts.items() if level_of(code) is Level.PROVINCE]
    return Violations(
        tuple(map(teller.incident, map(decoded, found.violations))),
        sum(n for n, _ in counts),
        sum(quiet for _, quiet in counts),
    )
