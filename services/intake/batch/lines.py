"""Cuts bytes that come in pieces into lines, pure. Never keeps more than one line of bounded length."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

from services.intake.submissions.body import Body
from services.intake.submissions.checks import Receipt

BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Line:
    """A line with its number in the file, from 1; without its end. `raw` is None for one beyond the limit, which is
    not kept. `is_open`: the file ends inside its quotes."""

    number: int
    raw: bytes | None
    is_open: bool = False


class Format(Protocol):
    """What lines are in a format. `feed` the pieces in order, then `end`; both raise WrongFields for what makes the
    whole file unreadable. Blank lines are left out."""

    @property
    def has_begun(self) -> bool:
        """Whether the lines of submissions have begun: nothing is wrong with the whole file from here on."""

    @property
    def line_number(self) -> int:
        """Of the line that stands open."""

    def feed(self, piece: bytes) -> Iterator[Line]: ...

    def end(self) -> Iterator[Line]: ...

    def read(self, line: Line, receipt: Receipt) -> Body:
        """The submission in a line that was kept. Raises WrongFields."""


class LineCutter:
    """Lines end with LF, CRLF or CR. A byte order mark before the first one is taken off."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit_bytes = limit_bytes
        self._kept: list[bytes] = []
        self._length = 0
        self._is_after_cr = False
        self.line_number = 1

    def feed(self, piece: bytes) -> Iterator[Line]:
        """The lines that end in this piece, the blank ones too. Exhaust it before the next piece, which has a byte at
        least."""
        if self._is_after_cr:
            piece = piece.removeprefix(b"\n")
        self._is_after_cr = piece.endswith(b"\r")
        for part in piece.splitlines(keepends=True):
            content = part.rstrip(b"\r\n")
            self._keep(content)
            if len(content) < len(part):
                yield self._finish()

    def end(self) -> Iterator[Line]:
        """The last line, if it has no end of its own."""
        if self._length:
            yield self._finish()

    def _keep(self, content: bytes) -> None:
        self._length += len(content)
        if self._length > self._limit_bytes:
            self._kept.clear()
        elif content:
            self._kept.append(content)

    def _finish(self) -> Line:
        raw = None if self._length > self._limit_bytes else b"".join(self._kept)
        if self.line_number == 1 and raw is not None:
            raw = raw.removeprefix(BOM)
        line = Line(self.line_number, raw)
        self._kept.clear()
        self._length = 0
        self.line_number += 1
        return line
