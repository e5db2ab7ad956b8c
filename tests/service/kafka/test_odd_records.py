"""A header's name that is no UTF-8, which stops aiokafka's own consumer for good: ours reads the record, its
neighbours, and whatever is compressed with it."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.consumer.fetcher import Fetcher

from shared.kafka.log_reader import LogReader
from shared.kafka.tolerant_consumer import TolerantConsumer
from shared.kafka.topic_admin import create_topics
from shared.kafka.whole_topic import read_topic
from shared.records import Position
from shared.topics import Topic
from tests.service.kafka.odd_records import GZIP, NONE, send_batch

BATCHES = (
    [(b"good 0", False), (b"good 1", False)],
    [(b"good 2", False), (b"odd 3", True), (b"odd 4", True), (b"good 5", False)],
    [(b"odd 6", True)],
    [(b"good 7", False)],
)
EXPECTED = [value for batch in BATCHES for value, _ in batch]
PARTITIONS, WITH_ODD_ONES = 4, (1, 2)  # the others' records are taken in the same go, before and after
ODD_HEADERS = (("before", b"1"), ("\ufffd\ufffd\ufffd", b"2"), ("after", None))


@pytest.fixture(params=[NONE, GZIP], ids=["plain", "gzip"])
async def topic(broker_address: str, request: pytest.FixtureRequest) -> str:
    """Partitions with the same batches, but that in some of them no record is an odd one."""
    name = f"test.odd.{uuid.uuid4().hex[:8]}"
    await create_topics(broker_address, [Topic(name, partitions=PARTITIONS)], 1, 1)
    for partition in range(PARTITIONS):
        for batch in BATCHES:
            values = [(value, is_odd and partition in WITH_ODD_ONES) for value, is_odd in batch]
            await send_batch(broker_address, name, partition, values, b"k", request.param)
    return name


async def until_refused(consumer: AIOKafkaConsumer) -> None:
    async with asyncio.timeout(20):
        while True:
            await consumer.getmany(timeout_ms=500)


async def test_aiokafka_s_own_consumer_never_gets_past_it(broker_address: str, topic: str) -> None:
    """What this is all about. When this test fails, aiokafka can do it itself and ours may go."""
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=broker_address, auto_offset_reset="earliest")
    await consumer.start()
    try:
        for _ in range(3):
            with pytest.raises(UnicodeDecodeError):
                await until_refused(consumer)
    finally:
        await consumer.stop()


@pytest.mark.parametrize("max_records", [None, 1, 3])
async def test_every_record_comes_once_in_order(broker_address: str, topic: str, max_records: int | None) -> None:
    """Good ones and odd ones, in batches of any size."""
    consumer = TolerantConsumer(topic, bootstrap_servers=broker_address, auto_offset_reset="earliest")
    await consumer.start()
    found: dict[int, list[ConsumerRecord]] = {p: [] for p in range(PARTITIONS)}
    try:
        async with asyncio.timeout(20):
            while sum(map(len, found.values())) < PARTITIONS * len(EXPECTED):
                for where, records in (await consumer.getmany(timeout_ms=100, max_records=max_records)).items():
                    assert len(records) <= (max_records or 10)
                    found[where.partition] += records
        assert await consumer.getmany(timeout_ms=300) == {}
        assert {await consumer.position(TopicPartition(topic, p)) for p in found} == {len(EXPECTED)}
    finally:
        await consumer.stop()
    for partition, records in found.items():
        assert [(r.offset, r.value) for r in records] == list(enumerate(EXPECTED))
        assert [r.offset for r in records if r.headers == ODD_HEADERS] == (
            [3, 4, 6] if partition in WITH_ODD_ONES else []
        )
        assert {r.key for r in records} == {b"k"}


@pytest.mark.parametrize("topic", [NONE], ids=["plain"], indirect=True)
async def test_none_is_lost_when_positions_come_during_the_call(
    broker_address: str, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A consumer that asks at once, and whose broker takes its time to say where the log begins: the first call finds
    no position, and gets records in the end, an odd one behind good ones of another partition."""
    reset = Fetcher._proc_offset_request

    async def slow(*arguments: Any) -> Any:
        await asyncio.sleep(0.3)
        return await reset(*arguments)

    monkeypatch.setattr(Fetcher, "_proc_offset_request", slow)
    consumer = TolerantConsumer(topic, bootstrap_servers=broker_address, auto_offset_reset="earliest")
    await consumer.start()
    found: dict[int, list[bytes | None]] = {p: [] for p in range(PARTITIONS)}
    try:
        async with asyncio.timeout(20):
            while sum(map(len, found.values())) < PARTITIONS * len(EXPECTED):
                for where, records in (await consumer.getmany(timeout_ms=10_000)).items():
                    found[where.partition] += [r.value for r in records]
    finally:
        await consumer.stop()
    assert found == dict.fromkeys(range(PARTITIONS), EXPECTED)


async def test_tools_and_looks_read_it_too(broker_address: str, topic: str) -> None:
    """What people list, and what is compared with the log at start."""
    read = [(r.partition, r.offset, r.value) async for r in read_topic(broker_address, topic)]
    assert sorted(read) == [(p, n, value) for p in range(PARTITIONS) for n, value in enumerate(EXPECTED)]
    reader = LogReader(broker_address, "test", "test")
    positions = [Position(topic, 1, 3), Position(topic, 2, 5)]
    looks = await reader.look(positions)
    assert [(look.beginning, look.record and look.record.value) for look in looks] == [(0, b"odd 3"), (0, b"good 5")]
    assert await reader.value_at(Position(topic, 1, 6)) == b"odd 6"
    await reader.stop()
