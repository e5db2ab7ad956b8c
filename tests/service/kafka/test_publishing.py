"""Publishing on a real broker: each caller gets the position of its own record, and one regency has one partition."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic

from shared.kafka.group_commit import GroupCommit
from shared.kafka.limits import MAX_BATCH_BYTES
from shared.kafka.producer import Producer, PublishFailed
from shared.metrics import Metrics
from shared.records import Position

PARTITIONS = 12


@pytest.fixture
async def admin(broker_address: str) -> AsyncIterator[AIOKafkaAdminClient]:
    client = AIOKafkaAdminClient(bootstrap_servers=broker_address)
    await client.start()
    yield client
    await client.close()


@pytest.fixture
async def producer(broker_address: str) -> AsyncIterator[Producer]:
    made = Producer(broker_address, 8.0, "test", Metrics("test"))
    await made.start()
    async with asyncio.timeout(10):
        while not made.is_ready:  # noqa: ASYNC110 - it connects in the background
            await asyncio.sleep(0.02)
    yield made
    await made.stop()


@contextlib.asynccontextmanager
async def aiokafka_producer(address: str) -> AsyncIterator[AIOKafkaProducer]:
    client = AIOKafkaProducer(bootstrap_servers=address, acks="all", metadata_max_age_ms=200)
    await client.start()
    try:
        yield client
    finally:
        await client.stop()


async def a_topic(admin: AIOKafkaAdminClient, partitions: int = PARTITIONS, largest_bytes: int | None = None) -> str:
    name = f"publishing-{uuid.uuid4().hex[:8]}"
    configs = {"max.message.bytes": str(largest_bytes)} if largest_bytes else {}
    await admin.create_topics([NewTopic(name, partitions, 1, topic_configs=configs)])
    return name


async def read_all(address: str, topic: str, count: int) -> dict[Position, tuple[bytes | None, bytes, list[object]]]:
    """What stands where in a topic, once there are `count` records."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=address, auto_offset_reset="earliest", group_id=None)
    found: dict[Position, tuple[bytes | None, bytes, list[object]]] = {}
    await consumer.start()
    try:
        async with asyncio.timeout(20):
            while len(found) < count:
                record = await consumer.getone()
                where = Position(record.topic, record.partition, record.offset)
                found[where] = (record.key, record.value, list(record.headers))
    finally:
        await consumer.stop()
    return found


async def test_each_caller_gets_the_position_of_its_record(
    admin: AIOKafkaAdminClient, producer: Producer, broker_address: str
) -> None:
    """Of 2,000 records published at once, the one at a position is the one whose caller was told so."""
    topic = await a_topic(admin)
    sent = {n: (b"64.%02d" % (n % 90), b"%d" % n, [("n", b"%d" % n)]) for n in range(2_000)}
    told = await asyncio.gather(*(producer.publish(topic, *record) for record in sent.values()))
    found = await read_all(broker_address, topic, len(sent))
    assert found == dict(zip(told, sent.values(), strict=True))
    sends = producer._metrics.group_records._sum.get(), sum(b.get() for b in producer._metrics.group_records._buckets)
    assert sends[0] == 2_000
    assert sends[1] <= 4 * PARTITIONS


async def test_a_regency_keeps_the_partition_that_other_clients_give_it(
    admin: AIOKafkaAdminClient, broker_address: str
) -> None:
    """aiokafka itself and we choose the same partition for a key, before and after partitions are added."""
    topic = await a_topic(admin, partitions=3)
    keys = [b"64.%02d" % n for n in range(40)]
    async with aiokafka_producer(broker_address) as other:
        commit = GroupCommit(other, 8.0, lambda _: None)  # over this client, whose metadata is never old
        for partitions in (3, 7):
            if partitions == 7:
                await admin.create_partitions({topic: NewPartitions(7)})
                async with asyncio.timeout(10):
                    while len(await other.partitions_for(topic)) < 7:  # noqa: ASYNC110 - metadata comes by itself
                        await asyncio.sleep(0.05)
            theirs = [(await other.send_and_wait(topic, value=b"x", key=key)).partition for key in keys]
            ours = [(await commit.publish(topic, key, b"x", [])).partition for key in keys]
            assert ours == theirs
            assert len(set(ours)) == partitions


async def test_a_record_beyond_the_topics_limit_fails_alone(
    admin: AIOKafkaAdminClient, producer: Producer, broker_address: str
) -> None:
    """A topic may take less than we think: its neighbours in the batch are confirmed all the same."""
    topic = await a_topic(admin, partitions=1, largest_bytes=20_000)
    values = [b"%03d" % n + b"x" * 300 for n in range(60)]
    values[30] = b"!" * 30_000
    told = await asyncio.gather(*(producer.publish(topic, b"64.72", v, []) for v in values), return_exceptions=True)
    assert [n for n, t in enumerate(told) if not isinstance(t, Position)] == [30]
    assert isinstance(told[30], PublishFailed)
    found = await read_all(broker_address, topic, 59)
    assert all(found[position][1] == value for position, value in zip(told, values, strict=True) if position in found)


async def test_the_largest_dead_letter_passes(admin: AIOKafkaAdminClient, producer: Producer) -> None:
    """Records up to about 1 MiB go out, several at once too; beyond it one fails without a send."""
    topic = await a_topic(admin, partitions=1)
    told = await asyncio.gather(*(producer.publish(topic, b"k", b"x" * 900_000, []) for _ in range(4)))
    assert sorted(position.offset for position in told) == [0, 1, 2, 3]
    with pytest.raises(PublishFailed, match="MessageSizeTooLargeError"):
        await producer.publish(topic, b"k", b"x" * (MAX_BATCH_BYTES + 1), [])


async def test_a_topic_that_does_not_exist(admin: AIOKafkaAdminClient, broker_address: str) -> None:
    """Its records fail within the deadline, and no other topic's wait for them."""
    topic = await a_topic(admin)
    async with aiokafka_producer(broker_address) as client:
        commit = GroupCommit(client, 1.0, lambda _: None)
        lost = asyncio.create_task(commit.publish("no-such-topic", b"k", b"v", []))
        await asyncio.sleep(0.1)
        assert (await commit.publish(topic, b"k", b"v", [])).offset == 0
        assert not lost.done()
        with pytest.raises(PublishFailed):
            await lost


async def test_callers_that_leave_take_nothing_from_the_others(
    admin: AIOKafkaAdminClient, producer: Producer, broker_address: str
) -> None:
    """Half of the callers leave; the others' records are confirmed, each at a place of its own."""
    topic = await a_topic(admin, partitions=1)
    calls = [asyncio.create_task(producer.publish(topic, b"k", b"%d" % n, [])) for n in range(500)]
    await asyncio.sleep(0)
    for call in calls[::2]:
        call.cancel()
    told = await asyncio.gather(*calls, return_exceptions=True)
    stayed = [t for t in told if isinstance(t, Position)]
    assert len(stayed) == len(set(stayed)) == 250
    consumer = AIOKafkaConsumer(bootstrap_servers=broker_address)
    await consumer.start()
    where = TopicPartition(topic, 0)
    assert 250 <= (await consumer.end_offsets([where]))[where] <= 500
    await consumer.stop()
