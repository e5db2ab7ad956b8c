"""A peer of the aggregator: a FastStream batch subscriber and `bulk_write`, counts alone.
`python -m benchmarks.peers.faststream_counts KAFKA MONGO TOPIC GROUP BATCH`."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from typing import Any

import orjson
from faststream import AckPolicy, FastStream
from faststream.kafka import KafkaBroker
from pymongo import AsyncMongoClient, UpdateOne


async def main(kafka: str, mongo: str, topic: str, group: str, batch: int) -> None:
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongo, w="majority", journal=True)
    counted = client[group]["counts"]
    broker = KafkaBroker(kafka, logger=None)
    total = 0

    @broker.subscriber(
        topic,
        batch=True,
        max_records=batch,
        group_id=group,
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.NACK_ON_ERROR,
        decoder=_decode,
    )
    async def count(events: list[Any]) -> None:
        nonlocal total
        counts = Counter(event["subject"] for event in events)
        changes = [UpdateOne({"_id": region}, {"$inc": {"n": n}}, upsert=True) for region, n in counts.items()]
        await counted.bulk_write(changes, ordered=False)
        total += len(events)
        sys.stdout.write(f"{total}\n")
        sys.stdout.flush()

    await FastStream(broker).run()


async def _decode(message: Any) -> list[Any]:
    return [orjson.loads(value) for value in message.body]


if __name__ == "__main__":
    kafka, mongo, topic, group, batch = sys.argv[1:6]
    asyncio.run(main(kafka, mongo, topic, group, int(batch)))
