"""The limit of the aggregator: from Kafka to as many journal entries and region documents as it writes, with nothing
read, compared or promised. `python -m benchmarks.peers.raw_counts KAFKA MONGO TOPIC GROUP BATCH`. With `counts` as a
sixth argument, the counts alone."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer
from pymongo import AsyncMongoClient, UpdateOne


async def main(kafka: str, mongo: str, topic: str, group: str, batch: int, has_journal: bool) -> None:
    client: AsyncMongoClient[dict[str, Any]] = AsyncMongoClient(mongo, w="majority", journal=True)
    database = client[group]
    consumer = AIOKafkaConsumer(
        topic, bootstrap_servers=kafka, group_id=group, auto_offset_reset="earliest", enable_auto_commit=False
    )
    await consumer.start()
    total = 0
    while True:
        found = await consumer.getmany(timeout_ms=200, max_records=batch)
        events = [orjson.loads(record.value) for records in found.values() for record in records]
        if not events:
            continue
        if has_journal:
            entries = [{"_id": f"{e['source']}/{e['id']}", "hash": e["contenthash"]} for e in events]
            await database["journal"].insert_many(entries, ordered=False)
        counts = Counter(event["subject"] for event in events)
        changes = [UpdateOne({"_id": region}, {"$inc": {"n": n}}, upsert=True) for region, n in counts.items()]
        await database["counts"].bulk_write(changes, ordered=False)
        await consumer.commit()
        total += len(events)
        sys.stdout.write(f"{total}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    kafka, mongo, topic, group, batch = sys.argv[1:6]
    asyncio.run(main(kafka, mongo, topic, group, int(batch), "counts" not in sys.argv[6:]))
