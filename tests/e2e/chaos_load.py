"""Sends a stream of events, each confirmed, at a rate, whatever happens to the consumers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from random import Random

from shared.kafka.partitioning import choose_partition
from shared.kafka.producer import Producer
from shared.metrics import Metrics
from tests.e2e.chaos_events import Outgoing, Stream

DEADLINE_S = 20.0
TICK_S = 0.05


class Load:
    """Sends turns of a stream by a producer like the services'."""

    def __init__(self, producer: Producer, stream: Stream) -> None:
        self._producer, self._stream = producer, stream
        self._astray = Random(1)
        self.sent = 0

    async def send(self, turns: int) -> None:
        """So many turns, confirmed when it returns."""
        await self._send(self._stream.take(turns))

    async def repeat(self, topic: str, key: bytes | None, value: bytes) -> None:
        """A record that was sent before."""
        await self._producer.publish(topic, key, value, [])

    @asynccontextmanager
    async def flowing(self, per_s: float) -> AsyncIterator[None]:
        """So many turns a second as long as the context lasts; all of them are confirmed when it ends."""
        is_over = asyncio.Event()
        task = asyncio.create_task(self._flow(per_s, is_over))
        try:
            yield
        finally:
            is_over.set()
            await task

    async def _flow(self, per_s: float, is_over: asyncio.Event) -> None:
        began, done = time.monotonic(), 0
        while not is_over.is_set():
            due = int((time.monotonic() - began) * per_s) - done
            await self.send(due)
            done += due
            await asyncio.sleep(TICK_S)

    async def _send(self, turns: Iterable[Sequence[Outgoing]]) -> None:
        async with asyncio.TaskGroup() as group:
            for outgoing in [one for turn in turns for one in turn]:
                group.create_task(self._publish(outgoing))

    async def _publish(self, outgoing: Outgoing) -> None:
        await self._producer.publish(outgoing.topic, self._key(outgoing), outgoing.value, [])
        self.sent += 1

    def _key(self, outgoing: Outgoing) -> bytes:
        """One that leads to another partition, if it strays."""
        if not outgoing.strays:
            return outgoing.key
        here = choose_partition(outgoing.key, range(12))
        keys = (str(self._astray.random()).encode() for _ in range(100))
        return next(key for key in keys if choose_partition(key, range(12)) != here)


@asynccontextmanager
async def loading(kafka: str, stream: Stream) -> AsyncIterator[Load]:
    producer = Producer(kafka, DEADLINE_S, "chaos", Metrics("chaos"))
    await producer.start()
    try:
        async with asyncio.timeout(DEADLINE_S):
            while not producer.is_ready:  # noqa: ASYNC110 - it connects in the background
                await asyncio.sleep(0.05)
        yield Load(producer, stream)
    finally:
        await producer.stop()
