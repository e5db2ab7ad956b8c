"""Dead letters: what goes into one."""

from __future__ import annotations

import hashlib

from shared.exactly_once.dead_letters import shortened
from shared.records import Position, Record


def test_a_record_too_long_for_a_letter_is_shortened_and_described() -> None:
    """A compressed record can be far larger than what the broker takes: its beginning, size and hash go along."""
    value = b"x" * 5_000_000
    kept, headers = shortened(Record(Position("desk.reports", 0, 1), None, value))
    assert len(kept) < 1_000_000
    assert dict(headers) == {
        "truncated": b"1",
        "size": b"5000000",
        "sha256": hashlib.sha256(value).hexdigest().encode(),
    }


def test_an_ordinary_record_goes_whole() -> None:
    """Bytes that fit are kept as they are."""
    assert shortened(Record(Position("desk.reports", 0, 1), None, b"{}")) == (b"{}", [])
