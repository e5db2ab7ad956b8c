"""A whole topic, read once from its beginning to where it ended when we began: for people's tools, and for a service
that lost its database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing

from aiokafka import ConsumerRecord, TopicPartition

from shared.kafka.limits import CALL_TIMEOUT_S
from shared.kafka.security import PLAIN, Security
from shared.kafka.tolerant_consumer import TolerantConsumer

_SILENCE_S = 15.0


class TopicUnread(Exception):
    """The broker did not give what the topic holds, or there is no such topic."""


async def read_topic(addresses: str, topic: str, security: Security = PLAIN) -> AsyncGenerator[ConsumerRecord, None]:
    """Its records, partition by partition, each in order. Raises TopicUnread, KafkaError, TimeoutError."""
    consumer = TolerantConsumer(
        bootstrap_servers=addresses.split(","),
        **security.options(),
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        request_timeout_ms=int(CALL_TIMEOUT_S * 1000),
    )
    async with asyncio.timeout(CALL_TIMEOUT_S):
        await consumer.start()
    try:
        async with aclosing(_records(consumer, topic)) as records:
            async for record in records:
                yield record
    finally:
        await asyncio.wait_for(consumer.stop(), CALL_TIMEOUT_S)


async def _records(consumer: TolerantConsumer, topic: str) -> AsyncGenerator[ConsumerRecord, None]:
    async with asyncio.timeout(CALL_TIMEOUT_S):
        found = await consumer.partitions_now([topic])
        where = [TopicPartition(topic, p) for p in found[topic]]
        if not where:
            raise TopicUnread(f"there is no topic {topic}; `desk init` makes it")
        consumer.assign(where)
        begins = await consumer.beginning_offsets(where)
        ends = await consumer.end_offsets(where)
    waiting = {w for w in where if ends[w] > begins[w]}
    for one in where:
        consumer.seek(one, begins[one])
    while waiting:
        read = await consumer.getmany(*waiting, timeout_ms=int(_SILENCE_S * 1000))
        if not read:
            raise TopicUnread(f"{topic}: nothing came for {_SILENCE_S:g} s, though there is more to read")
        for partition, records in read.items():
            for record in records:
                if record.offset < ends[partition]:
                    yield record
        # Positions, not records, say how far it is read: transactions and compaction leave holes.
        async with asyncio.timeout(CALL_TIMEOUT_S):
            waiting = {w for w in waiting if await consumer.position(w) < ends[w]}
