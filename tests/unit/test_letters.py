"""Dead letters as they are read back."""

from __future__ import annotations

from datetime import timedelta

from shared.exactly_once.dead_letters import letter_headers, shortened
from shared.exactly_once.letters import Headers, Kept, Resolution, letters_in, resolution_headers
from shared.records import Position, Record
from shared.tracing.places import TRACEPARENT, Place
from tests.builders import utc

NOON = utc("2024-11-18 04:00")


def kept(value: bytes, headers: Headers, minutes: int = 0) -> Kept:
    return Kept(b"64.72", value, dict(headers), NOON + timedelta(minutes=minutes))


def letter(offset: int, value: bytes = b"{", reason: str = "is no JSON") -> Kept:
    record = Record(Position("desk.reports", 3, offset), b"64.72", value)
    shown, more = shortened(record)
    return kept(shown, letter_headers("desk.notifier", record, reason) + more)


def test_a_letter_is_read_as_it_was_written() -> None:
    """Where it stood, why it was put aside, its bytes."""
    (found,) = letters_in([letter(7)])
    assert found.id == "desk.notifier/desk.reports/3/7"
    assert (found.group, found.topic, found.partition, found.offset) == ("desk.notifier", "desk.reports", 3, 7)
    assert (found.reason, found.at, found.key, found.value) == ("is no JSON", NOON, b"64.72", b"{")
    assert (found.size, found.is_truncated, found.resolved) == (1, False, None)


def test_a_letter_keeps_the_trace_of_its_record() -> None:
    """What somebody made up instead of one is left out."""
    place = Place("0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", is_sampled=True)
    for given, expected in ((place.traceparent.encode(), place), (b"\xff", None)):
        record = Record(Position("desk.reports", 3, 7), b"64.72", b"{", ((TRACEPARENT, given),))
        (found,) = letters_in([kept(b"{", letter_headers("desk.notifier", record, "is no JSON"))])
        assert found.place == expected


def test_a_letter_that_is_a_beginning_says_so() -> None:
    """Of a record longer than a letter the whole's size is told."""
    (found,) = letters_in([letter(7, b"x" * 2_000_000)])
    assert found.is_truncated
    assert len(found.value) < found.size == 2_000_000


def test_a_repeat_after_a_crash_is_the_same_letter() -> None:
    """Once, whatever was written how often; by id."""
    assert [one.offset for one in letters_in([letter(8), letter(7), letter(8)])] == [7, 8]


def test_what_people_did_is_known_in_any_order() -> None:
    """A resolution may stand in another partition, and so be read before its letter; the last one holds."""
    retried = kept(b"", resolution_headers("desk.notifier/desk.reports/3/7", Resolution.RETRIED, "ani", "mended"), 1)
    dropped = kept(b"", resolution_headers("desk.notifier/desk.reports/3/7", Resolution.DROPPED, "budi", "spam"), 2)
    seven, eight = letters_in([retried, letter(7), letter(8), dropped])
    assert eight.resolved is None
    assert seven.resolved is not None
    assert (seven.resolved.resolution, seven.resolved.by, seven.resolved.why) == (Resolution.DROPPED, "budi", "spam")
    assert seven.resolved.at == NOON + timedelta(minutes=2)


def test_foreign_records_are_passed_over() -> None:
    """Anybody who may write the topic may have written anything."""
    headers = dict(letter(7).headers)
    foreign = [
        Kept(None, b"?", {}, NOON),
        Kept(None, b"?", {**headers, "offset": b"\xff"}, NOON),
        Kept(None, b"?", {"resolves": b"x", "resolution": b"burned"}, NOON),
        Kept(None, b"?", {"dead-letter-id": b"x"}, NOON),
    ]
    assert [one.offset for one in letters_in([*foreign, letter(7)])] == [7]
