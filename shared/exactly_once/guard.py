"""Step 5: refuse a log that is not the one we have read.

A topic deleted and made anew starts at offset 0 again, below our cursors: every new record would be skipped in
silence. So we keep, per partition, the last offset folded and the hash of its bytes, and compare with the log
before the first batch, and whenever a batch does not begin where the last one ended.

The database, not the group's committed offset, knows how far we have read: a database that was lost or restored from
an older backup stands behind the commits, and what lies between must be read again (`Gap`).
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


class Gap(Exception):
    """A batch begins beyond what the database has read. Passing: read again from `offset`."""

    def __init__(self, topic: str, partition: int, offset: int, first: int) -> None:
        super().__init__(f"{topic}/{partition}: read up to {offset}, the batch begins at {first}")
        self.topic, self.partition, self.offset = topic, partition, offset


class LogReader(Protocol):
    """Reads single records of the log."""

    async def beginning(self, topic: str, partition: int) -> int:
        """The first offset still kept."""
        ...

    async def value_at(self, position: Position) -> bytes | None:
        """The bytes at a position; None where the log ends before it."""
        ...

    async def first_from(self, position: Position) -> int | None:
        """The offset of the first record at or after a position; None where the log ends before it."""
        ...


def _hash(value: bytes) -> str:
    return hashlib.sha256(value).hexdigest()


class Guard:
    def __init__(self, collection: Collection, log: LogReader) -> None:
        self._positions = collection
        self._log = log
        self._expected: dict[str, int] = {}

    async def check(self, records: Sequence[Record]) -> None:
        """Raises OtherLog if a partition of the batch is not the log we have read, Gap if it skips a part of it."""
        for first in _firsts(records):
            if self._expected.get(first.log) != first.offset:
                await self._verify(first.topic, first.partition)
                await self._refuse_gap(first)

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

    async def read_to(self, topic: str, partitions: Iterable[int]) -> dict[int, int]:
        """By partition, the offset up to which the database has read the log: the next one to read; 0 for none."""
        logs = {log_name(topic, partition): partition for partition in partitions}
        found = self._positions.find({"_id": {"$in": list(logs)}})
        read = {logs[stored["_id"]]: int(stored["offset"]) + 1 async for stored in found}
        return {partition: read.get(partition, 0) for partition in logs.values()}

    async def _refuse_gap(self, first: Position) -> None:
        """Compaction and transactions leave holes that hold no record; they are no gap."""
        read = (await self.read_to(first.topic, [first.partition]))[first.partition]
        begin = max(read, await self._log.beginning(first.topic, first.partition))
        if begin < first.offset:
            found = await self._log.first_from(Position(first.topic, first.partition, begin))
            if found is not None and found < first.offset:
                raise Gap(first.topic, first.partition, begin, first.offset)

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
