"""CSV as people's spreadsheets write it: separators, quotes, encodings, columns, cells."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.batch.columns import COLUMNS, fields_in, known_columns
from services.intake.batch.csv_rows import CsvRows, RowCutter
from services.intake.batch.lines import BOM, Line, LineCutter
from services.intake.batch.templates import SEPARATORS, template
from services.intake.submissions import KINDS
from services.intake.submissions.body import Body, WrongFields
from services.intake.submissions.checks import Receipt
from services.intake.submissions.incident import IncidentBody
from services.intake.submissions.logistics import LogisticsBody
from services.intake.submissions.report import ReportBody
from shared.election.loaded import load_calendar
from shared.texts import catalogue

KALTIM = Path(__file__).resolve().parents[2] / "deploy" / "elections" / "kaltim-2024.yaml"
RECEIPT = Receipt(load_calendar(KALTIM, None, None), datetime(2024, 11, 25, 4, tzinfo=UTC))
LIMIT = 8_192
ROW = "report;64.72;normal;Aman."
HEADER = "kind;region;condition;summary"


def open_csv(content: str | bytes, kind: str | None = None) -> tuple[CsvRows, list[Line]]:
    raw = content if isinstance(content, bytes) else content.encode()
    rows = CsvRows(LIMIT, kind)
    return rows, [*rows.feed(raw), *rows.end()]


def bodies(content: str | bytes, kind: str | None = None) -> list[Body]:
    rows, lines = open_csv(content, kind)
    return [rows.read(line, RECEIPT) for line in lines]


def whole_file(content: str | bytes, kind: str | None = None) -> dict[str, str]:
    """What is wrong with the file as a whole: column -> reason."""
    with pytest.raises(WrongFields) as caught:
        open_csv(content, kind)
    return named(caught.value)


def wrong(content: str | bytes, kind: str | None = None) -> dict[str, str]:
    """What is wrong with the only row: column -> reason."""
    rows, (line,) = open_csv(content, kind)
    with pytest.raises(WrongFields) as caught:
        rows.read(line, RECEIPT)
    return named(caught.value)


def named(error: WrongFields) -> dict[str, str]:
    assert all(one.reason in catalogue("problems") for one in error.errors)
    assert all(one.to_json("id")["problem"] for one in error.errors)
    return {one.field: one.reason for one in error.errors}


def of_one(**cells: str) -> str:
    return f"{';'.join(cells)}\n{';'.join(cells.values())}\n"


@pytest.mark.parametrize("separator", [";", ",", "\t"])
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
@pytest.mark.parametrize("bom", [b"", BOM])
def test_what_spreadsheets_write(separator: str, end: str, bom: bytes) -> None:
    """Indonesian and English Excel, LibreOffice and old Macs: the header line tells the separator."""
    cells = [HEADER.split(";"), ["report", "64.72", "normal", f'"Aman{separator} dan ""kondusif"".{end}Baris dua."']]
    content = end.join(separator.join(row) for row in [*cells, ["report", "64.71", "critical", "Banjir"], [""] * 4])
    first, second = bodies(bom + content.encode())
    assert isinstance(first, ReportBody)
    assert isinstance(second, ReportBody)
    assert first.summary == f'Aman{separator} dan "kondusif".\nBaris dua.'
    assert (second.region, second.condition) == ("64.71", "critical")


def test_names_of_columns_may_be_written_anyhow() -> None:
    """Case and spaces around a name are no difference; empty columns at the end are none."""
    (body,) = bodies(f" Kind ;REGION; Condition;summary;;{'; ' * 1_000}\n Report ; 64.72 ;Normal; Aman. ;;\n")
    assert isinstance(body, ReportBody)
    assert (body.region, body.condition, body.summary) == ("64.72", "normal", "Aman.")


def test_an_empty_cell_is_an_absent_field_and_a_row_may_be_short() -> None:
    """Spreadsheets leave separators at a row's end out, or write too many of them."""
    header = HEADER + ";period;source_office"
    for row in (ROW, ROW + ";;", ROW + "; ;;;;"):
        (body,) = bodies(f"{header}\n{row}\n")
        assert isinstance(body, ReportBody)
        assert (body.period, body.source_office) == (None, None)


