"""What an agency's events are in the real log, as any consumer reads them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.events.codec import decode
from shared.events.envelope import AGENCIES, Envelope
from shared.topics import INCIDENTS, REPORTS

TIMEOUT_S = 20.0
STRAGGLERS_S = 0.5


class Log:
    """Reports and incidents from the moment it was opened."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        self._consumer = consumer
        self._events: list[Envelope] = []

    async def events(self, agency: str, at_least: int) -> list[Envelope]:
        """Of one agency, as soon as there are that many, and those that come right behind them."""
        async with asyncio.timeout(TIMEOUT_S):
            while len(self._of(agency)) < at_least:
                await self._read(1.0)
        await self._read(STRAGGLERS_S)
        return self._of(agency)

    def _of(self, agency: str) -> list[Envelope]:
        return [event for event in self._events if event.source == f"{AGENCIES}{agency}"]

    async def _read(self, seconds: float) -> None:
        for records in (await self._consumer.getmany(timeout_ms=int(seconds * 1000))).values():
            self._events += [decode(record.topic, record.value or b"") for record in records]


@asynccontextmanager
async def open_log(address: str) -> AsyncIterator[Log]:
    consumer = AIOKafkaConsumer(bootstrap_servers=address, enable_auto_commit=False, fetch_max_wait_ms=50)
    async with asyncio.timeout(TIMEOUT_S):
        await consumer.start()
    try:
        found = [TopicPartition(t.name, p) for t in (REPORTS, INCIDENTS) for p in range(t.partitions)]
        consumer.assign(found)
        await consumer.seek_to_end(*found)
        for partition in found:
            await consumer.position(partition)
        yield Log(consumer)
    finally:
        await asyncio.wait_for(consumer.stop(), TIMEOUT_S)
