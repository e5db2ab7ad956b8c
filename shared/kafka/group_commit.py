"""Group commit: the records of many callers go to Kafka in few sends.

One batch of a partition is under way at a time; all records that come meanwhile make its next one, and a record that
comes alone goes at the end of the loop's turn. No timer: under load the batches grow by themselves.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import (
    BrokerResponseError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
)

from shared.kafka.limits import MAX_BATCH_BYTES
from shared.kafka.partitioning import choose_partition
from shared.records import Position

Headers = list[tuple[str, bytes]]

_LATE_S = 0.1  # one timer for all that come within
# Longer than aiokafka itself takes to give a batch up (it may connect, send and wait, each for the deadline).
_BATCH_DEADLINES = 4


class PublishFailed(Exception):
    """Kafka did not confirm within the deadline. The record may be in the log all the same."""


@dataclass(eq=False, slots=True)
class _Record:
    key: bytes | None
    value: bytes
    headers: Headers
    deadline: float
    confirmed: asyncio.Future[Position]


@dataclass(eq=False, slots=True)
class _Lane:
    """One partition's queue."""

    topic: str
    partition: int
    waiting: deque[_Record] = field(default_factory=deque)
    writer: asyncio.Task[None] | None = None
    silent_since: float | None = None  # the first attempt since Kafka last answered

    def drop_settled(self) -> None:
        """Let go of records at the head whose callers have left."""
        while self.waiting and self.waiting[0].confirmed.done():
            self.waiting.popleft()


