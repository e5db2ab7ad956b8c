"""`desk submit`, its parts without a network: what is sent of a file, under which ids, and what is written down."""

from __future__ import annotations

import ast
import csv
import io
import json
import re
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from desk.submit.csv_file import CsvFile
from desk.submit.ids import Ids
from desk.submit.items import FileFormat, Item, UnreadableFile
from desk.submit.ndjson_file import NdjsonFile
from desk.submit.progress_file import Progress, load_progress, progress_path, save_progress
from desk.submit.refused_file import new_refused_path, write_refused
from desk.submit.run import BYTES, LINES, _batches, _form_of
from desk.submit.sending import Became, Final
from services.intake.batch.lines import BOM
from shared.strict import SLUG
from shared.texts import catalogue

MONDAY, NEXT_MONDAY = date(2024, 11, 18), date(2024, 11, 25)
ROOT = Path(__file__).resolve().parents[2]


def items(form: FileFormat, content: str | bytes, day: date = MONDAY) -> list[Item]:
    raw = content if isinstance(content, bytes) else content.encode()
    return list(form.items([raw[:7], raw[7:]], Ids(day)))


def json_sent(content: str, day: date = MONDAY, kind: str | None = None) -> list[Any]:
    return [json.loads(item.wire) for item in items(NdjsonFile(kind), content, day)]


def csv_sent(content: str | bytes, day: date = MONDAY, kind: str | None = None) -> list[list[str]]:
    """The head and the rows as they are sent."""
    form = CsvFile(kind)
    found = items(form, content, day)
    text = (form.head() + b"\n".join(item.wire for item in found)).decode()
    return list(csv.reader(io.StringIO(text, newline=""), delimiter=";"))


def ids_of(sent: list[Any]) -> list[str]:
    return [one["id"] for one in sent]


def test_an_id_is_of_day_content_and_occurrence() -> None:
    """The same for every try; another for another day, another content, and the second line with the same words."""
    one, other = {"region": "64.72", "summary": "Aman."}, {"summary": "Aman.", "region": "64.71"}
    ids = Ids(MONDAY)
    first, second, third = ids.of(one), ids.of(other), ids.of(one)
    assert len({first, second, third}) == 3
    again = Ids(MONDAY)
    assert [again.of(dict(reversed(one.items()))), again.of(other), again.of(one)] == [first, second, third]
    assert Ids(NEXT_MONDAY).of(one) != first
    assert first.startswith("2024-11-18-")
    assert re.fullmatch(SLUG, first)


def test_json_lines_get_ids_and_keep_the_rest() -> None:
    """A line's own id is left alone; null is none; what is no JSON goes as it is, for intake to judge."""
    content = '\ufeff{"a": 1.50}\n\n{"id": "own", "a": 1}\n{"id": null, "a": 1}\n{"a": 1, "a": 2}\nnonsense\n{}'
    found = items(NdjsonFile(), content.encode())
    assert [item.number for item in found] == [1, 3, 4, 5, 6, 7]
    wires = [item.wire for item in found]
    assert wires[1] == b'{"id": "own", "a": 1}'
    assert wires[3:] == [b'{"a": 1, "a": 2}', b"nonsense", b"{}"]
    first, _, third = (json.loads(wire) for wire in wires[:3])
    assert (first["a"], third["a"]) == (1.5, 1)
    assert first["id"] != third["id"]


def test_withdrawals_keep_the_id_that_intake_makes_of_their_content() -> None:
    """So that the same withdrawal on another day is no second one."""
    line = '{"kind": "withdrawal", "report": "r1"}'
    assert "id" not in json_sent(line)[0]
    assert "id" not in json_sent('{"report": "r1"}', kind="withdrawal")[0]
    header, row = csv_sent("kind;report;region\nwithdrawal;r1;64.72")
    assert dict(zip(header, row, strict=True))["id"] == ""


def test_refused_json_lines_are_sent_as_they_were() -> None:
    """Mended or not: the words about what was wrong are no content, and the id is the one it had."""
    lines = '{"kind": "report", "region": "64.72"}\nnonsense\n{"id": "own"}\n'
    form = NdjsonFile()
    before = items(form, lines)
    written = form.refused_head() + b"".join(form.refused(item, "region: unknown") for item in before)
    assert b"region: unknown" in written.splitlines()[0]
    after = items(NdjsonFile(), written)
    assert [json_or_raw(item.wire) for item in after] == [json_or_raw(item.wire) for item in before]


