"""Ending a producer whose broker does not answer any more."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import ProducerClosed

from shared.kafka.closing import close_producer
from shared.kafka.topic_admin import create_topics
from shared.topics import Topic
from tests.tasks import running_tasks


async def never(*_request: Any, **_options: Any) -> None:
    await asyncio.Event().wait()


@pytest.fixture
async def topic(broker_address: str) -> Topic:
    made = Topic(f"closing-{uuid.uuid4().hex[:8]}", partitions=3)
    await create_topics(broker_address, [made], 1, 1)
    return made


@pytest.mark.parametrize("is_hanging", [False, True], ids=["answers", "hangs"])
async def test_nothing_is_left_behind(topic: Topic, broker_address: str, is_hanging: bool) -> None:
    """With batches under way and the broker silent, closing takes its bounded time; whoever still waits is told, and
    no task of the client goes on. A broker that answers confirms what is under way."""
    before = running_tasks()
    client = AIOKafkaProducer(bootstrap_servers=broker_address, acks="all")
    await client.start()
    await client.send_and_wait(topic.name, b"x", partition=0)
    if is_hanging:
        client.client.send = never
    waiting = [await client.send(topic.name, b"y", partition=partition) for partition in range(3)]
    await asyncio.sleep(0.05)
    async with asyncio.timeout(3):
        await close_producer(client, 0.3)
    told = await asyncio.gather(*waiting, return_exceptions=True)
    assert [isinstance(t, ProducerClosed) for t in told] == [is_hanging] * 3
    await asyncio.sleep(0)
    assert running_tasks() == before


async def test_a_close_that_is_cancelled_cuts_it_off_too(topic: Topic, broker_address: str) -> None:
    """A process that ends in a hurry leaves nothing running either."""
    before = running_tasks()
    client = AIOKafkaProducer(bootstrap_servers=broker_address, acks="all")
    await client.start()
    client.client.send = never
    await client.partitions_for(topic.name)
    lost = await client.send(topic.name, b"y", partition=0)
    closing = asyncio.create_task(close_producer(client, 60))
    await asyncio.sleep(0.05)
    closing.cancel()
    await asyncio.wait([closing], timeout=3)
    assert closing.cancelled()
    with pytest.raises(ProducerClosed):
        await lost
    assert running_tasks() == before
