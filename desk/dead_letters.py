"""The dead letters in Kafka: reading them, sending one again, putting one away for good."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

from shared.exactly_once.letters import Kept, Letter, Resolution, letters_in, resolution_headers
from shared.kafka.log_reader import LogReader
from shared.kafka.producer import Producer
from shared.kafka.security import security_of
from shared.kafka.whole_topic import read_topic
from shared.metrics import Metrics
from shared.records import Position
from shared.settings import Settings
from shared.topics import DEAD_LETTERS
from shared.tracing.places import TRACEPARENT

_CLIENT = "desk.dead-letters"
_CONNECT_S = 10.0


class Unsendable(Exception):
    """The letter holds the record's beginning only, and the log no longer the whole."""


async def read_letters(settings: Settings) -> Sequence[Letter]:
    """All of them, also those that are resolved. Raises TopicUnread, KafkaError, TimeoutError."""
    records = [
        Kept(r.key, r.value or b"", dict(r.headers), datetime.fromtimestamp(r.timestamp / 1000, UTC))
        async for r in read_topic(settings.kafka, DEAD_LETTERS.name, security_of(settings))
    ]
    return letters_in(records)


@dataclass(frozen=True)
class Resolver:
    """Resolves letters. Raises PublishFailed, KafkaError, TimeoutError."""

    producer: Producer
    reader: LogReader
    by: str
    sent: set[Position] = field(default_factory=set)  # both groups may hold a letter of one record: it goes out once

    async def retry(self, letter: Letter, why: str) -> None:
        """Send the record again, to where it was; whoever counted it already skips it by its identity. Raises
        Unsendable. A death before the letter is marked lets it be retried again, which counts nothing twice."""
        where = Position(letter.topic, letter.partition, letter.offset)
        if where not in self.sent:
            await self._send(letter, await self._whole(letter))
            self.sent.add(where)
        await self._mark(letter, Resolution.RETRIED, why)

    async def drop(self, letter: Letter, why: str) -> None:
        """Put it away for good: it stays in the topic and is no longer listed as open."""
        await self._mark(letter, Resolution.DROPPED, why)

    async def _send(self, letter: Letter, value: bytes) -> None:
        headers = [("retry-of", letter.id.encode())]
        if letter.place is not None:
            headers.append((TRACEPARENT, letter.place.traceparent.encode()))
        await self.producer.publish(letter.topic, letter.key, value, headers)

    async def _whole(self, letter: Letter) -> bytes:
        if not letter.is_truncated:
            return letter.value
        whole = await self.reader.value_at(Position(letter.topic, letter.partition, letter.offset))
        if whole is None or len(whole) != letter.size:
            raise Unsendable(f"{letter.id}: the letter holds {len(letter.value)} of {letter.size} bytes, the log none")
        return whole

    async def _mark(self, letter: Letter, resolution: Resolution, why: str) -> None:
        headers = resolution_headers(letter.id, resolution, self.by, why)
        await self.producer.publish(DEAD_LETTERS.name, letter.key, b"", headers)


@asynccontextmanager
async def open_resolver(settings: Settings, by: str) -> AsyncIterator[Resolver]:
    """A resolver over the settings' Kafka. Raises TimeoutError if the broker does not answer."""
    security = security_of(settings)
    producer = Producer(settings.kafka, settings.publish_deadline_s, _CLIENT, Metrics(_CLIENT), security)
    reader = LogReader(settings.kafka, _CLIENT, _CLIENT, security)
    await producer.start()
    try:
        async with asyncio.timeout(_CONNECT_S):
            while not producer.is_ready:  # noqa: ASYNC110 - it connects in the background and says so by this
                await asyncio.sleep(0.05)
        yield Resolver(producer, reader, by)
    finally:
        await producer.stop()
        await reader.stop()
