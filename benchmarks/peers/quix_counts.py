"""A peer of the aggregator: Quix Streams, a stateful count and a sink that writes batches; counts alone. It runs in an
environment of its own: `python quix_counts.py KAFKA MONGO TOPIC GROUP BATCH`."""

from __future__ import annotations

import sys
import tempfile
from typing import Any

import orjson
from pymongo import MongoClient, UpdateOne
from quixstreams import Application, State
from quixstreams.sinks import BatchingSink, SinkBatch


class Writing(BatchingSink):
    def __init__(self, mongo: str, group: str) -> None:
        super().__init__()
        self._counted = MongoClient[dict[str, Any]](mongo, w="majority", journal=True)[group]["counts"]
        self._total = 0

    def write(self, batch: SinkBatch) -> None:
        latest = dict(item.value for item in batch)
        self._counted.bulk_write(
            [UpdateOne({"_id": region}, {"$set": {"n": n}}, upsert=True) for region, n in latest.items()],
            ordered=False,
        )
        self._total += batch.size
        sys.stdout.write(f"{self._total}\n")
        sys.stdout.flush()


def count(value: bytes, state: State) -> tuple[str, int]:
    region = orjson.loads(value)["subject"]
    now = state.get(region, 0) + 1
    state.set(region, now)
    return region, now


def main(kafka: str, mongo: str, topic: str, group: str, batch: int) -> None:
    with tempfile.TemporaryDirectory() as state:
        app = Application(
            broker_address=kafka,
            consumer_group=group,
            auto_offset_reset="earliest",
            commit_every=batch,
            commit_interval=0.5,  # the last few wait for it: by default 5 s
            state_dir=state,
            loglevel="ERROR",
        )
        log = app.topic(topic, value_deserializer="bytes")
        app.dataframe(log).apply(count, stateful=True).sink(Writing(mongo, group))
        app.run()


if __name__ == "__main__":
    kafka, mongo, topic, group, batch = sys.argv[1:6]
    main(kafka, mongo, topic, group, int(batch))
