"""What a person sees of a sending: a bar on a terminal, else a line now and then. On stderr; the summary on stdout."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from desk.submit.progress_file import Progress as Sent
from shared.texts import Language, text

_EVERY_S = 5.0


class Screen:
    """`total` items in all, `done` of them in an earlier run."""

    def __init__(self, language: Language, total: int) -> None:
        self._language, self._total = language, total
        self._console = Console(stderr=True, highlight=False)
        self._bar: Progress | None = None
        self._done = 0
        self._told_at = time.monotonic()

    def say(self, key: str, **values: object) -> None:
        """A message. A reader that has gone away stops nothing."""
        with suppress(OSError):
            self._console.print(self._text(key, **values), markup=False, soft_wrap=True)

    @contextmanager
    def counting(self, done: int) -> Iterator[None]:
        """With a bar while inside, on a terminal."""
        self._done = done
        if not self._console.is_terminal:
            yield
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=self._console) as self._bar:
            self._bar.add_task(self._text("sending"), total=self._total, completed=done)
            yield
        self._bar = None

    def count_one(self) -> None:
        self._done += 1
        if self._bar is not None:
            self._bar.advance(self._bar.task_ids[0])
        elif time.monotonic() - self._told_at > _EVERY_S:
            self._told_at = time.monotonic()
            self.say("so_far", done=self._done, total=self._total)

    def _text(self, key: str, **values: object) -> str:
        return text("submit", key, self._language, **values)


def summary(sent: Sent, language: Language, is_dry_run: bool) -> str:
    """What became of the file, in lines."""
    refused = sum(sent.refused.values())
    lines = [text("submit", "accepted_dry" if is_dry_run else "accepted", language, count=sent.accepted)]
    if sent.duplicates:
        lines.append(text("submit", "duplicates", language, count=sent.duplicates))
    lines.append(text("submit", "refused", language, count=refused))
    by_count = sorted(sent.refused.items(), key=lambda one: -one[1])
    lines += [f"  {count}  {reason}" for reason, count in by_count]
    if refused:
        lines.append(text("submit", "refused_file", language, path=sent.refused_file))
    return "\n".join(lines)
