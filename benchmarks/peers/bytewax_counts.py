"""A peer of the aggregator: Bytewax, a stateful count and a sink that writes batches; counts alone. It runs in an
environment of its own: `python bytewax_counts.py KAFKA MONGO TOPIC GROUP BATCH`."""

from __future__ import annotations

import sys
from typing import Any

import orjson
from bytewax import operators as op
from bytewax.connectors.kafka import KafkaSource
from bytewax.dataflow import Dataflow
from bytewax.outputs import DynamicSink, StatelessSinkPartition
from bytewax.run import cli_main
from pymongo import MongoClient, UpdateOne


class Writing(StatelessSinkPartition[Any]):
    def __init__(self, mongo: str, group: str) -> None:
        self._counted = MongoClient[dict[str, Any]](mongo, w="majority", journal=True)[group]["counts"]
        self._total = 0

    def write_batch(self, items: list[tuple[str, int]]) -> None:
        latest = dict(items)
        self._counted.bulk_write(
            [UpdateOne({"_id": region}, {"$set": {"n": n}}, upsert=True) for region, n in latest.items()],
            ordered=False,
        )
        self._total += len(items)
        sys.stdout.write(f"{self._total}\n")
        sys.stdout.flush()


class Sink(DynamicSink[Any]):
    def __init__(self, mongo: str, group: str) -> None:
        self._to = mongo, group

    def build(self, _step_id: str, _worker_index: int, _worker_count: int) -> Writing:
        return Writing(*self._to)


def count(state: int | None, _event: Any) -> tuple[int, int]:
    now = (state or 0) + 1
    return now, now


def flow(kafka: str, mongo: str, topic: str, group: str, batch: int) -> Dataflow:
    made = Dataflow("counts")
    records = op.input("log", made, KafkaSource([kafka], [topic], batch_size=batch))
    regions = op.map("read", records, lambda record: (orjson.loads(record.value)["subject"], 1))
    op.output("mongo", op.stateful_map("count", regions, count), Sink(mongo, group))
    return made


if __name__ == "__main__":
    kafka, mongo, topic, group, batch = sys.argv[1:6]
    cli_main(flow(kafka, mongo, topic, group, int(batch)))
