"""Step 5: refuse a log that is not the one we have read.

A topic deleted and made anew starts at offset 0 again, below our cursors: every new record would be skipped in
silence. So we keep, per partition, the last offset folded and the hash of its bytes, and compare with the log
before the first batch, and whenever a batch does not begin where the last one ended.

The database, not the group's committed offset, knows how far we have read: a database that was lost or restored from
an older backup stands behind the commits, and what lies between must be read again (`Gap`).

The journal must be the one we have written, too: without it a client's retry counts twice. So the last new event of
each partition is kept with the position, and must be in the journal until it may have expired (`retention.py`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Protocol

from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from shared.clock import real
from shared.exactly_once.journal import Journal
from shared.exactly_once.records import Position, Record, Sighting, log_name
from shared.exactly_once.retention import may_have_expired
from shared.mongo import Collection, Document, is_duplicates_only

COLLECTION = "positions"


class OtherLog(Exception):
    """The log is not the one this database has read. Permanent: a person must decide (docs/runbooks/other-log.md)."""


class JournalLost(OtherLog):
    """The journal lacks an entry that cannot have expired. Permanent, as another log is."""


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
    """With a journal, it is verified too; `retention` is how long it keeps its entries, None for ever."""

    def __init__(
        self,
        collection: Collection,
        log: LogReader,
        journal: Journal | None = None,
        retention: timedelta | None = None,
    ) -> None:
        self._positions = collection
        self._log = log
        self._journal, self._retention = journal, retention
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

    async def advance(self, records: Sequence[Record], journaled: Sequence[Sighting] = ()) -> None:
        """After the fold: remember how far each partition is read, and the last of its events that were new to the
        journal. Never goes back."""
        lasts = {record.position.log: record for record in records}
        news = {
            log: {"event": one.event.identity, "journaled_at": real()}
            for log, one in {one.position.log: one for one in journaled}.items()
        }
        moves = [
            UpdateOne(
                {"_id": log, "offset": {"$lt": last.position.offset}},
                {"$set": {"offset": last.position.offset, "hash": _hash(last.value), **news.get(log, {})}},
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
        if stored is not None and self._journal is not None:
            await self._verify_journal(stored, self._journal)
        if stored is None or await self._log.beginning(topic, partition) > stored["offset"]:
            return  # nothing read yet, or expired by retention
        value = await self._log.value_at(Position(topic, partition, stored["offset"]))
        if value is None or _hash(value) != stored["hash"]:
            raise OtherLog(
                f"{topic}/{partition}: the record at offset {stored['offset']} is "
                f"{'gone' if value is None else 'another one'}; the topic was deleted and made anew, or this "
                "database belongs to another broker"
            )

    async def _verify_journal(self, stored: Document, journal: Journal) -> None:
        if "event" not in stored or await journal.holds(stored["event"]):
            return
        if not may_have_expired(stored["journaled_at"], real(), self._retention):
            raise JournalLost(
                f"{stored['_id']}: the journal has no entry of {stored['event']}, which was written at "
                f"{stored['journaled_at']:%Y-%m-%dT%H:%M:%SZ} and cannot have expired; the collection `journal` was "
                "dropped, or only a part of the database restored"
            )


def _firsts(records: Sequence[Record]) -> list[Position]:
    firsts: dict[str, Position] = {}
    for record in records:
        firsts.setdefault(record.position.log, record.position)
    return list(firsts.values())
