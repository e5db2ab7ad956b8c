"""The live view: lines as things happen and, on a terminal, a status line with the scenario's time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from rich import box
from rich.console import Console
from rich.status import Status
from rich.table import Table
from rich.text import Text

from desk.demo.summary import Row
from desk.demo.texts import both, pair, text
from shared.election.roster import Roster, regency_of

ZONE = ZoneInfo("Asia/Makassar")
PLAIN_WIDTH = 140

# Mark and style by what happened.
LOOKS = {
    "note": ("·", "dim"),
    "accepted": ("✓", "green"),
    "duplicate": ("=", "green"),
    "refused": ("✗", "yellow"),
    "attendance": ("#", "bold"),
    "alert": ("!", "bold red"),
    "resolved": ("✓", "bold green"),
    "notice": ("→", "cyan"),
    "trouble": ("?", "magenta"),
}


def local(at: datetime) -> str:
    """An instant on screens: `Sen 18-11 09:30`, in East Kalimantan's zone."""
    there = at.astimezone(ZONE)
    return f"{text('weekdays', 'id').split()[there.weekday()]} {there:%d-%m %H:%M}"


def place_name(roster: Roster, code: str) -> str:
    """A region's name, for a district or a village with its regency's: `Sepaku, Kabupaten Penajam Paser Utara`."""
    regency = regency_of(code)
    return roster.name(code) if code == regency else f"{roster.name(code)}, {roster.name(regency)}"


def make_console(is_plain: bool) -> Console:
    """A console for standard output; without colours, movement and a terminal's width if it is none or `is_plain`."""
    console = Console(highlight=False)
    if is_plain or not console.is_terminal:
        return Console(highlight=False, force_terminal=False, no_color=True, width=PLAIN_WIDTH)
    return console


class Screen:
    """`now` is the scenario's time, shown before each line; None before it begins."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._status: Status | None = None
        self._waiting = ""
        self.now: datetime | None = None

    @contextmanager
    def live(self) -> Iterator[None]:
        """With a status line at the bottom while inside, on a terminal."""
        if not self._console.is_terminal:
            yield
            return
        with self._console.status("") as self._status:
            yield
        self._status = None

    def tick(self, now: datetime) -> None:
        """The scenario's time moves."""
        self.now = now
        self._refresh()

    def waits_for(self, what: str | None) -> None:
        """What is waited for, in the status line; None: nothing."""
        self._waiting = f" · {what}" if what else ""
        self._refresh()

    def _refresh(self) -> None:
        if self._status is not None and self.now is not None:
            self._status.update(Text(text("time", "id", at=local(self.now)) + self._waiting))

    def say(self, look: str, key: str, extra: str = "", **values: Any) -> None:
        """A line in both languages, `extra` (what was said, say) after it. `values` may hold a Pair."""
        indonesian, english = pair(key, **values)
        self._line(look, indonesian, english if english != indonesian else "", extra)

    def _line(self, look: str, main: str, second: str, extra: str) -> None:
        mark, style = LOOKS[look]
        line = Text(f"{local(self.now)}  " if self.now else "", "dim")
        line.append(f"{mark} {main}", style)
        if second:
            line.append(f" / {second}", "dim")
        if extra:
            line.append(f"  {extra}", "italic dim")
        is_cut = bool(extra) and self._console.is_terminal
        self._console.print(line, no_wrap=is_cut, overflow="ellipsis" if is_cut else None, soft_wrap=not is_cut)

    def note(self, message: str) -> None:
        """A message of the stack's."""
        self._line("note", message, "", "")

    def retrying(self, method: str, service: str, problem: str) -> None:
        """A service is away; `problem` says why. The call (POST or GET) is made again."""
        self.say("trouble", f"away_{method}", service=service, problem=problem)

    def end(self, key: str, **values: Any) -> None:
        """The last line: the scenario is over."""
        self.now = None
        self.say("note", key, **values)

    def plain(self, line: str) -> None:
        """A line as it is: an address, a command."""
        self._console.print(line, markup=False, soft_wrap=True)

    def table(self, claims: Sequence[Row]) -> None:
        """Expected against seen."""
        table = Table(title=both("table_title"), box=box.ROUNDED if self._console.is_terminal else box.ASCII2)
        for column in ("column_claim", "column_expected", "column_seen"):
            table.add_column(both(column), overflow="fold")
        table.add_column("")
        for row in claims:
            mark = Text("✓", "green") if row.agrees else Text("✗", "bold red")
            claim = both(row.label, about=row.about)
            table.add_row(claim, Text(row.expected), Text(row.seen, "" if row.agrees else "bold red"), mark)
        self._console.print(table)
