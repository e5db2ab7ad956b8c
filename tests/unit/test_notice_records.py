"""Proof of notice in a spreadsheet: no cell is a formula; and a text for each reason."""

from __future__ import annotations

import csv
import io

import pytest

from services.notifier.delivery import problems
from services.notifier.holding import holding
from services.notifier.notices.notice_records import COLUMNS, csv_lines
from shared.texts import catalogue


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("=1+1", "'=1+1"),
        ("+62", "'+62"),
        ("-", "'-"),
        ("@x", "'@x"),
        ("\t=1", "'=1"),
        ("\r\n =1", "'=1"),
        ("a=1", "a=1"),
        ('a;b"c\nd', 'a;b"c d'),
        (None, ""),
        (0, "0"),
    ],
)
def test_no_cell_is_a_formula(said: object, expected: str) -> None:
    """Whatever anybody writes."""
    raw = csv_lines([dict.fromkeys(COLUMNS, said)], ";").decode()
    (row,) = csv.reader(io.StringIO(raw, newline=""), delimiter=";")
    assert set(row) == {expected}


def test_every_reason_has_a_text() -> None:
    """Why somebody was not told, or not yet; no text is idle."""
    held = {f"held.{kind}" for kind in (holding.SILENCE, holding.INHIBITION, holding.QUIET_HOURS)}
    suppressed = {f"suppressed.{because}" for because in holding.Because}
    assert set(catalogue("deliveries")) == held | suppressed | {"pending", "dead", *problems.TEXTS.values()}
