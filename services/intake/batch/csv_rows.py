"""CSV as spreadsheets write it, pure: separator `;`, `,` or tab, quoted cells with line breaks, a header line."""

from __future__ import annotations

import csv
from collections.abc import Iterator

import orjson

from services.intake.batch.columns import column_of, fields_in
from services.intake.batch.csv_header import Header, decoded, no_header, read_header
from services.intake.batch.lines import Line, LineCutter
from services.intake.submissions.body import Body, WrongFields
from services.intake.submissions.checks import Receipt
from services.intake.submissions.lines import read_line
from shared.field_errors import FieldError

_ROW = "body"  # the name of what is wrong with no single column, as with JSON


class RowCutter:
    """Cuts lines into rows: a line that ends inside quotes goes on in the next one. A quote opens a cell only at its
    beginning, as in the csv module, and doubled ones are a quote; a row beyond the limit is not kept."""

    def __init__(self, separator: str, limit_bytes: int) -> None:
        self._opening = (separator + '"').encode()
        self._limit_bytes = limit_bytes
        self._parts: list[bytes] = []
        self._length = 0
        self._first_number = 0
        self._is_open = False

    def feed(self, line: Line) -> Line | None:
        """The row that ends with this line, if one does. Line breaks in it are LF."""
        if not self._is_open:
            self._first_number, self._length = line.number, 0
            self._parts.clear()
        self._keep(line.raw)
        # What is inside a line beyond the limit nobody knows: it ends where it ends.
        self._is_open = line.raw is not None and self._opens(line.raw)
        return None if self._is_open else self._row()

    @property
    def open_since(self) -> int | None:
        """The number of the line in which the row begins that is not ended; None between rows."""
        return self._first_number if self._is_open else None

    def end(self) -> Line | None:
        """The row that the file's end has cut off inside quotes."""
        return self._row() if self._is_open else None

    def _row(self) -> Line:
        is_kept = self._length <= self._limit_bytes
        return Line(self._first_number, b"\n".join(self._parts) if is_kept else None, self._is_open)

    def _keep(self, raw: bytes | None) -> None:
        self._length += self._limit_bytes + 1 if raw is None else len(raw) + bool(self._parts)
        if raw is None or self._length > self._limit_bytes:
            self._parts.clear()
        else:
            self._parts.append(raw)

    def _opens(self, raw: bytes) -> bool:
        """Whether the line leaves quotes open. Linear: the work of a long cell is done once."""
        is_open, at = self._is_open, 0
        if not is_open and raw.startswith(b'"'):
            is_open, at = True, 1
        while True:
            if is_open:
                at = raw.find(b'"', at)
                if at < 0:
                    return True
                if raw.startswith(b'""', at):
                    at += 2
                    continue
                is_open = False
            at = raw.find(self._opening, at)
            if at < 0:
                return False
            is_open, at = True, at + len(self._opening)


class CsvRows:
    """A Format. With `kind` all rows are of that one, and a column `kind` is not needed."""

    def __init__(self, limit_bytes: int, kind: str | None = None) -> None:
        self._lines = LineCutter(limit_bytes)
        self._limit_bytes = limit_bytes
        self._kind = kind
        self._header: Header | None = None
        self._rows: RowCutter | None = None

    @property
    def header(self) -> Header:
        assert self._header is not None
        return self._header

    @property
    def has_begun(self) -> bool:
        return self._header is not None

    @property
    def line_number(self) -> int:
        return (self._rows and self._rows.open_since) or self._lines.line_number

    def feed(self, piece: bytes) -> Iterator[Line]:
        """The rows that end in this piece. Raises WrongFields for a header that cannot be read."""
        return self._rows_of(self._lines.feed(piece))

    def end(self) -> Iterator[Line]:
        """The last rows. Raises WrongFields for a file without a header."""
        yield from self._rows_of(self._lines.end())
        if self._rows is None:
            raise no_header(self._kind)
        if (row := self._rows.end()) is not None:
            yield row

    def _rows_of(self, lines: Iterator[Line]) -> Iterator[Line]:
        for line in lines:
            if self._rows is not None:
                row = self._rows.feed(line)
                if row is not None and not self._is_blank(row):
                    yield row
            elif line.raw is None:
                raise no_header(self._kind)
            elif line.raw.strip():
                self._header = read_header(line.raw, self._kind)
                self._rows = RowCutter(self._header.separator, self._limit_bytes)

    def _is_blank(self, row: Line) -> bool:
        """Spreadsheets write rows of nothing but separators below the last one that was ever touched."""
        return row.raw is not None and not row.raw.strip(b' \t\n"' + self.header.separator.encode())

    def read(self, line: Line, receipt: Receipt) -> Body:
        """The submission in a row; what is wrong is named by its column. Raises WrongFields."""
        if line.is_open:
            raise WrongFields([FieldError(_ROW, "csv_open")])
        assert line.raw is not None
        fields, wrong = fields_in(self.header.columns, self.cells(line.raw), self._kind)
        try:
            body = read_line(orjson.dumps(fields), receipt, self._kind)
        except WrongFields as error:
            said = {e.field for e in wrong}
            raise WrongFields(wrong + [_of_column(e) for e in error.errors if e.field not in said]) from None
        if wrong:
            raise WrongFields(wrong)
        return body

    def cells(self, raw: bytes) -> list[str]:
        """A row's cells. Raises WrongFields."""
        text = decoded(raw, _ROW)
        try:
            cells = next(csv.reader([text], delimiter=self.header.separator, strict=True))
        except csv.Error:
            raise WrongFields([FieldError(_ROW, "csv_quotes")]) from None
        columns = len(self.header.columns)
        if any(cell.strip() for cell in cells[columns:]):
            raise WrongFields([FieldError(_ROW, "csv_cells", found=len(cells), columns=columns)])
        return cells


def _of_column(error: FieldError) -> FieldError:
    return FieldError(column_of(error.field), error.reason, **error.values)
