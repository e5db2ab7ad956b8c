"""CSV files of spreadsheets, pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence

from desk.submit.ids import Ids
from desk.submit.items import LONGEST_LINE, PROBLEM_FIELDS, Item, UnreadableFile, lines_of
from services.intake.batch.csv_header import Header, find_header
from services.intake.batch.csv_rows import RowCutter
from services.intake.batch.lines import BOM, Line
from services.intake.submissions.lines import kind_named

_ID, _KIND = "id", "kind"


class CsvFile:
    """A FileFormat. The rows are written anew, with the file's own separator: a column `id` in front if there is none,
    and without the columns that say why a row was refused."""

    media_type = "text/csv"
    suffix = ".csv"

    def __init__(self, kind: str | None = None) -> None:
        self._kind = kind
        self._header: Header | None = None
        self._names: list[str] = []  # the columns as they are written in the file

    def items(self, pieces: Iterable[bytes], ids: Ids) -> Iterator[Item]:
        cutter: RowCutter | None = None
        for line in lines_of(pieces):
            if cutter is not None:
                yield from self._item(cutter.feed(line), ids)
            elif line.raw and line.raw.strip():
                cutter = RowCutter(self._read_header(line.raw).separator, LONGEST_LINE)
        if cutter is None:
            raise UnreadableFile("empty")
        yield from self._item(cutter.end(), ids)

    def head(self) -> bytes:
        return self._written([name for name, _ in self._kept(self._names)], adds_id=True)

    def refused_head(self) -> bytes:
        return BOM + self._written([*PROBLEM_FIELDS, *(name for name, _ in self._kept(self._names))], end="\r\n")

    def refused(self, item: Item, problem: str) -> bytes:
        """The reasons stand in front, so that a row with too many cells runs into nothing."""
        cells = _cells(item.raw, self._separator) or [_text(item.raw)]
        kept = [cell for cell, _ in self._kept(cells)]
        return self._written([problem, str(item.number), *kept], end="\r\n")

    def _read_header(self, raw: bytes) -> Header:
        """Whether it is a good one, intake says."""
        text = _text(raw)
        if "\0" in text:
            raise UnreadableFile("utf16")
        self._header = find_header(text, self._kind)
        names = _cells(raw, self._header.separator) or list(self._header.columns)
        self._names = names[: len(self._header.columns)]
        return self._header

    @property
    def _separator(self) -> str:
        assert self._header is not None, "items() first"
        return self._header.separator

    @property
    def _columns(self) -> Sequence[str]:
        assert self._header is not None, "items() first"
        return self._header.columns

    def _item(self, row: Line | None, ids: Ids) -> Iterator[Item]:
        if row is None:
            return
        if row.raw is None:
            raise UnreadableFile("long_line", number=row.number)
        cells = None if row.is_open else _cells(row.raw, self._separator)
        if cells is None or not _is_utf8(row.raw):
            yield Item(row.number, row.raw, row.raw)  # intake says what is wrong with it
        elif any(cell.strip() for cell, _ in self._kept(cells)):
            yield Item(row.number, row.raw, self._wire(cells, ids))

    def _wire(self, cells: Sequence[str], ids: Ids) -> bytes:
        kept = self._kept(cells)
        named = {column: cell.strip() for cell, column in kept if column and cell.strip()}
        own_id = named.pop(_ID, "")
        kind = kind_named(named.get(_KIND, "").lower()) or self._kind
        if not own_id and kind != "withdrawal":  # of which intake makes the same id for every try
            own_id = ids.of({**named, _KIND: kind})
        row = [own_id if column == _ID else cell for cell, column in kept]
        return self._written(row, adds_id=True, own_id=own_id, end="")

    def _kept(self, cells: Sequence[str]) -> list[tuple[str, str]]:
        """The cells with their columns, but for those that say why the row was refused. A row may be short, but has
        a cell for its id; cells beyond the columns have none."""
        padded = [*cells, *[""] * (len(self._columns) - len(cells))]
        columns = [*self._columns, *[""] * (len(padded) - len(self._columns))]
        return [(cell, column) for cell, column in zip(padded, columns, strict=True) if column not in PROBLEM_FIELDS]

    def _written(self, cells: Sequence[str], *, adds_id: bool = False, own_id: str = _ID, end: str = "\n") -> bytes:
        row = [own_id, *cells] if adds_id and _ID not in self._columns else cells
        out = io.StringIO(newline="")
        csv.writer(out, delimiter=self._separator, lineterminator=end).writerow(row)
        return out.getvalue().encode()


def _is_utf8(raw: bytes) -> bool:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _text(raw: bytes) -> str:
    """What a spreadsheet that does not write UTF-8 writes instead: so a refused row can be mended where it stands."""
    return raw.decode("utf-8") if _is_utf8(raw) else raw.decode("cp1252", "replace")


def _cells(raw: bytes, separator: str) -> list[str] | None:
    """None where quotes are misplaced."""
    try:
        return next(csv.reader([_text(raw)], delimiter=separator, strict=True), [])
    except csv.Error:
        return None