def json_or_raw(wire: bytes) -> Any:
    try:
        return json.loads(wire)
    except json.JSONDecodeError:
        return wire


def test_rows_get_a_column_for_ids_in_front() -> None:
    """Where the file has none: a row with too many cells stays one. Own ids stay, empty ones are filled."""
    header, first, second = csv_sent("kind;region\nreport;64.72\nreport;64.71;x;y\n")
    assert header == ["id", "kind", "region"]
    assert (first[1:], second[1:]) == (["report", "64.72"], ["report", "64.71", "x", "y"])
    header, first, second, third = csv_sent("kind;ID;region\nreport;own;64.72\nreport;;64.72\nreport;;64.72")
    assert header == ["kind", "ID", "region"]
    assert first[1] == "own"
    assert len({first[1], second[1], third[1]}) == 3


def test_an_id_of_a_row_is_of_its_cells_alone() -> None:
    """Quotes, separators, the order of columns and spaces around a cell are no content."""
    (_, plain) = csv_sent("kind;region;summary\nreport;64.72;Aman\n")
    (_, other) = csv_sent(BOM + b'summary;kind;"region"\r\n"Aman ";REPORT;64.72\r\n')
    assert plain[0] == other[0]


def test_rows_with_line_breaks_and_quotes_arrive_as_they_are() -> None:
    """Written anew for the wire, and nothing lost."""
    _, row = csv_sent('kind;summary\nreport;"Satu; ""dua""\r\ntiga"\n')
    assert row[2] == 'Satu; "dua"\ntiga'


@pytest.mark.parametrize("blank", ["", ";", " ; ", '"";""'])
def test_blank_rows_are_no_items(blank: str) -> None:
    """As intake sees them: it would not answer them."""
    assert len(csv_sent(f"kind;region\n{blank}\nreport;64.72\n{blank}\n")) == 2


def test_rows_that_cannot_be_read_go_as_they_are() -> None:
    """Intake says what is wrong; the refused file has them in UTF-8, as a spreadsheet of Windows meant them."""
    form = CsvFile()
    content = b'kind;summary\nreport;"a"b\nreport;\xe9\nreport;"open\nreport;x\n'
    found = items(form, content)
    assert [item.wire for item in found] == [b'report;"a"b', b"report;\xe9", b'report;"open\nreport;x']
    assert "é" in form.refused(found[1], "bukan UTF-8").decode()


def test_refused_rows_are_sent_as_they_were() -> None:
    """The file opens in Excel, the reasons stand in front, and as it is it can be sent: under the same ids."""
    content = 'kind;region;summary\r\nreport;64.72;a\r\nreport;64.71;b;c\r\nreport;1;"d;\ne"\r\n'
    form = CsvFile()
    before = items(form, content)
    written = form.refused_head() + b"".join(form.refused(item, 'a "b"; c') for item in before)
    assert written.startswith(BOM + b"problem;problem_line;kind;region;summary\r\n")
    again = CsvFile()
    after = items(again, written)
    assert [item.wire for item in after] == [item.wire for item in before]
    assert again.head() == form.head()
    twice = again.refused_head() + b"".join(again.refused(item, "still") for item in after)
    assert [item.wire for item in items(CsvFile(), twice)] == [item.wire for item in before]


@pytest.mark.parametrize(
    ("form", "content", "reason"),
    [
        (CsvFile, b"", "empty"),
        (CsvFile, "kind;region\n".encode("utf-16"), "utf16"),
        (CsvFile, b"kind;region\n" + b"x" * 2_000_000, "long_line"),
        (CsvFile, b'kind;region\n"' + b"x\n" * 1_000_000, "long_line"),
        (NdjsonFile, b"x" * 2_000_000, "long_line"),
    ],
)
def test_files_of_which_nothing_can_be_sent(form: Callable[[], FileFormat], content: bytes, reason: str) -> None:
    """One reason, before anything is sent."""
    with pytest.raises(UnreadableFile) as refused:
        items(form(), content)
    assert refused.value.reason == reason
    assert reason in catalogue("submit")


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.csv", b"{", CsvFile),
        ("a.NDJSON", b"kind;region", NdjsonFile),
        ("a.jsonl", b"", NdjsonFile),
        ("a.txt", BOM + b' \n{"kind"', NdjsonFile),
        ("a.txt", b"kind;region", CsvFile),
        ("a", b"", CsvFile),
    ],
)
def test_what_sort_of_file_it_is(name: str, content: bytes, expected: type, tmp_path: Path) -> None:
    """By its name, else by its first letter."""
    (tmp_path / name).write_bytes(content)
    assert isinstance(_form_of(tmp_path / name, None), expected)


