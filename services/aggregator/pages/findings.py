"""What was found for the front page or a province's, and the overview that it makes. Pure: the same findings make the
same overview, so that it is drawn once for all who look (`drawn.py`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from services.aggregator.flags import Flag
from services.aggregator.levels import LevelSum
from services.aggregator.pages.history import Incident
from services.aggregator.pages.overview import Board, Supplies, board_of, row_of, supplies_of
from services.aggregator.pages.telling import Teller
from services.aggregator.pages.words import Words
from services.aggregator.stocks import Stocks
from shared.election.calendar import Calendar
from shared.election.config import Level
from shared.election.roster import level_of

Document = Mapping[str, Any]
OpenCounts = Mapping[str, tuple[int, int]]  # by region, how many are open and how many of these are quiet


@dataclass(frozen=True, slots=True)
class Findings:
    """Of a region and everything below it, of everything if `within` is None, at an instant. `rows` are items of
    `/v1/periods/{period}`, `sums` the levels that are not named; `regencies` are those whose logistics count."""

    at: datetime
    period: date | None
    within: str | None
    regencies: Sequence[str]
    sums: Sequence[LevelSum]
    rows: Sequence[Document]
    flags: Mapping[str, tuple[Flag, ...]]
    open_counts: OpenCounts
    stocks_by_region: Mapping[str, Stocks]
    stocks_by_item: Mapping[str, Stocks]
    violations: Sequence[Document]


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
    clock_of = found.regencies[0] if found.regencies else found.within or ""
    return Overview(
        _board(words, calendar, found.period, found) if found.period else None,
        _violations(words, calendar, found),
        supplies_of(words, calendar, clock_of, found.stocks_by_item, found.regencies, found.at),
    )


def _board(words: Words, calendar: Calendar, period: date, found: Findings) -> Board:
    rows = [
        row_of(
            words,
            calendar,
            row,
            found.open_counts.get(row["region"], (0, 0)),
            found.stocks_by_region.get(row["region"], Stocks()),
            found.flags.get(row["region"], ()),
        )
        for row in found.rows
    ]
    return board_of(words, calendar, period, rows, found.at, found.sums)


def _violations(words: Words, calendar: Calendar, found: Findings) -> Violations:
    teller = Teller(words, calendar, found.at)
    counts = [count for code, count in found.open_counts.items() if level_of(code) is Level.PROVINCE]
    return Violations(
        tuple(map(teller.incident, found.violations)), sum(n for n, _ in counts), sum(quiet for _, quiet in counts)
    )
