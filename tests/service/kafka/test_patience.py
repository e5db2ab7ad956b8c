"""What comes after a quiet while is handed over when it comes, on a real broker: FastStream would sleep as long again
as it has waited in vain."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition

from shared.kafka import subscription
from shared.kafka.limits import HEARTBEAT_MS
from shared.kafka.subscription import RawBatch, subscribe
from shared.kafka.topic_admin import create_topics
from shared.topics import Topic

WAITED_IN_VAIN_S = 0.5  # many times what FastStream is told


async def _ignore(_batch: RawBatch) -> None:
    """A handler that does nothing."""


@pytest.fixture
async def topic(broker_address: str) -> str:
    name = f"test.patience.{uuid.uuid4().hex[:8]}"
    await create_topics(broker_address, [Topic(name, partitions=2)], 1, 1)
    return name


@pytest.fixture
async def consumer(broker_address: str, topic: str) -> AsyncIterator[Any]:
    """As our subscriber's own."""
    broker, subscriber = subscribe(broker_address, "test.patience", (Topic(topic),), _ignore, 10, is_patient=True)
    await broker.connect()
    made = broker.config.broker_config.builder(auto_offset_reset="earliest")
    made.subscribe([topic])
    await made.start()
    made.told_ms = subscriber.batch_timeout_ms
    yield made
    await made.stop()
    await broker.stop()


async def _send(broker_address: str, topic: str, value: bytes, partition: int = 1) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=broker_address)
    await producer.start()
    try:
        await producer.send_and_wait(topic, value, partition=partition)
    finally:
        await producer.stop()


async def test_it_waits_until_there_is_something(consumer: Any, broker_address: str, topic: str) -> None:
    """An empty answer is what makes FastStream sleep."""
    waiting = asyncio.create_task(consumer.getmany(timeout_ms=consumer.told_ms, max_records=10))
    await asyncio.sleep(WAITED_IN_VAIN_S)
    assert not waiting.done()
    await _send(broker_address, topic, b"one")
    (records,) = (await asyncio.wait_for(waiting, 10)).values()
    assert [record.value for record in records] == [b"one"]


async def test_who_reads_again_meanwhile_is_given_it(consumer: Any, broker_address: str, topic: str) -> None:
    """The comparison with the database seeks while a look waits."""
    await _send(broker_address, topic, b"one")
    assert await asyncio.wait_for(consumer.getmany(timeout_ms=consumer.told_ms, max_records=10), 10)
    waiting = asyncio.create_task(consumer.getmany(timeout_ms=consumer.told_ms, max_records=10))
    await asyncio.sleep(WAITED_IN_VAIN_S)
    assert not waiting.done()
    consumer.seek(TopicPartition(topic, 1), 0)
    (records,) = (await asyncio.wait_for(waiting, 2)).values()
    assert [record.value for record in records] == [b"one"]


async def test_a_wait_holds_up_no_rebalance(broker_address: str, topic: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second replica has its share while the first one waits, and what comes to either then is handed over."""
    monkeypatch.setattr(subscription, "PATIENCE_MS", 120_000)
    group = f"test.patience.{uuid.uuid4().hex[:8]}"
    broker, subscriber = subscribe(broker_address, group, (Topic(topic),), _ignore, 10, is_patient=True)
    await broker.connect()
    joining = {"group_id": group, "auto_offset_reset": "earliest", "heartbeat_interval_ms": HEARTBEAT_MS}
    members = [broker.config.broker_config.builder(**joining) for _ in range(2)]
    looks = []
    try:
        for member in members:
            member.subscribe([topic])
            await asyncio.wait_for(member.start(), 30)
            looks.append(asyncio.create_task(member.getmany(timeout_ms=subscriber.batch_timeout_ms, max_records=10)))
            await asyncio.sleep(WAITED_IN_VAIN_S)
        async with asyncio.timeout(30):
            while {len(m.assignment()) for m in members} != {1}:  # noqa: ASYNC110 - nothing tells of an assignment
                await asyncio.sleep(0.1)
        assert not any(look.done() for look in looks)
        for partition in range(2):
            await _send(broker_address, topic, b"%d" % partition, partition)
        found = [records for look in looks for records in (await asyncio.wait_for(look, 10)).values()]
        assert sorted(record.value for records in found for record in records) == [b"0", b"1"]
    finally:
        for member in members:
            await member.stop()
        await asyncio.gather(*looks, return_exceptions=True)
        await broker.stop()


async def test_its_end_ends_the_wait(consumer: Any) -> None:
    """No replica that is asked to leave waits for a record."""
    waiting = asyncio.create_task(consumer.getmany(timeout_ms=consumer.told_ms, max_records=10))
    await asyncio.sleep(WAITED_IN_VAIN_S)
    await asyncio.wait_for(consumer.stop(), 2)
    assert await asyncio.wait_for(waiting, 1) == {}


async def test_what_is_there_is_taken_without_a_wait(consumer: Any) -> None:
    """As whoever asks without a time limit wants it."""
    assert await asyncio.wait_for(consumer.getmany(timeout_ms=0), 1) == {}
