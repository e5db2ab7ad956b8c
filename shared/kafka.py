"""Kafka: producing with a deadline, reading single records and offsets, creating topics, and our consumer's settings.

Why these settings (docs/decisions/0003): manual acknowledgement and `earliest`, since every other policy loses
records; acks from all in-sync replicas; no idempotent producer, because after a broker's restart it can stay dead
(aiokafka #1017) and ids are deduplicated downstream anyway. Every call has a time limit: aiokafka's have none.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, OffsetOutOfRangeError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaMessage

from shared.exactly_once.records import Position, Record
from shared.topics import Topic

METADATA_MAX_AGE_MS = 30_000
REQUEST_TIMEOUT_MS = 40_000
SESSION_TIMEOUT_MS = 10_000
CALL_TIMEOUT_S = 10.0
POLL_MS = 20
_ALREADY_THERE = 36  # TOPIC_ALREADY_EXISTS

RawBatch = tuple[ConsumerRecord, ...]
BatchHandler = Callable[[RawBatch], Awaitable[None]]


class PublishFailed(Exception):
    """Kafka did not confirm within the deadline. The record may be in the log all the same."""


class Producer:
    """acks=all, no idempotence, one deadline. Connects in the background, again and again, so that a broker that is
    away at start or later is no crash."""

    def __init__(self, addresses: str, deadline_s: float, client_id: str) -> None:
        self._options: dict[str, Any] = {
            "bootstrap_servers": addresses.split(","),
            "client_id": client_id,
            "acks": "all",
            "enable_idempotence": False,
            "request_timeout_ms": int(deadline_s * 1000),
            "max_batch_size": 1024 * 1024,  # waits are quadratic at the 16 KiB default
            "metadata_max_age_ms": METADATA_MAX_AGE_MS,
        }
        self._deadline_s = deadline_s
        self._producer: AIOKafkaProducer | None = None
        self._connecting: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns at once; `is_ready` tells when the broker has answered."""
        self._connecting = asyncio.create_task(self._connect())

    async def stop(self) -> None:
        if self._connecting is not None:
            self._connecting.cancel()
        if self._producer is not None:
            with contextlib.suppress(TimeoutError, KafkaError):
                await asyncio.wait_for(self._producer.stop(), CALL_TIMEOUT_S)

    @property
    def is_ready(self) -> bool:
        return self._producer is not None

    async def publish(self, topic: str, key: bytes | None, value: bytes, headers: list[tuple[str, bytes]]) -> Position:
        """Where the record stands after all in-sync replicas confirmed it. Raises PublishFailed."""
        if self._producer is None:
            raise PublishFailed("Kafka has not answered yet")
        try:
            async with asyncio.timeout(self._deadline_s):
                done = await self._producer.send_and_wait(topic, value=value, key=key, headers=headers)
        except TimeoutError:
            raise PublishFailed(f"no confirmation within {self._deadline_s:g} s") from None
        except KafkaError as error:
            raise PublishFailed(f"{type(error).__name__}: {error}") from error
        return Position(topic, done.partition, done.offset)

    async def _connect(self) -> None:
        delay_s = 0.2
        while True:
            producer = AIOKafkaProducer(**self._options)
            try:
                await asyncio.wait_for(producer.start(), CALL_TIMEOUT_S)
            except (KafkaError, TimeoutError, OSError):
                with contextlib.suppress(TimeoutError, KafkaError):
                    await asyncio.wait_for(producer.stop(), 1.0)
                await asyncio.sleep(delay_s)
                delay_s = min(delay_s * 2, 5.0)
            else:
                self._producer = producer
                return


