"""Sends records with a header whose name is no UTF-8, as clients in other languages can."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy

NAME = b"\xff\xfe\xfd"
NONE, GZIP = 0, 1  # Kafka's numbers of codecs
_SIZE = 1024 * 1024


class _OddName(str):
    """A name that encodes itself into bytes of its own."""

    def encode(self, *_how: str) -> bytes:
        return NAME


async def send_batch(
    address: str,
    topic: str,
    partition: int,
    values: Sequence[tuple[bytes, bool]],
    key: bytes | None,
    codec: int = NONE,
) -> None:
    """One batch of records; those that say so are odd ones."""
    producer = AIOKafkaProducer(bootstrap_servers=address)
    await producer.start()
    try:
        batch = producer.create_batch()
        # aiokafka's builder in Python: the compiled one looks at types.
        batch._builder = _DefaultRecordBatchBuilderPy(2, codec, 0, -1, -1, -1, _SIZE)
        for value, is_odd in values:
            headers = [("before", b"1"), (_OddName("odd"), b"2"), ("after", None)] if is_odd else []
            assert batch.append(timestamp=None, key=key, value=value, headers=headers)
        async with asyncio.timeout(10):
            await (await producer.send_batch(batch, topic, partition=partition))
    finally:
        await producer.stop()
