"""Step 5: refuse a log that is not the one we have read.

A topic deleted and made anew starts at offset 0 again, below our cursors: every new record would be skipped in
silence. So we keep, per partition, the last offset folded and the hash of its bytes, and compare with the log
before the first batch, whenever a batch does not begin where the last one ended, and whenever it comes long after it:
a new log may have grown beyond that place while nobody read.

The database, not the group's committed offset, knows how far we have read: a database that was lost or restored from
an older backup stands behind the commits, and what lies between must be read again (`Gap`).

The journal must be the one we have written, too: without it a client's retry counts twice. So the last new event of
each partition is kept with the position, and must be in the journal until it may have expired (`retention.py`).
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Protocol

from pymongo import UpdateOne
from pymongo.errors import BulkWriteError

from shared.clock import real
from shared.exactly_once import fence
from shared.exactly_once.journal import Journal
from shared.exactly_once.retention import may_have_expired
from shared.exactly_once.sightings import Sighting
from shared.mongo import Collection, Document, is_duplicates_only
from shared.records import Look, Position, Record, log_name

COLLECTION = "positions"
# A topic is not deleted, made anew and filled beyond our place within this time.
_TRUSTED_S = 15.0


class OtherLog(Exception):
    """The log is not the one this database has read. Permanent: a person must decide (docs/runbooks/other-log.md)."""


class JournalLost(OtherLog):
    """The journal lacks an entry that cannot have expired. Permanent, as another log is."""


class Gap(Exception):
    """A batch begins beyond what the database has read. Passing: read again from `offsets`, by topic and partition.

    All gaps of a batch are told at once. After a restore every partition has one, and most batches several: told one
    by one they were more than a batch has attempts, and each restart met them anew.
    """

    def __init__(self, read_to: Mapping[Position, int]) -> None:
        """By where the batch begins in a partition, how far that one is read."""
        (first, offset), *more = read_to.items()
        also = f"; and so in {len(more)} partitions more" if more else ""
        super().__init__(
            f"{first.topic}/{first.partition}: read up to {offset}, the batch begins at {first.offset}{also}"
        )
        self.offsets = {(first.topic, first.partition): offset for first, offset in read_to.items()}


class LogReader(Protocol):
    """Reads single records of the log."""

    async def look(self, positions: Sequence[Position]) -> list[Look]:
        """One look at each position, in order; each in a partition of its own."""
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
        self._checked_at: dict[str, float] = {}  # of the monotonic clock

    async def check(self, records: Sequence[Record]) -> None:
        """Raises OtherLog if a partition of the batch is not the log we have read, Gap if it skips a part of it,
        Fenced if this is not the time to read."""
        now, every = time.monotonic(), _firsts(records)
        firsts = [first for first in every if not self._follows(first, now)]
        if firsts:
            read = await self._verified((first.topic, first.partition) for first in firsts)
            await self._refuse_gaps([first for first in firsts if first.offset > read[first.log]], read)
        self._checked_at.update({first.log: now for first in every})

    def _follows(self, first: Position, now: float) -> bool:
        """Whether a batch begins where the last one ended, and that was read a moment ago."""
        is_next = self._expected.get(first.log) == first.offset
        return is_next and now - self._checked_at.get(first.log, -_TRUSTED_S) < _TRUSTED_S

    async def verify_all(self, partitions: Iterable[tuple[str, int]]) -> None:
        """At start: the same check over all partitions, so that an emptied topic is found before its first record."""
        await self._verified(partitions)

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

    async def refuse_fence(self) -> None:
        """Raises Fenced while somebody exchanges what is written here."""
        fence.refuse(await self._positions.find_one({"_id": fence.DOCUMENT_ID}))

    async def read_to(self, topic: str, partitions: Iterable[int]) -> dict[int, int]:
        """By partition, the offset up to which the database has read the log: the next one to read; 0 for none."""
        logs = {log_name(topic, partition): partition for partition in partitions}
        found = self._positions.find({"_id": {"$in": list(logs)}})
        read = {logs[stored["_id"]]: int(stored["offset"]) + 1 async for stored in found}
        return {partition: read.get(partition, 0) for partition in logs.values()}

    async def _verified(self, partitions: Iterable[tuple[str, int]]) -> dict[str, int]:
        """By the log's name, the next offset to read, of partitions that are the ones we have read. One look at the
        log for all of them: after a restart these looks are most of what a crash costs."""
        logs = {log_name(topic, partition): (topic, partition) for topic, partition in partitions}
        wanted = {"_id": {"$in": [*logs, fence.DOCUMENT_ID]}}
        stored = {found["_id"]: found async for found in self._positions.find(wanted)}
        fence.refuse(stored.pop(fence.DOCUMENT_ID, None))
        for found in stored.values():
            await self._refuse_lost_journal(found)
        lasts = [Position(*logs[log], found["offset"]) for log, found in stored.items()]
        for last, look in zip(lasts, await self._log.look(lasts) if lasts else (), strict=True):
            _refuse_other(last, stored[last.log]["hash"], look)
        return {log: int(stored[log]["offset"]) + 1 if log in stored else 0 for log in logs}

    async def _refuse_gaps(self, firsts: Sequence[Position], read: Mapping[str, int]) -> None:
        """Compaction and transactions leave holes that hold no record; they are no gap."""
        begins = [Position(first.topic, first.partition, read[first.log]) for first in firsts]
        looks = await self._log.look(begins) if begins else ()
        gaps = {
            first: max(begin.offset, look.beginning)
            for first, begin, look in zip(firsts, begins, looks, strict=True)
            if look.record is not None and look.record.position.offset < first.offset
        }
        if gaps:
            raise Gap(gaps)

    async def _refuse_lost_journal(self, stored: Document) -> None:
        """An entry that may have expired is asked for no more: a longer retention later does not bring it back."""
        if self._journal is None or "event" not in stored or await self._journal.holds(stored["event"]):
            return
        if not may_have_expired(stored["journaled_at"], real(), self._retention):
            raise JournalLost(
                f"{stored['_id']}: the journal has no entry of {stored['event']}, which was written at "
                f"{stored['journaled_at']:%Y-%m-%dT%H:%M:%SZ} and cannot have expired; the collection `journal` was "
                "dropped, or only a part of the database restored"
            )
        same = {"_id": stored["_id"], "event": stored["event"]}
        await self._positions.update_one(same, {"$unset": {"event": "", "journaled_at": ""}})


def _refuse_other(last: Position, expected_hash: str, look: Look) -> None:
    if look.beginning > last.offset:
        return  # expired by retention
    value = look.value_at(last.offset)
    if value is None or _hash(value) != expected_hash:
        raise OtherLog(
            f"{last.topic}/{last.partition}: the record at offset {last.offset} is "
            f"{'gone' if value is None else 'another one'}; the topic was deleted and made anew, or this "
            "database belongs to another broker"
        )


def _firsts(records: Sequence[Record]) -> list[Position]:
    firsts: dict[str, Position] = {}
    for record in records:
        firsts.setdefault(record.position.log, record.position)
    return list(firsts.values())
