"""The columns of a spreadsheet and what stands in their cells, pure: a row becomes the fields of a line of JSON.

Only what a spreadsheet does to a value is undone here; whether it is right, the same models say for CSV as for JSON.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from services.intake.submissions.lines import LINES, kind_named
from shared.field_errors import FieldError
from shared.strict import SLUG

TOPIC = "topics."  # `topics.logistics` is the section `logistics`
_EVIDENCE = {"evidence_url": "url", "evidence_sha256": "sha256"}
_SECTIONS = ("logistics", "security", "voters", "neutrality")  # those a template offers; any other is taken too

# Fields that take several columns.
_COLUMNS_OF: Mapping[str, tuple[str, ...]] = {
    "topics": tuple(TOPIC + section for section in _SECTIONS),
    "evidence": tuple(_EVIDENCE),
}


def _columns_of(kind: str) -> tuple[str, ...]:
    fields = [name for name in LINES[kind].model_fields if name != "kind"]
    return ("kind", *(column for field in fields for column in _COLUMNS_OF.get(field, (field,))))


COLUMNS: Mapping[str, tuple[str, ...]] = {kind: _columns_of(kind) for kind in LINES}


def known_columns(kind: str | None) -> tuple[str, ...]:
    """The columns of a file of this kind, or of all kinds."""
    chosen = [COLUMNS[kind]] if kind is not None else list(COLUMNS.values())
    return tuple(dict.fromkeys(column for columns in chosen for column in columns))


def required_columns(kind: str | None) -> tuple[str, ...]:
    """The columns without which no row of this kind, or of any kind, can be right."""
    chosen = [LINES[kind]] if kind is not None else list(LINES.values())
    required = [{name for name, field in line.model_fields.items() if field.is_required()} for line in chosen]
    return tuple(c for c in known_columns(kind) if c != "kind" and all(c in names for names in required))


def is_known(column: str, known: Iterable[str]) -> bool:
    """Whether a column is one of the known; any section is, where sections are."""
    known = tuple(known)
    is_section = column.startswith(TOPIC) and re.fullmatch(SLUG, column.removeprefix(TOPIC))
    return column in known or bool(is_section and _COLUMNS_OF["topics"][0] in known)


class _BadCell(ValueError):
    """The message is a reason, a key of problems.yaml."""


def _word(cell: str) -> str:
    return cell.lower()


def _region(cell: str) -> str:
    """Statistics and spreadsheets leave the dots out: `647201` is 64.72.01."""
    if not re.fullmatch(r"[0-9]{4}|[0-9]{6}|[0-9]{10}", cell):
        return cell
    return ".".join(filter(None, (cell[:2], cell[2:4], cell[4:6], cell[6:])))


def _day(cell: str) -> str:
    """Day, month, year, as Indonesia writes them and a spreadsheet makes of 2024-11-18."""
    found = re.fullmatch(r"([0-9]{1,2})[/.-]([0-9]{1,2})[/.-]([0-9]{4})", cell)
    return f"{found[3]}-{found[2]:0>2}-{found[1]:0>2}" if found else cell


_TIME = re.compile(
    r"(?P<day>[0-9/.-]{8,10})[Tt ] *(?P<hour>[0-9]{1,2})[:.](?P<minute>[0-9]{2})([:.](?P<second>[0-9]{2}))?"
    r" *(?P<zone>[Zz]|[+-][0-9]{2}:[0-9]{2}|WIB|WITA|WIT)?",
    re.IGNORECASE,
)
_ZONES = {"WIB": "+07:00", "WITA": "+08:00", "WIT": "+09:00"}  # by law, without daylight saving


def _time(cell: str) -> str:
    """`18/11/2024 20.15 WITA`. Without a zone it stays without one: nobody can know."""
    found = _TIME.fullmatch(cell)
    if found is None:
        return cell
    zone = (found["zone"] or "").upper()
    hour, second = f"{found['hour']:0>2}", found["second"] or "00"
    return f"{_day(found['day'])}T{hour}:{found['minute']}:{second}{_ZONES.get(zone, zone)}"


def _whole(cell: str) -> int:
    """`1.214` is twelve hundred in Samarinda and one and a bit in London: nobody shall guess."""
    if not re.fullmatch(r"-?[0-9]{1,15}", cell):
        raise _BadCell("csv_whole")
    return int(cell)


_CELLS: Mapping[str, Callable[[str], Any]] = {
    "kind": _word,
    "region": _region,
    "condition": _word,
    "category": _word,
    "severity": _word,
    "status": _word,
    "item": _word,
    "period": _day,
    "occurred_at": _time,
    "as_of": _time,
    "submitted_at": _time,
    "required": _whole,
    "received": _whole,
}


def fields_in(
    columns: Sequence[str], cells: Sequence[str], kind: str | None
) -> tuple[dict[str, Any], list[FieldError]]:
    """The fields of a row, and the cells that make none, by their column. An empty cell is an absent field; a row may
    be short. `kind` is that of all rows; without it each row says its own."""
    filled = {c: text for c, cell in zip(columns, cells, strict=False) if (text := cell.strip())}
    wrong = [FieldError(c, "csv_other_kind") for c in _of_other_kinds(filled, kind)]
    for error in wrong:
        del filled[error.field]
    fields: dict[str, Any] = {}
    evidence = {name: filled.pop(column) for column, name in _EVIDENCE.items() if column in filled}
    for column, cell in filled.items():
        if column.startswith(TOPIC):
            fields.setdefault("topics", {})[column.removeprefix(TOPIC)] = cell
        else:
            try:
                fields[column] = _CELLS.get(column, str)(cell)
            except _BadCell as error:
                fields[column] = cell
                wrong.append(FieldError(column, str(error)))
    return {**fields, **({"evidence": [evidence]} if evidence else {})}, wrong


def _of_other_kinds(filled: Mapping[str, str], kind: str | None) -> list[str]:
    own = kind or kind_named(filled.get("kind", "").lower())
    return [column for column in filled if own is not None and not is_known(column, COLUMNS[own])]


def column_of(field: str) -> str:
    """The column that a wrong field came from: `evidence.0.url` from `evidence_url`."""
    part = field.removeprefix("evidence.0.")
    return next((column for column, name in _EVIDENCE.items() if part != field and name == part), field)