@pytest.mark.parametrize("name", ["lap.xlsx", "lap.xls", "lap.csv", "lap.ndjson"])
@pytest.mark.parametrize("begin", [b"PK\x03\x04", b"\xd0\xcf\x11\xe0"])
def test_a_workbook_is_told_apart_whatever_its_name(name: str, begin: bytes, tmp_path: Path) -> None:
    """People send what Excel saves by itself, or rename it."""
    (tmp_path / name).write_bytes(begin + b"\0\n" * 100)
    with pytest.raises(UnreadableFile) as refused:
        _form_of(tmp_path / name, None)
    assert refused.value.reason == "workbook"


def test_batches_are_bounded_in_lines_and_bytes() -> None:
    """A slow line shall see progress, and a small limit of intake's be kept."""
    small, large = Item(1, b"", b"x"), Item(2, b"", b"x" * (BYTES // 2))
    assert [len(batch) for batch in _batches([small] * (2 * LINES + 1))] == [LINES, LINES, 1]
    assert [len(batch) for batch in _batches([large] * 5)] == [2, 2, 1]
    assert list(_batches([])) == []


def a_progress(**change: Any) -> Progress:
    plain = {
        "sha256": "a",
        "url": "http://x",
        "kind": None,
        "began": MONDAY,
        "refused_file": "x.refused.csv",
        "done": 3,
    }
    return Progress(**{**plain, **change})


@pytest.mark.parametrize(
    ("change", "today", "is_resumed"),
    [
        ({}, MONDAY, True),
        ({}, date(2024, 11, 19), True),
        ({}, date(2024, 11, 23), True),
        ({}, date(2024, 11, 24), False),  # a week later the same words are another report
        ({}, date(2024, 11, 17), False),
        ({"sha256": "b"}, MONDAY, False),
        ({"url": "http://y"}, MONDAY, False),
        ({"kind": "report"}, MONDAY, False),
    ],
)
def test_what_is_gone_on_with(change: dict[str, Any], today: date, is_resumed: bool, tmp_path: Path) -> None:
    """The same content, to the same address, of the same days."""
    path = progress_path(tmp_path / "x.csv")
    save_progress(path, a_progress(**change))
    found = load_progress(path, "a", "http://x", None, today)
    assert found == (a_progress(**change) if is_resumed else None)


@pytest.mark.parametrize("content", [None, b"", b"{", b'{"sha256": "a"}'])
def test_progress_that_cannot_be_read_is_none(content: bytes | None, tmp_path: Path) -> None:
    """It begins anew: the ids keep what was sent from counting twice on the same day."""
    path = progress_path(tmp_path / "x.csv")
    if content is not None:
        path.write_bytes(content)
    assert load_progress(path, "a", "http://x", None, MONDAY) is None


def test_refused_lines_of_a_run_that_died_are_not_written_twice(tmp_path: Path) -> None:
    """What stands beyond the length that progress knows of is overwritten."""
    form = NdjsonFile()
    one, two = (Final(item, Became.REFUSED, "x", "x") for item in items(form, '{"a": 1}\n{"a": 2}'))
    path = tmp_path / "r.ndjson"
    length = write_refused(path, form, [one], 0)
    whole = write_refused(path, form, [two, two], length)
    assert write_refused(path, form, [two], length) < whole
    assert [json.loads(line)["a"] for line in path.read_text().splitlines()] == [1, 2]
    assert write_refused(path, form, [], length) == length


def test_an_earlier_file_of_refused_lines_stays(tmp_path: Path) -> None:
    """Somebody may be mending it."""
    names = []
    for _ in range(3):
        path = new_refused_path(tmp_path / "lap.csv", ".csv")
        path.touch()
        names.append(path.name)
    assert names == ["lap.refused.csv", "lap.refused-2.csv", "lap.refused-3.csv"]


def test_every_text_is_said_somewhere() -> None:
    """And every key that is said has a text."""
    sources = [*(ROOT / "desk" / "submit").glob("*.py"), ROOT / "desk" / "cli_submit.py"]
    strings = {
        node.value
        for source in sources
        for node in ast.walk(ast.parse(source.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert set(catalogue("submit")) - strings == set()
