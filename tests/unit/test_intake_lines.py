"""Lines of a batch: how they are cut, what is in them, and in which order they may go."""

from __future__ import annotations

import itertools
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.intake.batch.lines import BOM, Line, LineCutter
from services.intake.batch.ndjson import Ndjson
from services.intake.batch.waves import in_waves
from services.intake.examples import EXAMPLES, IN_PATH
from services.intake.submissions import KINDS
from services.intake.submissions.body import WrongFields, read
from services.intake.submissions.checks import Receipt
from services.intake.submissions.lines import ALIASES, LINES, kind_named, read_line
from shared.election.loaded import load_calendar
from shared.texts import catalogue

KALTIM = Path(__file__).resolve().parents[2] / "deploy" / "elections" / "kaltim-2024.yaml"
# When all examples have happened.
RECEIPT = Receipt(load_calendar(KALTIM, None, None), datetime(2024, 11, 25, 4, tzinfo=UTC))
REPORT: dict[str, Any] = {"kind": "report", "region": "64.72", "condition": "normal", "summary": "Aman."}

ONE_EXAMPLE = {kind: next(iter(examples.values()))["value"] for kind, examples in EXAMPLES.items()}


def cut(*pieces: bytes, limit: int = 100) -> list[tuple[int, bytes | None]]:
    cutter = LineCutter(limit)
    lines = [line for piece in pieces for line in cutter.feed(piece)]
    return [(line.number, line.raw) for line in [*lines, *cutter.end()]]


def reasons(raw: bytes, kind: str | None = None) -> dict[str, str]:
    with pytest.raises(WrongFields) as caught:
        read_line(raw, RECEIPT, kind)
    assert all(error.reason in catalogue("problems") for error in caught.value.errors)
    return {error.field: error.reason for error in caught.value.errors}


@pytest.mark.parametrize("kind", KINDS)
def test_a_line_is_the_single_calls_body_with_its_kind(kind: str) -> None:
    """The same models: the same content under the same id, by either way, has the same fingerprint."""
    sent = ONE_EXAMPLE[kind]
    path = IN_PATH.get(kind, {})
    alone = read(KINDS[kind], json.dumps(sent).encode(), RECEIPT, path or None)
    in_a_line = json.dumps({**sent, **path, "kind": kind}).encode()
    for line in (read_line(in_a_line, RECEIPT), read_line(in_a_line, RECEIPT, kind)):
        assert (line.called, line.said(), line.id) == (kind, alone.said(), alone.id)


@pytest.mark.parametrize("kind", KINDS)
def test_where_all_lines_are_of_one_kind_they_may_leave_it_out(kind: str) -> None:
    """With the batch's `?kind=`."""
    line = json.dumps({**ONE_EXAMPLE[kind], **IN_PATH.get(kind, {})}).encode()
    assert read_line(line, RECEIPT, kind).called == kind
    assert reasons(line) == {"kind": "kind_missing"}


@pytest.mark.parametrize(("kind", "word"), [(kind, word) for kind, words in ALIASES.items() for word in words])
def test_the_words_of_the_calls_paths_are_understood(kind: str, word: str) -> None:
    """`reports` is a report."""
    line = json.dumps({**ONE_EXAMPLE[kind], **IN_PATH.get(kind, {}), "kind": word}).encode()
    assert read_line(line, RECEIPT).called == kind == kind_named(word)


@pytest.mark.parametrize(
    ("change", "wrong"),
    [
        ({"kind": "laporan"}, {"kind": "kind_unknown"}),
        ({"kind": 5}, {"kind": "kind_unknown"}),
        ({"kind": ["report"]}, {"kind": "kind_unknown"}),
        ({"kind": None}, {"kind": "kind_missing"}),
        # The paths of wrong fields are those of the single call: nothing of the union shows.
        ({"region": "64.99", "summary": ""}, {"region": "region_unknown", "summary": "text_blank"}),
        ({"item": "ink"}, {"item": "extra_forbidden"}),
        ({"topics": {"a": 5}}, {"topics.a": "type_text"}),
        ({"kind": "incident"}, dict.fromkeys(("category", "occurred_at", "description"), "missing")),
    ],
)
def test_wrong_lines(change: dict[str, Any], wrong: dict[str, str]) -> None:
    """Every wrong field is named, as with a single call; a wrong kind alone, for nothing else can be judged."""
    assert wrong.items() <= reasons(json.dumps({**REPORT, **change}).encode()).items()


@pytest.mark.parametrize(
    ("raw", "wrong"),
    [
        (b"kind", {"body": "json_syntax"}),
        (b"[]", {"body": "json_object"}),
        (b"\xff\xfe", {"body": "json_utf8"}),
        (b'{"kind": "report", "kind": "incident"}', {"body": "json_duplicate_key"}),
        (b'{"kind": NaN}', {"body": "json_number"}),
    ],
)
def test_what_is_no_json_of_ours(raw: bytes, wrong: dict[str, str]) -> None:
    """Said as with a single call, before anything is said of the kind."""
    assert wrong.items() <= reasons(raw).items()
    assert "kind" not in reasons(raw)


