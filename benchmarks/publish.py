"""Records to Kafka's confirmation: `Producer.publish` by many callers at once, beside somebody who has as many records
at hand and fills aiokafka's batches himself. On a real broker, acks=all."""

from __future__ import annotations

import asyncio
import os
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial

from aiokafka import AIOKafkaProducer

from benchmarks.events import report_records
from benchmarks.measure import LIMIT, OURS, PEER, Result, Sample, Way, at_least, interleave
from benchmarks.processes import Cpu
from benchmarks.running import Run
from benchmarks.servers import Servers, servers
from shared.kafka.producer import Producer
from shared.metrics import Metrics
from shared.records import Record
from shared.topics import REPORTS

CALLERS = 256
EVENTS = 64 * CALLERS
REGENCIES = 90
Headers = list[tuple[str, bytes]]
HEADERS: Headers = [("content-type", b"application/cloudevents+json"), ("traceparent", b"00-" + b"a" * 52)]


def main(run: Run) -> list[Result]:
    """The table."""
    with servers([REPORTS]) as found:
        return asyncio.run(_measured(found, run))


async def _measured(found: Servers, run: Run) -> list[Result]:
    records = report_records(EVENTS, REGENCIES)
    async with _raw_producer(found.kafka) as raw, _our_producer(found.kafka) as ours:
        timed = partial(_timed, found)
        ways = [
            Way(f"create_batch, {CALLERS} records at a time", LIMIT, timed(lambda: _batches(raw, records))),
            Way(f"Producer.publish, {CALLERS} callers", OURS, timed(lambda: _by_callers(records, _publish(ours)))),
            Way(f"send_and_wait, {CALLERS} callers", PEER, timed(lambda: _by_callers(records, _send_and_wait(raw)))),
        ]
        rows = await interleave(ways, run.rounds(3, 7))
    method = f"{EVENTS:,} records of {REGENCIES} regencies a round, acks=all."
    return [Result("Records to Kafka's confirmation", method, rows, [at_least(0.5, "of the limit", rows[1].ratio)])]


def _timed(found: Servers, work: Callable[[], Awaitable[None]]) -> Callable[[], Awaitable[Sample]]:
    async def run() -> Sample:
        cpu, began = Cpu({"client": os.getpid(), **found.pids}), time.perf_counter()
        await work()
        return Sample(EVENTS, time.perf_counter() - began, cpu.used())

    return run


Send = Callable[[Record], Awaitable[object]]


def _send_and_wait(producer: AIOKafkaProducer) -> Send:
    async def send(record: Record) -> None:
        async with asyncio.timeout(8.0):
            await producer.send_and_wait(REPORTS.name, value=record.value, key=record.key, headers=HEADERS)

    return send


def _publish(producer: Producer) -> Send:
    return lambda record: producer.publish(REPORTS.name, record.key, record.value, HEADERS)


async def _by_callers(records: Sequence[Record], send: Send) -> None:
    """Each caller sends its part of the records, one after the other, as a connection does."""

    async def caller(own: Sequence[Record]) -> None:
        for record in own:
            await send(record)

    async with asyncio.TaskGroup() as callers:
        for n in range(CALLERS):
            callers.create_task(caller(records[n::CALLERS]))


async def _batches(producer: AIOKafkaProducer, records: Sequence[Record]) -> None:
    """As many records at a time as there are callers, sorted into batches by somebody who has them all at hand."""
    for n in range(0, EVENTS, CALLERS):
        parts = defaultdict(list)
        for record in records[n : n + CALLERS]:
            parts[hash(record.key) % REPORTS.partitions].append(record)
        await asyncio.gather(*[_batch(producer, partition, own) for partition, own in parts.items()])


async def _batch(producer: AIOKafkaProducer, partition: int, records: Sequence[Record]) -> None:
    batch = producer.create_batch()
    for record in records:
        assert batch.append(timestamp=None, key=record.key, value=record.value, headers=HEADERS)
    await (await producer.send_batch(batch, REPORTS.name, partition=partition))


@asynccontextmanager
async def _raw_producer(address: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=address, acks="all", max_batch_size=1024 * 1024)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


@asynccontextmanager
async def _our_producer(address: str) -> AsyncIterator[Producer]:
    producer = Producer(address, 8.0, "bench", Metrics("bench"))
    await producer.start()
    try:
        async with asyncio.timeout(10):
            while not producer.is_ready:  # noqa: ASYNC110 - it connects in the background
                await asyncio.sleep(0.01)
        yield producer
    finally:
        await producer.stop()
