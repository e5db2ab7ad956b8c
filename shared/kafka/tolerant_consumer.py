"""aiokafka's consumer, but for one thing: a header whose *name* is no UTF-8 does not stop it.

Kafka takes any bytes for a header's name. aiokafka 0.14 decodes it while it unpacks what it fetched, and raises: every
`getmany` does so again at the same record, and the records behind it are never read. Nobody above can catch that and
go on, since no offset is told. So this one fetches that partition again itself, over the same connection, and unpacks
it by aiokafka's own code with lenient names. The record is a record like any other then.

What else has to be asked past a consumer's public calls, single records and fresh metadata, is asked here, too.
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Iterable
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.consumer.fetcher import READ_UNCOMMITTED, PartitionRecords
from aiokafka.errors import KafkaError, LeaderNotAvailableError, for_code
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.default_records import _DefaultRecordBatchPy

from shared.kafka.limits import MAX_BATCH_BYTES
from shared.logs import get_logger

log = get_logger(__name__)

_MAX_WAIT_MS = 500
_AGAIN_S = 0.1
_LENGTH_AT, _OVERHEAD = 8, 12  # of a batch: its length follows its first offset


class TolerantConsumer(AIOKafkaConsumer):  # type: ignore[misc]  # aiokafka has no types
    """Reads records with headers of any name; what is no UTF-8 in a name is replaced."""

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> dict[TopicPartition, list[ConsumerRecord]]:
        """As aiokafka's. Raises KafkaError."""
        found = await self._standing_ready(partitions, max_records)
        if found or not timeout_ms:
            return found
        # Partitions may become ours, and get a position, while we wait. Who takes a single record loses none by that.
        try:
            found = dict(await super().getmany(*partitions, timeout_ms=timeout_ms, max_records=1))
        except UnicodeDecodeError:
            return await self._around(partitions or self.assignment(), max_records)
        if not found or max_records == 1:
            return found
        for where, records in (await self._standing_ready(partitions, max_records and max_records - 1)).items():
            found.setdefault(where, []).extend(records)
        return found

    async def partitions_now(self, topics: Iterable[str]) -> dict[str, list[int]]:
        """The partitions of each topic, in order; none where there is no such topic. Asked of a broker at this moment:
        `partitions_for_topic` answers from what was heard some time ago, and may miss one that was added since.
        Raises KafkaError."""
        fresh = await self._client.fetch_all_metadata()
        return {topic: sorted(fresh.partitions_for_topic(topic) or ()) for topic in topics}

    async def first_from(self, where: TopicPartition, position: int, end: int) -> ConsumerRecord | None:
        """The first record at or after a position, asked for by itself: nothing is assigned, and nothing more is
        fetched. None if the log, which ends at `end`, holds no more. Raises KafkaError; tries for ever what may
        pass, a broker that sends nothing of what it has among it."""
        while position < end:
            try:
                fetched = await self._fetched(where, position)
            except KafkaError as error:
                if not error.retriable:
                    raise
                self._client.add_topic(where.topic)  # once one was asked for alone, no others are known
                self._client.force_metadata_update()
                await asyncio.sleep(_AGAIN_S)
                continue
            record: ConsumerRecord | None = next(fetched, None)
            if record is not None:
                return record
            if fetched.next_fetch_offset <= position:
                await asyncio.sleep(_AGAIN_S)
            position = fetched.next_fetch_offset  # transactions leave batches without a record of ours
        return None

    async def _standing_ready(
        self, partitions: tuple[TopicPartition, ...], max_records: int | None
    ) -> dict[TopicPartition, list[ConsumerRecord]]:
        """What has been fetched already. Nothing comes between the look at the positions and the taking."""
        if self._subscription.reassignment_in_progress:
            return {}
        before = self._positions()
        try:
            found: dict[TopicPartition, list[ConsumerRecord]] = await super().getmany(
                *partitions, max_records=max_records
            )
        except UnicodeDecodeError:
            # What it had taken from other partitions by then is lost to us, and their positions have moved.
            for where, position in self._positions().items():
                if before.get(where, position) != position:
                    self.seek(where, before[where])
            return await self._around(partitions or self.assignment(), max_records)
        return found

    def _positions(self) -> dict[TopicPartition, int]:
        """Of what is ours and has one; `position` would wait for those that have none yet."""
        assigned = self._subscription.subscription and self._subscription.subscription.assignment
        states = {where: assigned.state_value(where) for where in assigned.tps} if assigned else {}
        return {where: state.position for where, state in states.items() if state.has_valid_position}

    async def _around(
        self, partitions: Iterable[TopicPartition], max_records: int | None
    ) -> dict[TopicPartition, list[ConsumerRecord]]:
        """What stands next in the first partition that has such a header; nothing if it is not ours any more."""
        for where in sorted(set(partitions) - self.paused()):
            position = await self.position(where)
            records = list(await self._fetched(where, position))
            if not any(_is_replaced(record) for record in records):
                continue
            taken = records[:max_records]
            if where not in self.assignment() or await self.position(where) != position:
                break
            self.seek(where, taken[-1].offset + 1)
            log.warning("header_name_is_no_text", topic=where.topic, partition=where.partition, offset=position)
            return {where: taken}
        return {}

    async def _fetched(self, where: TopicPartition, position: int) -> PartitionRecords:
        asked = FetchRequest(
            _MAX_WAIT_MS,
            0,
            MAX_BATCH_BYTES,
            READ_UNCOMMITTED,
            [(where.topic, [(where.partition, position, MAX_BATCH_BYTES)])],
        )
        leader = self._client.cluster.leader_for_partition(where)
        if leader is None or leader == -1:
            raise LeaderNotAvailableError(str(where))
        ((_, ((_, error, *_, data),)),) = (await self._client.send(leader, asked)).topics
        if error:
            raise for_code(error)(f"{where.topic}/{where.partition} at {position}")
        return PartitionRecords(where, _Batches(data), None, position, None, None, True, READ_UNCOMMITTED)


def _is_replaced(record: ConsumerRecord) -> bool:
    return any("\ufffd" in name for name, _ in record.headers)


class _LenientBytes(bytearray):
    """Whose pieces are text whatever they hold."""

    def __getitem__(self, where: Any) -> Any:
        found = super().__getitem__(where)
        return _LenientBytes(found) if isinstance(where, slice) else found

    def decode(self, encoding: str = "utf-8", _errors: str = "replace") -> str:
        return super().decode(encoding, "replace")


class _LenientBatch(_DefaultRecordBatchPy):  # type: ignore[misc]  # aiokafka has no types
    """A batch that decodes its records' texts, which are the headers' names alone, leniently."""

    def __iter__(self) -> _LenientBatch:
        super().__iter__()
        self._buffer: bytearray = _LenientBytes(self._buffer)
        return self


class _Batches:
    """The batches in what a broker answered, whose last one may be cut off; as `PartitionRecords` asks for them."""

    def __init__(self, data: bytes) -> None:
        self._left = memoryview(data)

    def has_next(self) -> bool:
        return len(self._left) >= self._size()

    def next_batch(self) -> _LenientBatch:
        size = self._size()
        batch, self._left = self._left[:size], self._left[size:]
        return _LenientBatch(batch)

    def _size(self) -> int:
        if len(self._left) < _OVERHEAD:
            return _OVERHEAD
        length: int = struct.unpack_from(">i", self._left, _LENGTH_AT)[0]
        return _OVERHEAD + length
