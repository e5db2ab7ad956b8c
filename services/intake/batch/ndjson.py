"""NDJSON, pure: a line is one JSON object."""

from __future__ import annotations

from collections.abc import Iterator

from services.intake.batch.lines import Line, LineCutter
from services.intake.submissions.body import Body
from services.intake.submissions.checks import Receipt
from services.intake.submissions.lines import read_line


class Ndjson:
    """A Format. With `kind` all lines are of that one."""

    has_begun = True

    def __init__(self, limit_bytes: int, kind: str | None = None) -> None:
        self._cutter = LineCutter(limit_bytes)
        self._kind = kind

    @property
    def line_number(self) -> int:
        return self._cutter.line_number

    def feed(self, piece: bytes) -> Iterator[Line]:
        return filter(_is_filled, self._cutter.feed(piece))

    def end(self) -> Iterator[Line]:
        return filter(_is_filled, self._cutter.end())

    def read(self, line: Line, receipt: Receipt) -> Body:
        assert line.raw is not None
        return read_line(line.raw, receipt, self._kind)


def _is_filled(line: Line) -> bool:
    return line.raw is None or not (line.raw == b"" or line.raw.isspace())
