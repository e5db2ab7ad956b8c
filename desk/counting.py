"""How far a long piece of work has come: a bar on a terminal, else a line every few seconds. On stderr."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from desk.console import say

_EVERY_S = 5.0

Counted = Callable[[int], None]


def in_line(what: str, done: int, total: int, seconds: float) -> str:
    """`reading: 12,000 of 50,000 records, 8,000 a second, 5 s left`; `what` ends with what is counted."""
    rate = done / seconds if seconds > 0 else 0.0
    left = f"{(total - done) / rate:,.0f} s left" if rate else "nobody knows how long"
    verb, _, things = what.rpartition(" ")
    return f"{verb}: {done:,} of {total:,} {things}, {rate:,.0f} a second, {left}"


@contextmanager
def counting(what: str, total: int) -> Iterator[Counted]:
    """Yields what is to be called with how many more are done."""
    console, began = Console(stderr=True, highlight=False), time.monotonic()
    if not console.is_terminal:
        yield _by_lines(what, total, began)
        return
    rate = TextColumn("{task.fields[rate]:,.0f} a second")
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), rate, TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        task, done = bar.add_task(what, total=total, rate=0.0), 0

        def counted(more: int) -> None:
            nonlocal done
            done += more
            bar.update(task, completed=done, rate=done / max(time.monotonic() - began, 0.001))

        yield counted


def _by_lines(what: str, total: int, began: float) -> Counted:
    done, told_at = 0, began

    def counted(more: int) -> None:
        nonlocal done, told_at
        done += more
        now = time.monotonic()
        if now - told_at > _EVERY_S:
            told_at = now
            say(in_line(what, done, total, now - began))

    return counted
