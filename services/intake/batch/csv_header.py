"""The header line of a CSV file, pure: which character separates, and which columns there are.

A file that cannot be read as a whole is refused here, once, before any line is taken.
"""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass

from services.intake.batch.columns import is_known, known_columns, required_columns
from services.intake.submissions.body import WrongFields
from services.intake.submissions.lines import LINES
from shared.field_errors import FieldError
from shared.strict_text import clean_for_display

SEPARATORS = (";", ",", "\t")
# Before empty ones at the end. There are forty that we know; a line of thirty thousand takes 50 ms to be refused, and
# one of five thousand sections makes each row take 10 ms.
_MOST_COLUMNS = 200
_WHOLE_FILE = "file"  # the name of what is wrong with no column


@dataclass(frozen=True, slots=True)
class Header:
    """`columns` trimmed and in lower case, without empty ones at the end."""

    separator: str
    columns: tuple[str, ...]


def decoded(raw: bytes, field: str) -> str:
    """The text in a line of a file. Raises WrongFields for Windows-1252 and whatever else is not UTF-8."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        raise WrongFields([FieldError(field, "csv_encoding")]) from None


def no_header(kind: str | None) -> WrongFields:
    """What is wrong with a file whose first line names no column that we know."""
    return WrongFields([FieldError(_WHOLE_FILE, "csv_no_header", known=", ".join(known_columns(kind)))])


def read_header(raw: bytes, kind: str | None) -> Header:
    """The header of a file whose lines are all of this kind, or each of its own. Raises WrongFields."""
    if b"\0" in raw:  # UTF-16
        raise WrongFields([FieldError(_WHOLE_FILE, "csv_encoding")])
    text = decoded(raw, _WHOLE_FILE)
    if max(text.rstrip(f"{separator} ").count(separator) for separator in SEPARATORS) >= _MOST_COLUMNS:
        raise WrongFields([FieldError(_WHOLE_FILE, "csv_too_many_columns", most=_MOST_COLUMNS)])
    header = find_header(text, kind)
    known = known_columns(kind)
    wrong, missing = _wrong_columns(header.columns, known), _missing_columns(header.columns, kind)
    if wrong and "region" not in header.columns:  # which every kind needs: it is no header, or in another language
        raise no_header(kind)
    if wrong or missing:
        raise WrongFields(wrong + missing)
    return header


def find_header(text: str, kind: str | None) -> Header:
    """The header by the separator that makes the most known columns, good or bad."""
    known = known_columns(kind)
    return max((_split(text, separator) for separator in SEPARATORS), key=lambda header: _fit(header, known))


def _split(text: str, separator: str) -> Header:
    try:
        cells = next(csv.reader([text], delimiter=separator, strict=True))
    except (csv.Error, StopIteration):
        cells = [text]
    columns = [cell.strip().lower() for cell in cells]
    while columns and not columns[-1]:
        columns.pop()
    return Header(separator, tuple(columns))


def _fit(header: Header, known: tuple[str, ...]) -> tuple[int, int]:
    return sum(is_known(column, known) for column in header.columns), len(header.columns)


def _wrong_columns(columns: tuple[str, ...], known: tuple[str, ...]) -> list[FieldError]:
    names = ", ".join(known)
    unknown = [c for c in dict.fromkeys(columns) if not is_known(c, known)]
    twice = [c for c, count in Counter(columns).items() if count > 1]
    return [
        *(FieldError(clean_for_display(c) or _WHOLE_FILE, "csv_unknown_column", known=names) for c in unknown),
        *(FieldError(clean_for_display(c), "csv_column_twice") for c in twice if c),
    ]


def _missing_columns(columns: tuple[str, ...], kind: str | None) -> list[FieldError]:
    missing = [FieldError(c, "csv_missing_column") for c in required_columns(kind) if c not in columns]
    if kind is None and "kind" not in columns:
        missing.append(FieldError("kind", "csv_no_kind", known=", ".join(LINES)))
    return missing
