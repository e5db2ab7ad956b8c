"""Single records of the log, on a real broker: what stands at a place, or first after it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError

from shared.kafka.limits import METADATA_MAX_AGE_MS
from shared.kafka.log_reader import LogReader
from shared.kafka.topic_admin import add_partitions, create_topics
from shared.records import Position
from shared.topics import Topic

PARTITIONS = 6


@pytest.fixture
async def topic(broker_address: str) -> str:
    name = f"test.looking.{uuid.uuid4().hex[:8]}"
    await create_topics(broker_address, [Topic(name, partitions=PARTITIONS)], 1, 1)
    return name


@pytest.fixture
async def reader(broker_address: str) -> AsyncIterator[LogReader]:
    made = LogReader(broker_address, f"test.{uuid.uuid4().hex[:8]}", "test")
    yield made
    await made.stop()


async def send(broker_address: str, topic: str, *values: tuple[int, bytes], transaction: str | None = None) -> None:
    """Values with their partitions: one batch a partition, or all in a transaction, which ends with a marker that
    takes an offset and holds no record."""
    options = {"transactional_id": transaction} if transaction else {}
    producer = AIOKafkaProducer(bootstrap_servers=broker_address, **options)
    await producer.start()
    try:
        if transaction:
            await producer.begin_transaction()
        sent = [await producer.send(topic, value, partition=partition) for partition, value in values]
        await producer.flush()
        await asyncio.gather(*sent)
        if transaction:
            await producer.commit_transaction()
    finally:
        await producer.stop()


async def looked(reader: LogReader, topic: str, **offsets: int) -> dict[str, bytes | None]:
    """`p3=7` is offset 7 of partition 3."""
    places = [Position(topic, int(name[1:]), offset) for name, offset in offsets.items()]
    looks = await reader.look(places)
    assert {look.beginning for look in looks} == {0}
    return {n: look.record.value if look.record else None for n, look in zip(offsets, looks, strict=True)}


async def test_what_stands_at_a_place_in_many_partitions_at_once(
    broker_address: str, topic: str, reader: LogReader
) -> None:
    """At the beginning, in the middle of a batch, at the end, and where nothing was ever written; twice."""
    await send(broker_address, topic, *((p, b"%d-%d" % (p, n)) for p in range(5) for n in range(4)))
    for _ in range(2):
        assert await looked(reader, topic, p0=0, p1=2, p2=3, p3=4, p5=0) == {
            "p0": b"0-0",
            "p1": b"1-2",
            "p2": b"2-3",
            "p3": None,
            "p5": None,
        }


async def test_what_was_written_since_is_seen(broker_address: str, topic: str, reader: LogReader) -> None:
    """Though the reader stays connected."""
    assert await looked(reader, topic, p0=0) == {"p0": None}
    await send(broker_address, topic, (0, b"new"))
    assert await looked(reader, topic, p0=0) == {"p0": b"new"}


async def test_holes_of_transactions_hold_nothing(broker_address: str, topic: str, reader: LogReader) -> None:
    """A marker at the end is no record, one in between leads to the next record."""
    try:
        async with asyncio.timeout(30):
            await send(broker_address, topic, (0, b"first"), (1, b"only"), transaction=f"t-{uuid.uuid4().hex[:8]}")
    except (KafkaError, TimeoutError):
        pytest.skip("this broker knows no transactions")
    await send(broker_address, topic, (0, b"second"))
    assert await looked(reader, topic, p0=1, p1=1) == {"p0": b"second", "p1": None}


async def test_it_asks_while_its_other_questions_wait(broker_address: str, topic: str, reader: LogReader) -> None:
    """Looks, ends and committed offsets over one connection, and its group is none the worse for it."""
    await send(broker_address, topic, *((p, b"x") for p in range(PARTITIONS)))
    for _ in range(3):
        found = tuple(
            await asyncio.gather(
                looked(reader, topic, p0=0, p1=1),
                reader.ends(topic),
                reader.committed(topic, range(PARTITIONS)),
                looked(reader, topic, p2=0),
            )
        )
        assert found == (
            {"p0": b"x", "p1": None},
            dict.fromkeys(range(PARTITIONS), (0, 1)),
            dict.fromkeys(range(PARTITIONS), 0),
            {"p2": b"x"},
        )
    assert TopicPartition(topic, 0) not in (await reader._consumer()).assignment()


async def test_partitions_are_those_of_this_moment(broker_address: str, topic: str, reader: LogReader) -> None:
    """One that was added counts, long before aiokafka would hear of it by itself. An unknown topic has none."""
    assert await reader.partitions(topic) == list(range(PARTITIONS))
    await add_partitions(broker_address, {topic: PARTITIONS + 1})
    async with asyncio.timeout(METADATA_MAX_AGE_MS / 1000 / 3):
        while len(await reader.partitions(topic)) == PARTITIONS:  # noqa: ASYNC110 - the broker itself needs a moment
            await asyncio.sleep(0.05)
    assert await reader.partitions(topic) == list(range(PARTITIONS + 1))
    assert await reader.partitions("test.absent") == []
