"""Fills topics with events that are ready made, as fast as the broker takes them."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from aiokafka import AIOKafkaProducer

from benchmarks.events import report
from shared.events.codec import encode
from shared.kafka.partitioning import choose_partition
from shared.topics import REPORTS, Topic

_AT_ONCE = 2_000


async def fill_with_reports(kafka: str, regions: Sequence[str], first: int, end: int, topic: Topic = REPORTS) -> None:
    """The reports of these numbers, of the regions in turn, in the partitions that every client of ours chooses.
    Neighbours lie in different regencies."""
    spread = ((n, regions[n * 7919 % len(regions)]) for n in range(first, end))
    await fill(kafka, topic, ((region, encode(report(n, region))) for n, region in spread))


async def fill(kafka: str, topic: Topic, records: Iterable[tuple[str, bytes]]) -> None:
    """Records of regions, each keyed by its regency."""
    producer = AIOKafkaProducer(bootstrap_servers=kafka, acks="all", max_batch_size=1024 * 1024)
    await producer.start()
    try:
        lanes: dict[int, list[tuple[bytes, bytes]]] = {}
        waiting = 0
        for region, value in records:
            key = region[:5].encode()
            lanes.setdefault(choose_partition(key, range(topic.partitions)), []).append((key, value))
            waiting += 1
            if waiting == _AT_ONCE:
                await _send(producer, topic, lanes)
                lanes, waiting = {}, 0
        await _send(producer, topic, lanes)
    finally:
        await producer.stop()


async def _send(producer: AIOKafkaProducer, topic: Topic, lanes: dict[int, list[tuple[bytes, bytes]]]) -> None:
    await asyncio.gather(*(_send_lane(producer, topic, partition, lane) for partition, lane in lanes.items()))


async def _send_lane(
    producer: AIOKafkaProducer, topic: Topic, partition: int, lane: list[tuple[bytes, bytes]]
) -> None:
    batch = producer.create_batch()
    for key, value in lane:
        if batch.append(timestamp=None, key=key, value=value) is None:
            await (await producer.send_batch(batch, topic.name, partition=partition))
            batch = producer.create_batch()
            batch.append(timestamp=None, key=key, value=value)
    await (await producer.send_batch(batch, topic.name, partition=partition))
