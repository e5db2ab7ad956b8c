"""The log, read record by record, and what the aggregator says, for the history checker."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.kafka.log_reader import LogReader
from tests.e2e.calling import Caller
from tests.e2e.history import Became, Identity, Position, Written
from tests.e2e.history_contents import Content, mark_in

TOPICS = ("desk.reports", "desk.incidents", "desk.logistics")
DEAD_LETTERS = "desk.dead-letters"
GROUP = "desk.aggregator"
READERS = 8
CALL_S = 20.0


@dataclass(frozen=True)
class Log:
    """All that stands in the topics; `unread` is how many records the aggregator has not committed yet."""

    written: list[Written]
    dead_letters: int
    unread: int


def read_log(kafka: str, contents: Mapping[str, Content]) -> Log:
    """Every record, each partition in its order. Raises KafkaError, TimeoutError while the broker is away."""
    return asyncio.run(_read_log(kafka, contents))


async def _read_log(kafka: str, contents: Mapping[str, Content]) -> Log:
    reader = LogReader(kafka, GROUP, "history")
    ends: dict[TopicPartition, int] = {}
    unread = 0
    try:
        for topic in TOPICS:
            found = await reader.ends(topic)
            committed = await reader.committed(topic, found)
            ends |= {TopicPartition(topic, part): end for part, (_, end) in found.items()}
            unread += sum(end - committed[part] for part, (_, end) in found.items())
        letters = sum(end for _, end in (await reader.ends(DEAD_LETTERS)).values())
    finally:
        await reader.stop()
    return Log(await _records(kafka, ends, contents), letters, unread)


async def _records(kafka: str, ends: Mapping[TopicPartition, int], contents: Mapping[str, Content]) -> list[Written]:
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, enable_auto_commit=False)
    async with asyncio.timeout(CALL_S):
        await consumer.start()
        try:
            consumer.assign(list(ends))
            await consumer.seek_to_beginning()
            return await _up_to(consumer, ends, contents)
        finally:
            await consumer.stop()


async def _up_to(
    consumer: AIOKafkaConsumer, ends: Mapping[TopicPartition, int], contents: Mapping[str, Content]
) -> list[Written]:
    written = []
    while any([await consumer.position(part) < end for part, end in ends.items()]):
        for part, records in (await consumer.getmany(timeout_ms=200)).items():
            written += [
                _written(Position(part.topic, part.partition, record.offset), record.value, contents)
                for record in records
                if record.offset < ends[part]
            ]
    return written


def _written(position: Position, value: bytes, contents: Mapping[str, Content]) -> Written:
    """Its content has the name of the one that was sent, if it says all of that one."""
    event = json.loads(value)
    mark = mark_in(json.dumps(event["data"]))
    is_faithful = mark in contents and contents[mark].is_said_by(event)
    identity = event["source"].removeprefix("/agencies/"), event["id"]
    return Written(position, identity, mark if is_faithful else f"{mark}, which is not what was sent: {event}")


def read_became(aggregator: Caller, identities: Iterable[Identity]) -> dict[Identity, Became]:
    """What the aggregator says of each; one that it does not know is left out."""

    def ask(identity: Identity) -> Became | None:
        try:
            return _became(aggregator.get("/v1/events/{}/{}".format(*identity)))
        except LookupError:
            return None

    asked = sorted(identities)
    with ThreadPoolExecutor(READERS) as pool:
        return {i: found for i, found in zip(asked, pool.map(ask, asked), strict=True) if found is not None}


def _became(told: Mapping[str, Any]) -> Became:
    others = {_position(other): bool(other["is_conflict"]) for other in told["others"]}
    return Became(told["status"], told["counted"], _position(told), others)


def _position(told: Mapping[str, Any]) -> Position:
    return Position(told["topic"], told["partition"], told["offset"])


PASSING = (KafkaError, TimeoutError)