def test_lines_are_numbered_as_an_editor_shows_them() -> None:
    """A row's number is that of the line in which it begins; the header is a line too."""
    _, lines = open_csv(f'\n{HEADER}\n{ROW}\n\n;;;\nreport;64.72;normal;"a\n\nb"\n{ROW}')
    assert [line.number for line in lines] == [3, 6, 9]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", {"file": "csv_no_header"}),
        ("\n\n", {"file": "csv_no_header"}),
        ("x" * (LIMIT + 1), {"file": "csv_no_header"}),
        (ROW, {"file": "csv_no_header"}),
        (HEADER + ";wilayah\n", {"wilayah": "csv_unknown_column"}),
        (HEADER + ";x;y;x\n", {"x": "csv_column_twice", "y": "csv_unknown_column"}),
        (HEADER + ";Region\n", {"region": "csv_column_twice"}),
        ("wilayah;kondisi;ringkasan\n", {"file": "csv_no_header"}),
        ("kind;condition;summary\n", {"region": "csv_missing_column"}),
        ("kind;;region", {"file": "csv_unknown_column"}),
        (HEADER + "".join(f";topics.s{n}" for n in range(200)), {"file": "csv_too_many_columns"}),
        ("a," * 2_000, {"file": "csv_too_many_columns"}),
        ("kind;region;topics.", {"topics.": "csv_unknown_column"}),
        ("region;condition;summary", {"kind": "csv_no_kind"}),
        ("kind;região".encode("cp1252"), {"file": "csv_encoding"}),
        (HEADER.encode("utf-16"), {"file": "csv_encoding"}),
        (HEADER.encode("utf-16-le"), {"file": "csv_encoding"}),
        (HEADER.encode("utf-16-be"), {"file": "csv_encoding"}),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_once(content: str | bytes, said: dict[str, str]) -> None:
    """Not ten thousand times: before any line is taken."""
    assert whole_file(content) == said


def test_with_one_kind_for_all_its_columns_are_known_and_needed() -> None:
    """`?kind=logistics`: no column `kind` is needed, and none of another kind is known."""
    header = "region;item;required;received;as_of"
    (body,) = bodies(f"{header}\n64.11;ink;10;10;2024-11-24T16:00:00+08:00", "logistics")
    assert isinstance(body, LogisticsBody)
    assert whole_file("region;item;required;summary", "logistics") == {
        "summary": "csv_unknown_column",
        "received": "csv_missing_column",
        "as_of": "csv_missing_column",
    }


@pytest.mark.parametrize(
    ("cell", "period"),
    [
        ("2024-11-18", "2024-11-18"),
        ("18/11/2024", "2024-11-18"),
        ("18-11-2024", "2024-11-18"),
        ("4/11/2024", "2024-11-04"),  # 4 November, not the 11th of April
        ("04.11.2024", "2024-11-04"),
    ],
)
def test_dates_as_spreadsheets_show_them(cell: str, period: str) -> None:
    """Day, month, year: what Excel makes of a date in Indonesia."""
    (body,) = bodies(f"{HEADER};period\n{ROW};{cell}\n")
    assert isinstance(body, ReportBody)
    assert str(body.period) == period


