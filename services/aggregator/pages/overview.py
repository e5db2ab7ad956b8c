"""What the front page and a province's page show of one period, as values for the templates. Pure.

A *board* lists the regions that owe the period's report; those of several provinces are summed up by province. Who has
reported is a fact: a report is in force. The verdict beside it is the notifier's.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Any

from services.aggregator.pages.words import Words
from services.aggregator.periods import periods
from services.aggregator.periods.levels import LevelSum
from services.aggregator.rollups.flags import Flag, said
from services.aggregator.rollups.stocks import Stocks, total
from shared.election.calendar import Calendar, covers
from shared.election.config import Level
from shared.election.logistics_line import line_of
from shared.election.needed_items import needed_items
from shared.election.roster import ancestors_and_self, level_of, province_of
from shared.events.verdict import Verdict

Document = Mapping[str, Any]

# Who has one of these owes nothing any more, whatever became of their reports.
_SETTLED = (Verdict.ON_TIME, Verdict.LATE, Verdict.EXCUSED)
# Reasons that say once more what the verdict says.
_SAID_BY_THE_VERDICT = (
    None,
    periods.NOT_JUDGED,
    "received_in_time",
    "received_late",
    "nothing_received",
    "log_not_read",
)


@dataclass(frozen=True, slots=True)
class Row:
    """One region. `reason` is the verdict's, empty where it adds nothing to it. `first` is when its first report for
    the period was received; `open` and `quiet` count open violations, those of the quiet period among them."""

    code: str
    name: str
    verdict: str
    reason: str
    due_at: datetime | None
    has_reported: bool
    first: str
    condition: str | None
    open: int
    quiet: int
    stocks: Stocks
    needed: int  # items that it must have
    flags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """A province, or whatever else is summed up in one line."""

    code: str
    name: str
    rows: tuple[Row, ...]

    @property
    def reported(self) -> int:
        return sum(row.has_reported for row in self.rows)

    @property
    def silent(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if is_silent(row))

    @property
    def open(self) -> int:
        return sum(row.open for row in self._uppermost)

    @property
    def quiet(self) -> int:
        return sum(row.quiet for row in self._uppermost)

    @property
    def _uppermost(self) -> Iterator[Row]:
        """Those that no other row has counted in."""
        codes = {row.code for row in self.rows}
        return (row for row in self.rows if codes.isdisjoint(list(ancestors_and_self(row.code))[1:]))

    @property
    def flagged(self) -> int:
        return sum(bool(row.flags) for row in self.rows)

    @property
    def holders(self) -> tuple[Row, ...]:
        """Whose logistics count: the regencies and cities."""
        return tuple(row for row in self.rows if level_of(row.code) is Level.REGENCY)

    @property
    def stocks(self) -> Stocks:
        return total(row.stocks for row in self.holders)

    @property
    def needed(self) -> int:
        """How many items they must have, taken together."""
        return sum(row.needed for row in self.holders)


@dataclass(frozen=True, slots=True)
class Board:
    """`counts` is how often each verdict holds; `due` by when the report is due, in words; `sums` are of the levels
    whose regions are not named."""

    period: date
    due: str
    is_due: bool
    all: Group
    groups: tuple[Group, ...]
    counts: tuple[tuple[str, int], ...]
    sums: tuple[LevelSum, ...] = ()

    @property
    def is_judged(self) -> bool:
        """Whether somebody owed a report."""
        return bool(self.all.rows or self.sums)


@dataclass(frozen=True, slots=True)
class Item:
    """One item of logistics over the board's regions; `silent` of them have said nothing of it."""

    label: str
    stocks: Stocks
    regions: int

    @property
    def silent(self) -> int:
        return self.regions - self.stocks.stated


@dataclass(frozen=True, slots=True)
class Supplies:
    """`left` until the line, in words; None once it has passed."""

    items: tuple[Item, ...]
    line: str
    left: str | None
    expected: int  # how many statements there are when every region has spoken of each of them
    stated: int
    complete: int


def is_silent(row: Row) -> bool:
    return not row.has_reported and row.verdict not in _SETTLED


def row_of(
    words: Words,
    calendar: Calendar,
    attended: Document,
    open_counts: tuple[int, int],
    stocks: Stocks,
    flagged: Iterable[Flag] = (),
) -> Row:
    """Out of an item of `/v1/periods/{period}`."""
    facts = attended["facts"]
    zone = calendar.zone(attended["region"])
    verdict = attended["verdict"] or Verdict.PENDING.value
    return Row(
        code=attended["region"],
        name=attended["name"],
        verdict=verdict,
        reason="" if attended["reason"] in _SAID_BY_THE_VERDICT else words.reason(attended),
        due_at=attended["due_at"],
        has_reported=facts is not None,
        first=words.short_moment(facts["first"]["received_at"], zone) if facts else "",
        condition=facts["latest"]["condition"] if facts else None,
        open=open_counts[0],
        quiet=open_counts[1],
        stocks=stocks,
        needed=len(needed_items(calendar, attended["region"])),
        flags=tuple(said(flag, words.language) for flag in flagged),
    )


def board_of(
    words: Words,
    calendar: Calendar,
    period: date,
    rows: Sequence[Row],
    now: datetime,
    sums: Sequence[LevelSum] = (),
) -> Board:
    """The rows in the order of their codes."""
    by_province = groupby(rows, key=lambda row: province_of(row.code))
    groups = tuple(Group(code, calendar.roster.name(code), tuple(found)) for code, found in by_province)
    found = [row.verdict for row in rows]
    due = {row.due_at: row.code for row in rows if row.due_at}
    last = max(due, default=None)
    return Board(
        period=period,
        due=words.moment(last, calendar.zone(due[last])) if last else "",
        is_due=last is not None and now >= last,
        all=Group("", "", tuple(rows)),
        groups=groups if len(groups) > 1 else (),
        counts=tuple((verdict.value, found.count(verdict.value)) for verdict in Verdict if verdict.value in found),
        sums=tuple(sums),
    )


def supplies_of(
    words: Words, calendar: Calendar, code: str, by_item: Mapping[str, Stocks], codes: Sequence[str], now: datetime
) -> Supplies:
    """Of the regions `codes`; `code` is one whose line and clock are shown."""
    line = line_of(calendar, code, now)
    known = calendar.election.logistics.items
    items = [
        Item(item.label.said_in(words.language), by_item.get(slug, Stocks()), sum(covers(item, c) for c in codes))
        for slug, item in known.items()
    ]
    needed = list(items)
    items += [Item(slug, stocks, len(codes)) for slug, stocks in sorted(by_item.items()) if slug not in known]
    return Supplies(
        items=tuple(items),
        line=words.moment(line.at, calendar.zone(code)),
        left=words.span(line.left(now)) if now < line.at else None,
        expected=sum(item.regions for item in needed),
        stated=sum(item.stocks.stated for item in needed),
        complete=sum(item.stocks.complete for item in needed),
    )
