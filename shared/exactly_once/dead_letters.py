"""Dead letters: the original key and bytes, with what is wrong and where it stood in the headers."""

from __future__ import annotations

import hashlib
from typing import Protocol

from shared.exactly_once.sightings import BadRecord
from shared.records import Position, Record
from shared.topics import DEAD_LETTERS
from shared.tracing.places import TRACEPARENT, place_of


class Publisher(Protocol):
    """Publishes one record, confirmed by all in-sync replicas."""

    async def publish(
        self, topic: str, key: bytes | None, value: bytes, headers: list[tuple[str, bytes]]
    ) -> Position: ...


def letter_id(group: str, position: Position) -> str:
    """The id of a dead letter: a repeat after a crash has the same."""
    return f"{group}/{position.topic}/{position.partition}/{position.offset}"


def letter_headers(group: str, record: Record, reason: str) -> list[tuple[str, bytes]]:
    position = record.position
    return [
        ("dead-letter-id", letter_id(group, position).encode()),
        ("reason", reason.encode("utf-8", "replace")[:2000]),
        ("group", group.encode()),
        ("topic", position.topic.encode()),
        ("partition", str(position.partition).encode()),
        ("offset", str(position.offset).encode()),
        *([(TRACEPARENT, place.traceparent.encode())] if (place := place_of(record.headers)) else []),
    ]


# Below the broker's limit of 1 MiB a message, which holds for what is sent: a compressed record may be far larger.
_LONGEST = 900_000


def shortened(record: Record) -> tuple[bytes, list[tuple[str, bytes]]]:
    """The bytes that fit into a dead letter; for a longer record their beginning, with its size and hash in headers.
    The whole stays in the log at the position named."""
    if len(record.value) <= _LONGEST:
        return record.value, []
    whole = [("size", str(len(record.value)).encode()), ("sha256", hashlib.sha256(record.value).hexdigest().encode())]
    return record.value[:_LONGEST], [("truncated", b"1"), *whole]


class DeadLetters:
    def __init__(self, publisher: Publisher, group: str) -> None:
        self._publisher = publisher
        self._group = group

    async def put(self, bad: BadRecord) -> None:
        """Put one record aside, confirmed. Raises what the publisher raises; then the batch is tried again."""
        value, more = shortened(bad.record)
        headers = letter_headers(self._group, bad.record, bad.reason) + more
        await self._publisher.publish(DEAD_LETTERS.name, bad.record.key, value, headers)
