"""Our consumer's settings: a FastStream batch subscriber that hands over raw records and never commits by itself."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any

from aiokafka import ConsumerRecord, TopicPartition
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import FAKE_CONSUMER, KafkaMessage

from shared.kafka.limits import (
    HEARTBEAT_MS,
    METADATA_MAX_AGE_MS,
    PATIENCE_MS,
    REQUEST_TIMEOUT_MS,
    REST_MS,
    SESSION_TIMEOUT_MS,
)
from shared.kafka.security import PLAIN, Security
from shared.kafka.tolerant_consumer import TolerantConsumer
from shared.records import Position, Record
from shared.topics import Topic

RawBatch = tuple[ConsumerRecord, ...]
BatchHandler = Callable[[RawBatch], Awaitable[None]]


def to_record(raw: ConsumerRecord) -> Record:
    return Record(Position(raw.topic, raw.partition, raw.offset), raw.key, raw.value or b"", tuple(raw.headers))


async def _raw_message(raw: RawBatch, _original: Any = None) -> KafkaMessage:
    """FastStream's own parser decodes headers as UTF-8 and lets a record with others vanish: ours does not look."""
    return KafkaMessage(body=b"", raw_message=raw, consumer=FAKE_CONSUMER, message_id="", correlation_id="")


async def _raw_batch(message: KafkaMessage) -> Any:
    return message.raw_message


class _PatientConsumer(TolerantConsumer):
    """FastStream sleeps for as long again as it has waited in vain: what came then, every other record where they come
    one by one, lay there for 10 ms. So this one waits longer than it is told, and is asleep once in a while."""

    async def getmany(
        self, *partitions: TopicPartition, timeout_ms: int = 0, max_records: int | None = None
    ) -> dict[TopicPartition, list[ConsumerRecord]]:
        return await super().getmany(*partitions, timeout_ms=timeout_ms and PATIENCE_MS, max_records=max_records)


class _Broker(KafkaBroker):
    """Whose consumers are tolerant."""

    consumer_class: type[TolerantConsumer] = TolerantConsumer

    async def _connect(self) -> Any:
        await super()._connect()
        config = self.config.broker_config
        config.builder = partial(self.consumer_class, **config.builder.keywords)  # type: ignore[attr-defined]
        return config.builder


class _PatientBroker(_Broker):
    consumer_class = _PatientConsumer


def subscribe(
    addresses: str,
    group: str,
    topics: Sequence[Topic],
    handler: BatchHandler,
    max_records: int,
    security: Security = PLAIN,
    *,
    is_patient: bool = False,
) -> tuple[KafkaBroker, Any]:
    """A broker with one batch subscriber that never commits by itself; the handler gets raw records. `is_patient`: as
    soon as they come. Two services that take the same record in the same moment hold each other up, on the cores and
    at the database's journal, so only one that somebody waits for should."""
    broker = (_PatientBroker if is_patient else _Broker)(
        addresses.split(","),
        client_id=group,
        security=security.faststream(),
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
        batch_timeout_ms=REST_MS,
        fetch_max_wait_ms=100,
        session_timeout_ms=SESSION_TIMEOUT_MS,
        heartbeat_interval_ms=HEARTBEAT_MS,
        parser=_raw_message,
        decoder=_raw_batch,
        include_in_schema=False,
    )
    subscriber(handler)
    return broker, subscriber
