"""Dead letters as they are read back, and what became of them. Pure.

The topic itself remembers what people did: a resolution is a record beside the letters that names one and says
`retried` or `dropped`, by whom and why. Nothing is ever deleted before the topic's retention.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from shared.tracing.places import TRACEPARENT, Place, place_in

Headers = list[tuple[str, bytes]]


class Resolution(StrEnum):
    """What a person did with a dead letter."""

    RETRIED = "retried"
    DROPPED = "dropped"


@dataclass(frozen=True, slots=True)
class Resolved:
    """Who did it, when and why."""

    resolution: Resolution
    at: datetime
    by: str
    why: str


@dataclass(frozen=True, slots=True)
class Letter:
    """A record that a group put aside: where it stood, why, and its bytes (their beginning only, if `is_truncated`:
    `size` is the whole's). `place` is where the call that sent it was in its trace."""

    id: str
    group: str
    topic: str
    partition: int
    offset: int
    reason: str
    at: datetime
    key: bytes | None
    value: bytes
    size: int
    is_truncated: bool
    place: Place | None = None
    resolved: Resolved | None = None


@dataclass(frozen=True, slots=True)
class Kept:
    """A record of the topic of dead letters; `at` is the broker's time."""

    key: bytes | None
    value: bytes
    headers: Mapping[str, bytes]
    at: datetime


def resolution_headers(letter_id: str, resolution: Resolution, by: str, why: str) -> Headers:
    """The headers of the record that says what became of a letter; its value is empty."""
    said = {"resolves": letter_id, "resolution": resolution.value, "by": by, "why": why}
    return [(name, value.encode()) for name, value in said.items()]


def letters_in(records: Iterable[Kept]) -> Sequence[Letter]:
    """The letters by id, each once however often a crash repeated it, with what became of them. What is neither a
    letter nor a resolution is passed over: anybody may have written it."""
    letters: dict[str, Letter] = {}
    resolved: dict[str, Resolved] = {}
    for record in records:
        if "resolves" in record.headers:
            found = _resolution(record)
            if found is not None:
                resolved[_text(record.headers, "resolves")] = found
        elif (letter := _letter(record)) is not None:
            letters.setdefault(letter.id, letter)
    return [replace(letters[one], resolved=resolved.get(one)) for one in sorted(letters)]


def _letter(record: Kept) -> Letter | None:
    headers = record.headers
    partition, offset = _text(headers, "partition"), _text(headers, "offset")
    if "dead-letter-id" not in headers or not partition.isdecimal() or not offset.isdecimal():
        return None
    size = _text(headers, "size")
    return Letter(
        id=_text(headers, "dead-letter-id"),
        group=_text(headers, "group"),
        topic=_text(headers, "topic"),
        partition=int(partition),
        offset=int(offset),
        reason=_text(headers, "reason"),
        at=record.at,
        key=record.key,
        value=record.value,
        size=int(size) if size.isdecimal() else len(record.value),
        is_truncated="truncated" in headers,
        place=place_in(headers.get(TRACEPARENT)),
    )


def _resolution(record: Kept) -> Resolved | None:
    said = _text(record.headers, "resolution")
    if said not in set(Resolution):
        return None
    return Resolved(Resolution(said), record.at, _text(record.headers, "by"), _text(record.headers, "why"))


def _text(headers: Mapping[str, bytes], name: str) -> str:
    return headers.get(name, b"").decode("utf-8", "replace")
