"""Step 5: refuse a log that is not the one we have read.

A topic deleted and made anew starts at offset 0 again, below our cursors: every new record would be skipped in
silence. So we keep, per partition, the last offset folded and the hash of its bytes, and compare with the log
before the first batch, and whenever a batch does not begin where the last one ended.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Protocol

from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from shared.exactly_once.records import Position, Record, log_name
from shared.mongo import Collection, is_duplicates_only

COLLECTION = "positions"


class OtherLog(Exception):
    """The log is not the one this database has read. Permanent: a person must decide (docs/runbooks/other-log.md)."""


class LogReader(Protocol):
    """Reads single records of the log."""

    async def beginning(self, topic: str, partition: int) -> int:
        """The first offset still kept."""
        ...

    async def value_at(self, position: Position) -> bytes | None:
        """The bytes at a position; None where the log ends before it."""
        ...


def _hash(value: bytes) -> str:
    return hashlib.sha256(value).hexdigest()


class Guard:
    def __init__(self, collection: Collection, log: LogReader) -> None:
        self._positions = collection
        self._log = log
        self._expected: dict[str, int] = {}

    async def check(self, records: Sequence[Record]) -> None:
        """Raises OtherLog if a partition of the batch is not the log we have read."""
        for first in _firsts(records):
            if self._expected.get(first.log) != first.offset:
                await self._verify(first.topic, first.partition)

    async def verify_all(self, partitions: Iterable[tuple[str, int]]) -> None:
        """At start: the same check over all partitions, so that an emptied topic is found before its first record."""
        for topic, partition in partitions:
            await self._verify(topic, partition)

    async def advance(self, records: Sequence[Record]) -> None:
        """After the fold: remember how far each partition is read. Never goes back."""
        lasts = {record.position.log: record for record in records}
        moves = [
            UpdateOne(
                {"_id": log, "offset": {"$lt": last.position.offset}},
                {"$set": {"offset": last.position.offset, "hash": _hash(last.value)}},
                upsert=True,
            )
            for log, last in lasts.items()
        ]
        try:
            await self._positions.bulk_write(moves, ordered=False)
        except BulkWriteError as error:  # the upsert of one that stands further already
            if not is_duplicates_only(error):
                raise
        self._expected.update({log: last.position.offset + 1 for log, last in lasts.items()})

    async def _verify(self, topic: str, partition: int) -> None:
        stored = await self._positions.find_one({"_id": log_name(topic, partition)})
        if stored is None or await self._log.beginning(topic, partition) > stored["offset"]:
            return  # nothing read yet, or expired by retention
        value = await self._log.value_at(Position(topic, partition, stored["offset"]))
        if value is None or _hash(value) != stored["hash"]:
            raise OtherLog(
                f"{topic}/{partition}: the record at offset {stored['offset']} is "
                f"{'gone' if value is None else 'another one'}; the topic was deleted and made anew, or this "
                "database belongs to another broker"
            )


def _firsts(records: Sequence[Record]) -> list[Position]:
    firsts: dict[str, Position] = {}
    for record in records:
        firsts.setdefault(record.position.log, record.position)
    return list(firsts.values())
