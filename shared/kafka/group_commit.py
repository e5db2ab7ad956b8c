"""Group commit: the records of many callers go to Kafka in few sends.

One batch of a partition is under way at a time; all records that come meanwhile make its next one, and a record that
comes alone goes at the end of the loop's turn. No timer: under load the batches grow by themselves.
"""

from __future__ import annotations

import asyncio
import functools
import math
from collections.abc import Callable, Sequence
from contextlib import suppress
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
from shared.kafka.posted import Headers, Lane, Posted, PublishFailed, Settled, append, failed, tell
from shared.records import Position

_LATE_S = 0.1  # one timer for all whose deadline comes within
# Longer than aiokafka itself takes to give a batch up (it may connect, send and wait, each for the deadline).
_BATCH_DEADLINES = 4


class GroupCommit:
    """Publishes over a started client. Keeps a record only as long as its caller waits: at most `deadline_s`.

    What aiokafka holds beyond that is one batch (1 MiB) a partition. `count` hears how many records a send carried.
    """

    def __init__(self, client: AIOKafkaProducer, deadline_s: float, count: Callable[[int], object]) -> None:
        self._client = client
        self._deadline_s = deadline_s
        self._count = count
        self._loop = asyncio.get_running_loop()
        self._lanes: dict[tuple[str, int], Lane] = {}
        self._partitions: dict[str, list[int]] = {}  # of this turn: metadata may change between two
        self._unrouted: dict[str, list[Posted]] = {}  # of topics whose partitions are being asked for
        self._routing: set[asyncio.Task[None]] = set()
        self._live: dict[Posted, None] = {}  # in order of arrival, which is about that of the deadlines
        self._nobody_waits = asyncio.Event()
        self._nobody_waits.set()
        self._expiries: dict[int, asyncio.TimerHandle] = {}  # by the time they come, in _LATE_S

    async def publish(
        self, topic: str, key: bytes | None, value: bytes, headers: Headers, waited_s: float = 0.0
    ) -> Position:
        """Where the record stands after all in-sync replicas confirmed it. Raises PublishFailed at the deadline, of
        which the caller has used `waited_s` already; up to _LATE_S later."""
        confirmed: asyncio.Future[int] = self._loop.create_future()
        posted = self.post(topic, key, value, headers, functools.partial(tell, confirmed), waited_s)
        try:
            offset = await confirmed
        finally:
            self._leave(posted)
        return Position(topic, posted.partition, offset)

    def post(
        self, topic: str, key: bytes | None, value: bytes, headers: Headers, settled: Settled, waited_s: float = 0.0
    ) -> Posted:
        """As `publish`, for who has many of them and wants no task for each: `settled` hears it, maybe at once."""
        posted = Posted(key, value, headers, self._loop.time() + self._deadline_s - waited_s, settled)
        if len(value) + len(key or b"") > MAX_BATCH_BYTES:
            posted.end(PublishFailed(f"MessageSizeTooLargeError: {len(value)} bytes, of {MAX_BATCH_BYTES} at most"))
            return posted
        self._await(posted)
        partitions = self._partitions.get(topic)
        if partitions is not None:
            self._queue(posted, topic, partitions)
        elif topic in self._unrouted:
            self._unrouted[topic].append(posted)
        else:
            self._unrouted[topic] = [posted]
            routing = asyncio.create_task(self._route(topic))
            self._routing.add(routing)
            routing.add_done_callback(self._routing.discard)
        return posted

    def silent_s(self) -> float:
        """How long Kafka has answered nothing in some partition although it was sent something; 0 if all is well."""
        since = [lane.silent_since for lane in self._lanes.values() if lane.silent_since is not None]
        return self._loop.time() - min(since) if since else 0.0

    async def drained(self) -> None:
        """Returns when nobody waits any more, at the last deadline at the latest. Publish nothing meanwhile.

        Batches that nobody waits for may still be under way: closing the client ends them."""
        await self._nobody_waits.wait()

    async def _route(self, topic: str) -> None:
        """Queue all that wait for a topic's partitions, by the metadata of this moment; without any they wait for
        them as long as their deadlines allow."""
        failure: Exception = TimeoutError()
        try:
            while topic not in self._partitions and (deadline := self._last_deadline(topic)) is not None:
                with suppress(TimeoutError):
                    async with asyncio.timeout_at(deadline):
                        self._partitions[topic] = sorted(await self._client.partitions_for(topic))
        except KafkaError as error:
            failure = error
        for posted in self._unrouted.pop(topic):
            if topic in self._partitions:
                self._queue(posted, topic, self._partitions[topic])
            else:
                self._give_up(posted, failure)

    def _last_deadline(self, topic: str) -> float | None:
        """Until when somebody waits for a topic's partitions; None if nobody does."""
        return max((posted.deadline for posted in self._unrouted[topic] if not posted.is_over), default=None)

    def _await(self, posted: Posted) -> None:
        """Whoever posts it is told at its deadline at the latest."""
        expiry = math.ceil(posted.deadline / _LATE_S)
        if expiry not in self._expiries:
            self._expiries[expiry] = self._loop.call_at(expiry * _LATE_S, self._expire, expiry)
        self._live[posted] = None
        self._nobody_waits.clear()

    def _queue(self, posted: Posted, topic: str, partitions: list[int]) -> None:
        posted.partition = partition = choose_partition(posted.key, partitions)
        lane = self._lanes.get((topic, partition))
        if lane is None:
            lane = self._lanes[topic, partition] = Lane(topic, partition)
        lane.waiting.append(posted)
        if lane.writer is None:
            lane.writer = asyncio.create_task(self._write(lane))  # runs when this turn of the loop is over

    async def _write(self, lane: Lane) -> None:
        """Send batch after batch until nobody waits."""
        try:
            while lane.waiting:
                self._partitions.clear()
                batch, records = self._fill(lane)
                if records:
                    await self._send(lane, batch, records)
        finally:
            lane.writer = None

    def _fill(self, lane: Lane) -> tuple[Any, list[Posted]]:
        """The lane's next batch. While Kafka is silent it is a single record, which shows when Kafka answers again:
        what a client holds of a dead broker may be written long after its callers have gone."""
        batch = self._client.create_batch()
        taken: list[Posted] = []
        while lane.waiting and not (taken and lane.silent_since is not None):
            record = lane.waiting[0]
            if not record.is_over:
                try:
                    if not append(batch, record):
                        break
                except (TypeError, ValueError) as error:  # what cannot be encoded spoils no other
                    self._end(record, error)
                else:
                    taken.append(record)
            lane.waiting.popleft()
        return batch, taken

    async def _send(self, lane: Lane, batch: Any, records: list[Posted]) -> None:
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
        for offset, record in enumerate(records, first):
            self._end(record, offset)

    async def _refused(self, lane: Lane, records: list[Posted], error: Exception) -> None:
        if isinstance(error, BrokerResponseError) and not error.retriable:
            lane.silent_since = None  # a no is an answer
        if isinstance(error, MessageSizeTooLargeError | RecordListTooLargeError) and len(records) > 1:
            # This broker takes less than we thought: halves find the one that is too large, which then fails alone.
            for half in (records[: len(records) // 2], records[len(records) // 2 :]):
                await self._send(lane, self._batch_of(half), half)
            return
        for record in records:
            self._give_up(record, error)

    def _batch_of(self, records: Sequence[Posted]) -> Any:
        batch = self._client.create_batch()
        for record in records:
            append(batch, record)
        return batch

    def _expire(self, expiry: int) -> None:
        """Fails the records whose deadline has come, and lets go of them: nobody waits for a ghost."""
        del self._expiries[expiry]
        now = self._loop.time()
        for posted in [posted for posted in self._live if posted.deadline <= now]:
            self._give_up(posted)
        for lane in self._lanes.values():
            lane.drop_settled()

    def _give_up(self, posted: Posted, error: Exception | None = None) -> None:
        self._end(posted, failed(error or TimeoutError(), self._deadline_s))

    def _end(self, posted: Posted, outcome: int | Exception) -> None:
        posted.end(outcome)
        self._leave(posted)

    def _leave(self, posted: Posted) -> None:
        """Nobody waits for it any more."""
        posted.is_over = True
        self._live.pop(posted, None)
        if not self._live:
            self._nobody_waits.set()