@pytest.mark.parametrize(
    "cell",
    [
        "2024-11-18T20:15:00+08:00",
        "2024-11-18 20:15+08:00",
        "18/11/2024 20:15 +08:00",
        "18/11/2024 20:15:00+08:00",
        "18/11/2024 20.15 WITA",
        "18-11-2024 19:15 wib",
        "18/11/2024 21:15 WIT",
        "18/11/2024 12:15Z",
    ],
)
def test_times_as_spreadsheets_show_them(cell: str) -> None:
    """With the day first, without seconds, with the name of an Indonesian zone: all of it is one instant."""
    (body,) = bodies(f"{HEADER};submitted_at\n{ROW};{cell}\n")
    assert isinstance(body, ReportBody)
    assert body.submitted_at == datetime(2024, 11, 18, 12, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("period", "11/18/2024", "date_syntax"),  # an American spreadsheet's
        ("period", "18/11/24", "date_syntax"),
        ("period", "45614", "date_syntax"),  # a date as a number
        ("period", "19/11/2024", "period_weekday"),
        ("submitted_at", "18/11/2024 20:15", "timezone_aware"),  # of which zone, nobody can know
        ("submitted_at", "18/11/2024", "time_syntax"),
        ("submitted_at", "18/11/2024 20:75 WITA", "time_syntax"),
        ("submitted_at", "18/11/2024 20:15 CET", "time_syntax"),
        ("submitted_at", "45614,84", "time_syntax"),
        ("submitted_at", "2024-11-18T20:15:00", "timezone_aware"),
        ("region", "64,72", "region_syntax"),
        ("region", "64.99", "region_unknown"),
        ("condition", "aman", "enum"),
        ("summary", "", "missing"),
        ("id", "a b", "slug"),
        ("topics.security", "\u202ex", "text_characters"),
        ("kind", "laporan", "kind_unknown"),
        ("kind", "", "kind_missing"),
        ("item", "ink", "csv_other_kind"),
        ("evidence_url", "https://x.id/1", "csv_other_kind"),
    ],
)
def test_wrong_cells_are_named_by_their_column(column: str, cell: str, reason: str) -> None:
    """The same rules as for JSON, in the words of the spreadsheet."""
    cells = {"kind": "report", "region": "64.72", "condition": "normal", "summary": "Aman.", column: cell}
    assert wrong(of_one(**cells)) == {column: reason}


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("1.214", "csv_whole"),
        ("1,214", "csv_whole"),
        ("1214.0", "csv_whole"),
        ("1214,00", "csv_whole"),
        ("1.2E+10", "csv_whole"),
        ("+5", "csv_whole"),
        ("9" * 30, "csv_whole"),
        ("٣", "csv_whole"),
        ("-1", "number_too_small"),
        ("999999999999", "number_too_large"),
    ],
)
def test_numbers_are_whole_and_plain(cell: str, reason: str) -> None:
    """Nobody guesses what a dot or a comma means; the other wrong cells of the row are named as well."""
    row = of_one(region="1", item="ink", required="10", received=cell, as_of="2024-11-24T16:00:00+08:00")
    assert wrong(row, "logistics") == {"region": "region_syntax", "received": reason}


@pytest.mark.parametrize(
    ("cell", "code"),
    [("6472", "64.72"), ("647201", "64.72.01"), ("6472011001", "64.72.01.1001"), ("64", "64")],
)
def test_codes_without_dots(cell: str, code: str) -> None:
    """As statistics write them, and spreadsheets that took the dot for a number's."""
    (body,) = bodies(f"{HEADER}\nreport;{cell};normal;Aman.\n")
    assert body.region == code


def test_fields_that_take_several_columns() -> None:
    """Sections of a report, whatever they are called; an incident's evidence."""
    (report,) = bodies(f"{HEADER};topics.logistics;topics.banjir\n{ROW};;Surut\n")
    (incident,) = bodies(
        "kind;region;category;occurred_at;description;evidence_url;evidence_sha256\n"
        f"incident;64.72;other;2024-11-24T16:00:00+08:00;Foto;https://x.id/1;{'a' * 64}\n"
    )
    assert isinstance(report, ReportBody)
    assert isinstance(incident, IncidentBody)
    assert report.topics == {"banjir": "Surut"}
    assert [(e.url, e.sha256) for e in incident.evidence or ()] == [("https://x.id/1", "a" * 64)]


def test_wrong_evidence_is_named_by_its_columns() -> None:
    """Not by the path it has in JSON."""
    row = of_one(
        region="64.72",
        category="other",
        occurred_at="2024-11-24T16:00:00+08:00",
        description="Foto",
        evidence_sha256="abc",
    )
    assert wrong(row, "incident") == {"evidence_url": "missing", "evidence_sha256": "sha256"}


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (ROW + ";x", "csv_cells"),
        ('report;64.72;normal;"Aman" sekali', "csv_quotes"),
        ('report;64.72;normal;"Aman', "csv_open"),
        (ROW.encode() + "é".encode("cp1252"), "csv_encoding"),
    ],
)
def test_rows_that_are_no_rows(row: str | bytes, reason: str) -> None:
    """A text with the separator and no quotes, misplaced quotes, another encoding."""
    raw = row if isinstance(row, bytes) else row.encode()
    assert wrong(HEADER.encode() + b"\n" + raw) == {"body": reason}


