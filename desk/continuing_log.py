"""Kafka was lost and the databases were kept: new topics go on from the offsets that the databases have read.

Each document knows by offsets what is folded into it, and the journal where each event stood. A topic made anew begins
at 0: whoever read it would skip its records up to the old offsets, and so refuses (`OtherLog`). Kafka takes no first
offset for a topic. So each partition is filled with empty records up to beyond what was read; what had been accepted
meanwhile is sent again behind them; all before that is deleted. It looks as if retention had taken the old records,
which is true: the databases need no change.

Whoever is killed here can call it again: what is sent again twice counts once, and until the deletion everybody
refuses to read.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import RecordsToDelete

from desk.counting import Counted, counting
from desk.replay.reading import Log, open_log
from shared.events.codec import BadEvent, decode
from shared.exactly_once import guard, journal
from shared.exactly_once.journal import position_of
from shared.instants import kept
from shared.kafka.closing import close_producer
from shared.kafka.limits import CALL_TIMEOUT_S, MAX_BATCH_BYTES
from shared.kafka.log_reader import LogReader
from shared.kafka.security import security_of
from shared.kafka.topic_admin import connected
from shared.mongo import Database
from shared.records import Look, Position, Record
from shared.settings import Settings
from shared.topics import ALERTS, INCIDENTS, LOGISTICS, REPORTS

TOPICS = (REPORTS, INCIDENTS, LOGISTICS, ALERTS)
# A batch that was in hand may be folded and not yet noted as read.
_MARGIN_BATCHES = 2
_CONFIRM_S = 3 * CALL_TIMEOUT_S  # a full batch, on a Kafka that has just come back


class CannotContinue(Exception):
    """The message says why, and what to do."""


@dataclass(frozen=True)
class Read:
    """How far a partition was read by some service: the last offset, and the hash of the record there."""

    where: TopicPartition
    offset: int
    hash: str


@dataclass
class Continued:
    """What was done: from which offset each partition goes on, and how many records were sent again."""

    starts: dict[TopicPartition, int]
    sent_again: int = 0


async def continue_log(settings: Settings, databases: Sequence[Database]) -> Continued:
    """Of partitions that are another log than was read; the others stay. Raises CannotContinue, DatabaseError,
    KafkaError, TimeoutError, TopicUnread."""
    looks = LogReader(settings.kafka, "desk.continue-log", "desk.continue-log", security_of(settings))
    try:
        async with open_log(settings, TOPICS) as log, _producing(settings) as producer:
            there = {TopicPartition(topic, number) for topic, number in await log.partitions()}
            others = [one for database in databases for one in await _others(await _read(database, there), looks)]
            margin = _MARGIN_BATCHES * settings.batch_max_records
            starts: dict[TopicPartition, int] = {}
            for one in others:
                starts[one.where] = max(starts.get(one.where, 0), one.offset + 1 + margin)
            await _refuse_the_same_log(starts, databases, looks)
            await _fill(log, producer, starts)
            starts = await _beyond_what_was_filled(log, starts)
            done = Continued(starts, sent_again=await _send_again(log, producer, starts))
        if starts:
            async with connected(settings.kafka, security_of(settings)) as admin:
                async with asyncio.timeout(_CONFIRM_S):
                    await admin.delete_records({w: RecordsToDelete(before_offset=at) for w, at in starts.items()})
    finally:
        await looks.stop()
    return done


async def _read(database: Database, there: set[TopicPartition]) -> list[Read]:
    stored = database[guard.COLLECTION].find({"offset": {"$exists": True}})
    found = [Read(_partition(one["_id"]), int(one["offset"]), one["hash"]) async for one in stored]
    if absent := sorted({one.where for one in found} - there):
        most = max(where.partition for where in absent) + 1
        raise CannotContinue(
            f"there were {most} partitions of {absent[0].topic}, or more: `desk partitions {most}` first, or as "
            "many as there were"
        )
    return found


async def _others(read: Sequence[Read], looks: LogReader) -> list[Read]:
    """Those whose last record is not in the log, though retention cannot have taken it."""
    places = [Position(one.where.topic, one.where.partition, one.offset) for one in read]
    found = await looks.look(places) if places else []
    return [one for one, look in zip(read, found, strict=True) if _is_other(one, look)]


def _is_other(one: Read, look: Look) -> bool:
    if look.beginning > one.offset:
        return False
    value = look.value_at(one.offset)
    return value is None or sha256(value).hexdigest() != one.hash


async def _refuse_the_same_log(
    starts: Mapping[TopicPartition, int], databases: Sequence[Database], looks: LogReader
) -> None:
    """A log that lost its end only is still the one that was read: what it holds must not be deleted."""
    begins = [Position(where.topic, where.partition, 0) for where in starts]
    for where, look in zip(starts, await looks.look(begins) if begins else (), strict=True):
        if look.record is not None and await _is_journaled(look.record, databases):
            raise CannotContinue(
                f"{where.topic}/{where.partition} is the log that was read, and its end is missing: nothing of it is "
                "deleted. docs/runbooks/other-log.md says what can be done"
            )


async def _is_journaled(record: Record, databases: Sequence[Database]) -> bool:
    """Whether the journal has seen this very event at this very place."""
    try:
        event = decode(record.position.topic, record.value)
    except BadEvent:
        return False
    for database in databases:
        entry = await database[journal.COLLECTION].find_one({"_id": event.identity})
        if entry is None or entry["received_at"] != kept(event.receivedat):  # sent again, as agencies are asked to
            continue
        if position_of(entry) == record.position:
            return True
    return False


async def _fill(log: Log, producer: AIOKafkaProducer, starts: Mapping[TopicPartition, int]) -> None:
    """Empty records, until nothing can land before the starts any more."""
    ends = (await log.bounds())[1]
    left = {where: at - ends[_name(where)] for where, at in starts.items() if at > ends[_name(where)]}
    with counting("filling offsets", sum(left.values())) as counted:
        for where, count in left.items():
            await _append(producer, where, [(None, b"", ())] * count, counted)


async def _beyond_what_was_filled(log: Log, starts: Mapping[TopicPartition, int]) -> dict[TopicPartition, int]:
    """Intake accepts meanwhile: each event that came between the look at the end and the filling has pushed an empty
    record beyond the start, where services would find it, as a dead letter."""
    ends = (await log.bounds())[1]
    return {where: max(at, ends[_name(where)]) for where, at in starts.items()}


async def _send_again(log: Log, producer: AIOKafkaProducer, starts: Mapping[TopicPartition, int]) -> int:
    """What was accepted meanwhile and stands before the starts."""
    begins, _ = await log.bounds()
    until = {_name(where): at for where, at in starts.items()}
    sent = 0
    async with aclosing(log.read(begins, until)) as batches:
        async for records in batches:
            kept = [record for record in records if record.key is not None or record.value]
            for where in dict.fromkeys(_of(record) for record in kept):
                ours = [(r.key, r.value, r.headers) for r in kept if _of(r) == where]
                await _append(producer, where, ours, lambda _: None)
                sent += len(ours)
    return sent


Sent = tuple[bytes | None, bytes, tuple[tuple[str, bytes], ...]]


async def _append(
    producer: AIOKafkaProducer, where: TopicPartition, records: Sequence[Sent], counted: Counted
) -> None:
    """In order, confirmed by all replicas."""
    at = 0
    while at < len(records):
        builder, first = producer.create_batch(), at
        while at < len(records):
            key, value, headers = records[at]
            if builder.append(timestamp=None, key=key, value=value, headers=list(headers)) is None:
                break
            at += 1
        async with asyncio.timeout(_CONFIRM_S):
            await (await producer.send_batch(builder, where.topic, partition=where.partition))
        counted(at - first)


@asynccontextmanager
async def _producing(settings: Settings) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(
        bootstrap_servers=settings.kafka.split(","),
        **security_of(settings).options(),
        acks="all",
        enable_idempotence=False,
        compression_type="gzip",
        max_batch_size=MAX_BATCH_BYTES,
        request_timeout_ms=int(_CONFIRM_S * 1000),
    )
    try:
        async with asyncio.timeout(CALL_TIMEOUT_S):
            await producer.start()
        yield producer
    finally:
        await close_producer(producer, CALL_TIMEOUT_S)


def _partition(name: str) -> TopicPartition:
    """Of the name that the database knows it by, `reports:3`."""
    topic, _, number = name.rpartition(":")
    return TopicPartition(f"desk.{topic}", int(number))


def _name(where: TopicPartition) -> str:
    return Position(where.topic, where.partition, 0).log


def _of(record: Record) -> TopicPartition:
    return TopicPartition(record.position.topic, record.position.partition)