class LogReader:
    """Offsets and single records, outside any group's subscription. One call at a time."""

    def __init__(self, addresses: str, group: str, client_id: str) -> None:
        self._options: dict[str, Any] = {
            "bootstrap_servers": addresses.split(","),
            "client_id": client_id,
            "group_id": group,  # to ask for its committed offsets; this consumer never joins it
            "enable_auto_commit": False,
            "auto_offset_reset": "none",
            "metadata_max_age_ms": METADATA_MAX_AGE_MS,
            "request_timeout_ms": int(CALL_TIMEOUT_S * 1000),
        }
        self._started: AIOKafkaConsumer | None = None
        self._lock = asyncio.Lock()

    async def stop(self) -> None:
        if self._started is not None:
            with contextlib.suppress(TimeoutError, KafkaError):
                await asyncio.wait_for(self._started.stop(), CALL_TIMEOUT_S)

    async def partitions(self, topic: str) -> list[int]:
        """The partitions of a topic by fresh metadata. Raises KafkaError, TimeoutError."""
        async with self._lock, asyncio.timeout(CALL_TIMEOUT_S):
            consumer = await self._consumer()
            fresh = await consumer._client.fetch_all_metadata()
            found = fresh.partitions_for_topic(topic)
        return sorted(found or ())

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
        """The bytes at a position; None where the log ends before it. Raises KafkaError, TimeoutError.

        By a consumer of its own without a group: to assign and unassign partitions kills the coordination of one
        with a group (an assertion in aiokafka 0.14), and from then on it fails at every call.
        """
        where = TopicPartition(position.topic, position.partition)
        async with asyncio.timeout(CALL_TIMEOUT_S):
            consumer = AIOKafkaConsumer(**{**self._options, "group_id": None})
            try:
                await consumer.start()
                consumer.assign([where])
                consumer.seek(where, position.offset)
                found = await consumer.getmany(where, timeout_ms=3000, max_records=1)
            except OffsetOutOfRangeError:
                return None
            finally:
                await _stop(consumer)
        records = found.get(where, [])
        if not records or records[0].offset != position.offset:
            return None
        return records[0].value or b""

    async def _consumer(self) -> AIOKafkaConsumer:
        """Made at the first call, not before: aiokafka wants a running loop, and one that failed to start is spent."""
        if self._started is None:
            consumer = AIOKafkaConsumer(**self._options)
            try:
                await consumer.start()
            except BaseException:
                await _stop(consumer)
                raise
            self._started = consumer
        return self._started


async def _stop(consumer: AIOKafkaConsumer) -> None:
    with contextlib.suppress(TimeoutError, KafkaError):
        await asyncio.wait_for(consumer.stop(), 2.0)


def to_record(raw: ConsumerRecord) -> Record:
    return Record(Position(raw.topic, raw.partition, raw.offset), raw.key, raw.value or b"", tuple(raw.headers))


async def _raw_message(raw: RawBatch, _original: Any = None) -> KafkaMessage:
    """FastStream's own parser decodes headers as UTF-8 and lets a record with others vanish: ours does not look."""
    from faststream.kafka.message import FAKE_CONSUMER

    return KafkaMessage(body=b"", raw_message=raw, consumer=FAKE_CONSUMER, message_id="", correlation_id="")


async def _raw_batch(message: KafkaMessage) -> Any:
    return message.raw_message


def subscribe(
    addresses: str, group: str, topics: Sequence[Topic], handler: BatchHandler, max_records: int
) -> tuple[KafkaBroker, Any]:
    """A broker with one batch subscriber that never commits by itself; the handler gets raw records."""
    broker = KafkaBroker(
        addresses.split(","),
        client_id=group,
        consumer_only=True,
        logger=None,
        apply_types=False,
        allow_auto_create_topics=False,
        request_timeout_ms=REQUEST_TIMEOUT_MS,
        metadata_max_age_ms=METADATA_MAX_AGE_MS,
        graceful_timeout=15.0,
    )
    subscriber = broker.subscriber(
        *(topic.name for topic in topics),
        batch=True,
        group_id=group,
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.MANUAL,
        max_records=max_records,
        batch_timeout_ms=POLL_MS,
        fetch_max_wait_ms=100,
        session_timeout_ms=SESSION_TIMEOUT_MS,
        parser=_raw_message,
        decoder=_raw_batch,
        include_in_schema=False,
    )
    subscriber(handler)
    return broker, subscriber


async def create_topics(addresses: str, topics: Iterable[Topic], replication: int, min_insync: int) -> list[str]:
    """Create what is missing; the names created. Raises KafkaError, TimeoutError."""
    admin = AIOKafkaAdminClient(bootstrap_servers=addresses.split(","), request_timeout_ms=20_000)
    async with asyncio.timeout(30):
        try:
            await admin.start()
            reply = await admin.create_topics([_new_topic(t, replication, min_insync) for t in topics])
        finally:
            await admin.close()
    created = []
    for name, code, *message in reply.topic_errors:
        if code == 0:
            created.append(name)
        elif code != _ALREADY_THERE:
            raise KafkaError(f"topic {name}: error {code} {' '.join(map(str, message))}")
    return created


def _new_topic(topic: Topic, replication: int, min_insync: int) -> NewTopic:
    return NewTopic(
        topic.name,
        topic.partitions,
        replication,
        topic_configs={
            "retention.ms": str(topic.retention_ms),
            "min.insync.replicas": str(min_insync),
            "unclean.leader.election.enable": "false",
            "cleanup.policy": "delete",
        },
    )