class GroupCommit:
    """Publishes over a started client. Keeps a record only as long as its caller waits: at most `deadline_s`.

    What aiokafka holds beyond that is one batch (1 MiB) a partition. `count` hears how many records a send carried.
    """

    def __init__(self, client: AIOKafkaProducer, deadline_s: float, count: Callable[[int], object]) -> None:
        self._client = client
        self._deadline_s = deadline_s
        self._count = count
        self._loop = asyncio.get_running_loop()
        self._lanes: dict[tuple[str, int], _Lane] = {}
        self._partitions: dict[str, list[int]] = {}  # of this turn: metadata may change between two
        self._live: dict[_Record, None] = {}  # in order of arrival, which is about that of the deadlines
        self._latest_deadline = 0.0  # of all that ever came: `_expiry` may be set for one that is gone
        self._expiry: asyncio.TimerHandle | None = None

    async def publish(
        self, topic: str, key: bytes | None, value: bytes, headers: Headers, waited_s: float = 0.0
    ) -> Position:
        """Where the record stands after all in-sync replicas confirmed it. Raises PublishFailed at the deadline, of
        which the caller has used `waited_s` already; up to _LATE_S later."""
        if len(value) + len(key or b"") > MAX_BATCH_BYTES:
            raise PublishFailed(f"MessageSizeTooLargeError: {len(value)} bytes, of {MAX_BATCH_BYTES} at most")
        deadline = self._loop.time() + self._deadline_s - waited_s
        partitions = self._partitions.get(topic) or await self._look_up(topic, deadline)
        record = _Record(key, value, headers, deadline, self._loop.create_future())
        self._queue(record, topic, choose_partition(key, partitions))
        try:
            return await record.confirmed
        finally:
            self._live.pop(record, None)

    def silent_s(self) -> float:
        """How long Kafka has answered nothing in some partition although it was sent something; 0 if all is well."""
        since = [lane.silent_since for lane in self._lanes.values() if lane.silent_since is not None]
        return self._loop.time() - min(since) if since else 0.0

    async def drained(self) -> None:
        """Returns when nobody waits any more, at the last deadline at the latest. Publish nothing meanwhile.

        Batches that nobody waits for may still be under way: closing the client ends them."""
        if self._live:
            await asyncio.wait([record.confirmed for record in self._live])

    async def _look_up(self, topic: str, deadline: float) -> list[int]:
        """All partitions of a topic by the metadata of this moment; waits for it only where there is none."""
        try:
            async with asyncio.timeout_at(deadline):
                found = sorted(await self._client.partitions_for(topic))
        except (TimeoutError, KafkaError) as error:
            raise _failed(error, self._deadline_s) from error
        self._partitions[topic] = found
        return found

    def _queue(self, record: _Record, topic: str, partition: int) -> None:
        lane = self._lanes.get((topic, partition))
        if lane is None:
            lane = self._lanes[topic, partition] = _Lane(topic, partition)
        lane.waiting.append(record)
        self._latest_deadline = max(self._latest_deadline, record.deadline)
        if record.deadline < self._latest_deadline - _LATE_S:  # it has waited elsewhere: for metadata, for a database
            self._loop.call_at(record.deadline, self._give_up, record)
        self._live[record] = None
        if lane.writer is None:
            lane.writer = asyncio.create_task(self._write(lane))  # runs when this turn of the loop is over
        if self._expiry is None:
            self._expiry = self._loop.call_at(record.deadline, self._expire)

    async def _write(self, lane: _Lane) -> None:
        """Send batch after batch until nobody waits."""
        try:
            while lane.waiting:
                self._partitions.clear()
                batch, records = self._fill(lane)
                if records:
                    await self._send(lane, batch, records)
        finally:
            lane.writer = None

    def _fill(self, lane: _Lane) -> tuple[Any, list[_Record]]:
        """The lane's next batch. While Kafka is silent it is a single record, which shows when Kafka answers again:
        what a client holds of a dead broker may be written long after its callers have gone."""
        batch = self._client.create_batch()
        taken: list[_Record] = []
        while lane.waiting and not (taken and lane.silent_since is not None):
            record = lane.waiting[0]
            if not record.confirmed.done():
                try:
                    if not _append(batch, record):
                        break
                except (TypeError, ValueError) as error:  # what cannot be encoded spoils no other
                    record.confirmed.set_exception(error)
                else:
                    taken.append(record)
            lane.waiting.popleft()
        return batch, taken

    async def _send(self, lane: _Lane, batch: Any, records: list[_Record]) -> None:
        if lane.silent_since is None:
            lane.silent_since = self._loop.time()
        try:
            async with asyncio.timeout(_BATCH_DEADLINES * self._deadline_s):
                sent = await self._client.send_batch(batch, lane.topic, partition=lane.partition)
                first = (await sent).offset
        except (KafkaError, TimeoutError) as error:
            await self._refused(lane, records, error)
            return
        lane.silent_since = None
        self._count(len(records))
        for place, record in enumerate(records, first):
            if not record.confirmed.done():
                record.confirmed.set_result(Position(lane.topic, lane.partition, place))

    async def _refused(self, lane: _Lane, records: list[_Record], error: Exception) -> None:
        if isinstance(error, BrokerResponseError) and not error.retriable:
            lane.silent_since = None  # a no is an answer
        if isinstance(error, MessageSizeTooLargeError | RecordListTooLargeError) and len(records) > 1:
            # This broker takes less than we thought: halves find the one that is too large, which then fails alone.
            for half in (records[: len(records) // 2], records[len(records) // 2 :]):
                await self._send(lane, self._batch_of(half), half)
            return
        for record in records:
            if not record.confirmed.done():
                record.confirmed.set_exception(_failed(error, self._deadline_s))

    def _batch_of(self, records: Sequence[_Record]) -> Any:
        batch = self._client.create_batch()
        for record in records:
            _append(batch, record)
        return batch

    def _expire(self) -> None:
        """Fails the records whose deadline has come, and lets go of them: nobody waits for a ghost."""
        self._expiry = None
        for record in list(self._live):
            if record.deadline > self._loop.time():
                self._expiry = self._loop.call_at(record.deadline, self._expire)
                break
            self._give_up(record)
        for lane in self._lanes.values():
            lane.drop_settled()

    def _give_up(self, record: _Record) -> None:
        self._live.pop(record, None)
        if not record.confirmed.done():
            record.confirmed.set_exception(_failed(TimeoutError(), self._deadline_s))


def _append(batch: Any, record: _Record) -> bool:
    """Whether there was room in the batch; for the first one there always is. Raises TypeError, ValueError."""
    added = batch.append(timestamp=None, key=record.key, value=record.value, headers=record.headers)
    return added is not None


def _failed(error: Exception, deadline_s: float) -> PublishFailed:
    if isinstance(error, TimeoutError):
        return PublishFailed(f"no confirmation within {deadline_s:g} s")
    failed = PublishFailed(f"{type(error).__name__}: {error}")
    failed.__cause__ = error
    return failed