def test_a_line_of_another_kind_than_all() -> None:
    """`?kind=incident` and a line that says report contradict each other."""
    assert reasons(json.dumps(REPORT).encode(), "incident")["kind"] == "enum"


@pytest.mark.parametrize(
    ("pieces", "lines"),
    [
        ([], []),
        ([b"a"], [(1, b"a")]),
        ([b"a\nb\n"], [(1, b"a"), (2, b"b")]),
        ([b"a\r\nb\rc\nd"], [(1, b"a"), (2, b"b"), (3, b"c"), (4, b"d")]),
        ([b"a\r", b"\nb"], [(1, b"a"), (2, b"b")]),
        ([b"a\r", b"b"], [(1, b"a"), (2, b"b")]),
        ([b"\n\n", b"a", b"b", b"\n"], [(1, b""), (2, b""), (3, b"ab")]),
        ([BOM + b"a\n", BOM + b"b"], [(1, b"a"), (2, BOM + b"b")]),
        ([BOM[:1], BOM[1:] + b"a"], [(1, b"a")]),
        ([b"12345\n123456\n1234"], [(1, b"12345"), (2, None), (3, b"1234")]),
        ([b"123", b"456", b"7\n8"], [(1, None), (2, b"8")]),
    ],
)
def test_cutting(pieces: list[bytes], lines: list[tuple[int, bytes | None]]) -> None:
    """Lines end with LF, CRLF or CR, also where a piece ends between the two; a long one is not kept."""
    assert cut(*pieces, limit=5) == lines


@given(st.lists(st.sampled_from([b"a", b"\n", b"\r", b"bc", b"\r\n"]), max_size=30), st.data())
def test_how_the_bytes_come_in_changes_nothing(parts: list[bytes], data: st.DataObject) -> None:
    """Any division into pieces gives the lines of the whole."""
    whole = b"".join(parts)
    cuts = sorted(data.draw(st.sets(st.integers(1, max(1, len(whole) - 1)), max_size=8)))
    ends = [0, *cuts, len(whole)]
    pieces = [whole[a:b] for a, b in itertools.pairwise(ends) if a < b]
    expected = whole.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n")
    if not expected[-1]:
        expected.pop()
    assert [raw for _, raw in cut(*pieces)] == expected


def test_an_endless_line_is_not_kept() -> None:
    """However long a line grows, what is held of it stays below the limit."""
    cutter = LineCutter(10)
    for _ in range(1000):
        assert list(cutter.feed(b"x" * 100)) == []
        assert sum(map(len, cutter._kept)) <= 10
    assert list(cutter.end()) == [Line(1, None)]


def test_blank_lines_of_ndjson_are_left_out_and_counted() -> None:
    """The number of a line is that of the file."""
    lines = Ndjson(100)
    found = [*lines.feed(b"\n  \n{}\n\t\r\n{}"), *lines.end()]
    assert [line.number for line in found] == [3, 5]


@pytest.mark.parametrize(
    ("touched", "waves"),
    [
        ([], []),
        (["a", "b", "c"], [[0, 1, 2]]),
        (["a", "a", "b"], [[0, 2], [1]]),
        (["a", "ab", "b", "c"], [[0, 3], [1], [2]]),
        (["ab", "c", "bc", "a"], [[0, 1], [2, 3]]),
    ],
)
def test_lines_that_share_an_id_go_one_after_the_other(touched: list[str], waves: list[list[int]]) -> None:
    """A batch means the same as its lines in order."""
    assert in_waves([set(ids) for ids in touched]) == waves


@given(st.lists(st.sets(st.sampled_from("abcdef"), min_size=1, max_size=3), max_size=20))
def test_waves_keep_the_order_of_whatever_shares_an_id(touched: list[set[str]]) -> None:
    """Each line is in exactly one wave, later than every earlier line that it shares an id with."""
    waves = in_waves(touched)
    wave_of = {line: n for n, wave in enumerate(waves) for line in wave}
    assert sorted(wave_of) == list(range(len(touched)))
    for later in range(len(touched)):
        shared = [earlier for earlier in range(later) if touched[earlier] & touched[later]]
        assert all(wave_of[earlier] < wave_of[later] for earlier in shared)


@pytest.mark.parametrize(
    ("kind", "change", "meant"),
    [
        ("report", {}, set()),
        ("report", {"replaces": "older"}, {"older"}),
        ("withdrawal", {"report": "r1"}, {"r1"}),
        ("incident", {}, set()),
        ("incident_status", {"incident_id": "i1"}, {"i1"}),
        ("logistics", {}, set()),
    ],
)
def test_whose_ids_a_line_means(kind: str, change: dict[str, str], meant: set[str]) -> None:
    """The report it corrects or withdraws, the incident it speaks of."""
    line = {"kind": kind, **ONE_EXAMPLE[kind], **IN_PATH.get(kind, {}), **change}
    assert read_line(json.dumps(line).encode(), RECEIPT).ids_meant() == meant


def test_every_kind_has_its_line() -> None:
    """A new kind of submission is a kind of lines too, without another table."""
    assert list(LINES) == list(KINDS)
    assert set(ALIASES) <= set(KINDS)
