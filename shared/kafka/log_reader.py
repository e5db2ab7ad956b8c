"""Offsets and single records, outside any subscription."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from typing import Any

from aiokafka import TopicPartition
from aiokafka.errors import KafkaError

from shared.kafka.limits import CALL_TIMEOUT_S, METADATA_MAX_AGE_MS
from shared.kafka.security import PLAIN, Security
from shared.kafka.subscription import to_record
from shared.kafka.tolerant_consumer import TolerantConsumer
from shared.records import Look, Position


class LogReader:
    """Offsets and single records, outside any group's subscription."""

    def __init__(self, addresses: str, group: str, client_id: str, security: Security = PLAIN) -> None:
        self._options: dict[str, Any] = {
            "bootstrap_servers": addresses.split(","),
            **security.options(),
            "client_id": client_id,
            "group_id": group,  # to ask for its committed offsets; this consumer never joins it
            "enable_auto_commit": False,
            "auto_offset_reset": "none",
            "metadata_max_age_ms": METADATA_MAX_AGE_MS,
            "request_timeout_ms": int(CALL_TIMEOUT_S * 1000),
        }
        self._started: TolerantConsumer | None = None
        self._lock = asyncio.Lock()

    async def stop(self) -> None:
        if self._started is not None:
            with contextlib.suppress(TimeoutError, KafkaError):
                await asyncio.wait_for(self._started.stop(), CALL_TIMEOUT_S)

    async def partitions(self, topic: str) -> list[int]:
        """The partitions of a topic by fresh metadata. Raises KafkaError, TimeoutError."""
        async with self._lock, asyncio.timeout(CALL_TIMEOUT_S):
            consumer = await self._consumer()
            found = await consumer.partitions_now([topic])
        return found[topic]

    async def beginning(self, topic: str, partition: int) -> int:
        """The first offset still kept. Raises KafkaError, TimeoutError."""
        where = TopicPartition(topic, partition)
        async with self._lock, asyncio.timeout(CALL_TIMEOUT_S):
            consumer = await self._consumer()
            return int((await consumer.beginning_offsets([where]))[where])

    async def ends(self, topic: str) -> dict[int, tuple[int, int]]:
        """(beginning, end) of each partition of a topic, by fresh metadata: every partition counts, also one added a
        moment ago. Raises KafkaError, TimeoutError."""
        where = [TopicPartition(topic, p) for p in await self.partitions(topic)]
        async with self._lock, asyncio.timeout(CALL_TIMEOUT_S):
            consumer = await self._consumer()
            begins = await consumer.beginning_offsets(where)
            ends = await consumer.end_offsets(where)
        return {w.partition: (begins[w], ends[w]) for w in where}

    async def committed(self, topic: str, partitions: Iterable[int]) -> dict[int, int]:
        """The group's committed offset of each partition; 0 where it has none. Raises KafkaError, TimeoutError."""
        found: dict[int, int] = {}
        async with self._lock, asyncio.timeout(CALL_TIMEOUT_S):
            consumer = await self._consumer()
            for partition in partitions:
                found[partition] = await consumer.committed(TopicPartition(topic, partition)) or 0
        return found

    async def value_at(self, position: Position) -> bytes | None:
        """The bytes at a position; None where no record stands. Raises KafkaError, TimeoutError."""
        (look,) = await self.look([position])
        return look.value_at(position.offset)

    async def look(self, positions: Sequence[Position]) -> list[Look]:
        """What stands at each position or first after it, in order; each in a partition of its own, all in one go.
        Raises KafkaError, TimeoutError."""
        offsets = {TopicPartition(p.topic, p.partition): p.offset for p in positions}
        assert len(offsets) == len(positions)
        async with asyncio.timeout(CALL_TIMEOUT_S):
            async with self._lock:
                consumer = await self._consumer()
            # Nothing is assigned: that kills the coordination of a consumer with a group (an assertion in aiokafka
            # 0.14), and one made for this alone costs 150 to 500 ms, most of it for its end.
            begins, ends = await asyncio.gather(
                consumer.beginning_offsets(list(offsets)), consumer.end_offsets(list(offsets))
            )
            found = await asyncio.gather(
                *(consumer.first_from(w, max(offset, begins[w]), ends[w]) for w, offset in offsets.items())
            )
        records = (raw if raw is None else to_record(raw) for raw in found)
        return [Look(begins[where], record) for where, record in zip(offsets, records, strict=True)]

    async def _consumer(self) -> TolerantConsumer:
        """Made at the first call, not before: aiokafka wants a running loop, and one that failed to start is spent."""
        if self._started is None:
            consumer = TolerantConsumer(**self._options)
            try:
                await consumer.start()
            except BaseException:
                await _stop(consumer)
                raise
            self._started = consumer
        return self._started


async def _stop(consumer: TolerantConsumer) -> None:
    with contextlib.suppress(TimeoutError, KafkaError):
        await asyncio.wait_for(consumer.stop(), 2.0)