def test_a_bad_row_never_spoils_a_good_one() -> None:
    """The next row begins where the bad one ends."""
    rows, lines = open_csv(f'{HEADER}\nreport;64.72;normal;5" pipa\n{"x" * (LIMIT + 1)}\n{ROW}\n')
    assert [line.raw is None for line in lines] == [False, True, False]
    for line in (lines[0], lines[2]):
        assert rows.read(line, RECEIPT).region == "64.72"


def test_open_quotes_are_told_where_they_open_and_nothing_is_guessed() -> None:
    """What follows may be text or rows: none of it is taken, and the line that opens the quotes is named."""
    _, lines = open_csv(f'{HEADER}\n{ROW}\nreport;64.72;normal;"Aman\n' + f"{ROW}\n" * 1000)
    assert [(line.number, line.is_open) for line in lines] == [(2, False), (3, True)]


def test_a_long_cell_of_many_lines_is_not_kept() -> None:
    """The row is answered as too large and the next one is taken."""
    cell = "baris\n" * LIMIT
    _, lines = open_csv(f'{HEADER}\nreport;64.72;normal;"{cell}"\n{ROW}\n')
    assert [line.raw is None for line in lines] == [True, False]


_CELLS = st.text(st.sampled_from('a;"\n,'), max_size=6)


@given(st.lists(st.lists(_CELLS, min_size=2, max_size=4), max_size=6), st.sampled_from([";", ","]), st.data())
def test_rows_are_cut_where_the_csv_module_cuts_them(
    rows: list[list[str]], separator: str, data: st.DataObject
) -> None:
    """Whatever is written by the csv module is read back, however the bytes come in."""
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=separator, lineterminator="\n").writerows(rows)
    raw = out.getvalue().encode()
    size = data.draw(st.integers(1, 7))
    lines, cutter = LineCutter(LIMIT), RowCutter(separator, LIMIT)
    pieces = [raw[at : at + size] for at in range(0, len(raw), size)]
    cut = [row for piece in pieces for line in lines.feed(piece) if (row := cutter.feed(line)) is not None]
    assert cutter.end() is None
    read = [next(csv.reader([(row.raw or b"").decode()], delimiter=separator, strict=True)) for row in cut]
    assert read == rows


@given(st.text(st.sampled_from('a;"\n'), max_size=40))
def test_no_text_makes_the_cutter_lose_lines(text: str) -> None:
    """Each line is in exactly one row, or in what stands open at the end."""
    lines, cutter = LineCutter(LIMIT), RowCutter(";", LIMIT)
    found = [*lines.feed(text.encode()), *lines.end()] if text else []
    rows = [row for line in found if (row := cutter.feed(line)) is not None]
    last = cutter.end()
    joined = b"\n".join(row.raw or b"" for row in [*rows, *([last] if last else [])])
    assert joined == b"\n".join(line.raw or b"" for line in found)


def test_columns() -> None:
    """Every field of every kind has its column, the kind comes first, and nothing else is known."""
    for kind, body_type in KINDS.items():
        fields, unread = fields_in(COLUMNS[kind], ["1"] * len(COLUMNS[kind]), kind)
        assert unread == []
        assert set(fields) == {"kind", *body_type.model_fields}
        assert COLUMNS[kind][0] == "kind"
        assert known_columns(kind) == COLUMNS[kind]
    assert set(known_columns(None)) == {column for columns in COLUMNS.values() for column in columns}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("separator", SEPARATORS)
def test_templates(kind: str, separator: str) -> None:
    """Open right in Excel, hold a header alone unless an example is asked for, and are what the batch takes."""
    empty, filled = template(kind, separator, False), template(kind, separator, True)
    assert empty.startswith(BOM)
    assert empty.decode("utf-8-sig") == SEPARATORS[separator].join(COLUMNS[kind]) + "\r\n"
    assert bodies(empty) == []
    (body,) = bodies(filled)
    assert body.called == kind
    (same,) = bodies(filled, kind)
    assert same.said() == body.said()
