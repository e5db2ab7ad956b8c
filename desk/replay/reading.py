"""The log read from one place to another, outside any group: nothing is committed, nobody's partitions move."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime

from aiokafka import TopicPartition

from shared.kafka.limits import CALL_TIMEOUT_S
from shared.kafka.security import security_of
from shared.kafka.subscription import to_record
from shared.kafka.tolerant_consumer import TolerantConsumer
from shared.kafka.whole_topic import TopicUnread
from shared.records import Places, Record, log_name
from shared.settings import Settings
from shared.topics import Topic

_SILENCE_S = 15.0
_GATHER_S = 0.1  # small batches cost as much as large ones: it is worth a moment to fill one


class Log:
    """All partitions of some topics. Raises KafkaError, TimeoutError, TopicUnread."""

    def __init__(self, consumer: TolerantConsumer, topics: Sequence[Topic], at_once: int) -> None:
        self._consumer, self._topics, self._at_once = consumer, topics, at_once
        self._partitions: dict[str, TopicPartition] = {}

    async def partitions(self) -> list[tuple[str, int]]:
        """Every partition there is now, by fresh metadata."""
        async with asyncio.timeout(CALL_TIMEOUT_S):
            found = await self._consumer.partitions_now(topic.name for topic in self._topics)
        for topic, numbers in found.items():
            if not numbers:
                raise TopicUnread(f"there is no topic {topic}; `desk init` makes it")
            self._partitions.update({log_name(topic, n): TopicPartition(topic, n) for n in numbers})
        return [(where.topic, where.partition) for where in self._partitions.values()]

    async def bounds(self) -> tuple[Places, Places]:
        """Of every partition the first offset still kept, and the one after its last."""
        await self.partitions()
        where = list(self._partitions.values())
        async with asyncio.timeout(CALL_TIMEOUT_S):
            begins = await self._consumer.beginning_offsets(where)
            ends = await self._consumer.end_offsets(where)
        return self._named(begins), self._named(ends)

    async def first_since(self, at: datetime) -> Places:
        """Of every partition the first record that was written at or after this, by the records' own real time; its
        end where none was."""
        _, ends = await self.bounds()
        ms = int(at.timestamp() * 1000)
        async with asyncio.timeout(CALL_TIMEOUT_S):
            found = await self._consumer.offsets_for_times(dict.fromkeys(self._partitions.values(), ms))
        firsts = {name: found.get(where) for name, where in self._partitions.items()}
        return {name: int(first.offset) if first else ends[name] for name, first in firsts.items()}

    def _named(self, offsets: Mapping[TopicPartition, int]) -> Places:
        return {name: int(offsets[where]) for name, where in self._partitions.items()}

    async def read(self, after: Places, until: Places) -> AsyncGenerator[list[Record], None]:
        """Batches of the records from the offsets in `after` to before those in `until`."""
        waiting = {self._partitions[name]: end for name, end in until.items() if after[name] < end}
        if not waiting:
            return
        self._consumer.assign(list(waiting))
        for name, where in self._partitions.items():
            if where in waiting:
                self._consumer.seek(where, after[name])
        batch: list[Record] = []
        while waiting:
            wait_s = _GATHER_S if batch else _SILENCE_S
            found = await self._consumer.getmany(
                *waiting, timeout_ms=int(wait_s * 1000), max_records=self._at_once - len(batch)
            )
            if not found and not batch:
                raise TopicUnread(f"nothing came for {_SILENCE_S:g} s, though there is more to read")
            batch += [to_record(r) for where, many in found.items() for r in many if r.offset < waiting[where]]
            if batch and (not found or len(batch) >= self._at_once):
                yield batch
                batch = []
            # Positions, not records, say how far it is read: transactions and compaction leave holes.
            async with asyncio.timeout(CALL_TIMEOUT_S):
                waiting = {w: end for w, end in waiting.items() if await self._consumer.position(w) < end}
        if batch:
            yield batch


@asynccontextmanager
async def open_log(settings: Settings, topics: Sequence[Topic]) -> AsyncIterator[Log]:
    """Raises KafkaError, TimeoutError if the broker does not answer."""
    consumer = TolerantConsumer(
        bootstrap_servers=settings.kafka.split(","),
        **security_of(settings).options(),
        enable_auto_commit=False,
        auto_offset_reset="none",
        request_timeout_ms=int(CALL_TIMEOUT_S * 1000),
    )
    try:
        async with asyncio.timeout(CALL_TIMEOUT_S):
            await consumer.start()
        yield Log(consumer, topics, settings.batch_max_records)
    finally:
        async with asyncio.timeout(CALL_TIMEOUT_S):
            await consumer.stop()
