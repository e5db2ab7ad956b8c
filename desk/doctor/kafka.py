"""Kafka: does it answer, are the topics as they must be, does anybody lag behind?"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aiokafka.errors import KafkaError

from desk.console import in_short
from desk.dead_letters import read_letters
from desk.doctor.finding import Finding, bad, look, ok
from shared import topics
from shared.kafka.log_reader import LogReader
from shared.kafka.security import security_of
from shared.kafka.topic_admin import connected
from shared.kafka.whole_topic import TopicUnread
from shared.settings import Settings

TIMEOUT_S = 30.0
LAG_TO_LOOK_AT = 1_000
GROUPS: Mapping[str, tuple[topics.Topic, ...]] = {
    topics.AGGREGATOR_GROUP: (topics.REPORTS, topics.INCIDENTS, topics.LOGISTICS, topics.ALERTS),
    topics.NOTIFIER_GROUP: (topics.REPORTS, topics.INCIDENTS, topics.LOGISTICS),
}


@dataclass(frozen=True)
class Partition:
    """How one partition stands: `in_sync` of `replicas` have all of it."""

    has_leader: bool
    replicas: int
    in_sync: int


async def examine(settings: Settings) -> list[Finding]:
    """Raises nothing."""
    about = f"Kafka at {settings.kafka}"
    try:
        async with asyncio.timeout(TIMEOUT_S):
            found = await _topics(settings)
            findings = [ok(about, "answers"), *judge_topics(found, settings)]
            if all(name in found for name in (topic.name for topic in topics.ALL)):
                findings += [*await _lag(settings), *await _dead_letters(settings)]
    except (KafkaError, TopicUnread, TimeoutError, OSError, ValueError) as error:
        advice = "is it running, is DESK_KAFKA its address, and are user and certificate right (DESK_KAFKA_...)?"
        return [bad(about, f"does not answer ({type(error).__name__}: {in_short(error)})", advice)]
    return findings


def judge_topics(found: Mapping[str, list[Partition]], settings: Settings) -> Iterator[Finding]:
    """`found` are the partitions of the topics that exist."""
    wanted = {topic.name: topic for topic in topics.ALL}
    if absent := sorted(wanted.keys() - found.keys()):
        yield bad(
            "topics", f"{', '.join(absent)} missing", "`desk init` makes them; with compose: `docker compose up init`"
        )
    for name, partitions in sorted(found.items()):
        yield from _judge_topic(name, partitions, wanted[name].partitions, settings.topic_replication)
    if not absent:
        yield ok("topics", f"all {len(wanted)} are there")


def _judge_topic(name: str, partitions: list[Partition], most: int, replication: int) -> Iterator[Finding]:
    leaderless = sum(not p.has_leader for p in partitions)
    behind = sum(p.in_sync < p.replicas for p in partitions)
    fewest = min(p.replicas for p in partitions)
    if len(partitions) < most:
        yield look(name, f"{len(partitions)} partitions instead of {most}", "more: docs/runbooks/partitions.md")
    if leaderless:
        said = f"{leaderless} partitions have no leader: nothing is accepted or read there"
        yield bad(name, said, "a broker is down: start it again; its disk holds what is missing")
    elif behind:
        said = f"{behind} partitions are not on all their brokers"
        yield bad(name, said, "a broker is down or slow: look after it before a second one goes")
    if fewest < replication:
        advice = "DESK_TOPIC_REPLICATION counts for new topics alone; kafka-reassign-partitions changes old ones"
        yield bad(name, f"on {fewest} brokers, and {replication} are wanted", advice)


def judge_lag(group: str, lag: int, uncommitted: int) -> Finding:
    """`lag` in records; `uncommitted` is how many partitions with records the group has never read."""
    service = group.removeprefix("desk.")
    if uncommitted or lag > LAG_TO_LOOK_AT:
        said = f"{lag} records behind" + (f", {uncommitted} partitions never read" if uncommitted else "")
        advice = f"look again in a minute; if it does not shrink, `docker compose logs {service}` says why"
        return look(service, said, advice)
    return ok(service, f"{lag} records behind")


async def _topics(settings: Settings) -> dict[str, list[Partition]]:
    async with connected(settings.kafka, security_of(settings)) as admin:
        described: Iterable[dict[str, Any]] = await admin.describe_topics([topic.name for topic in topics.ALL])
    return {
        one["topic"]: [Partition(p["leader"] >= 0, len(p["replicas"]), len(p["isr"])) for p in one["partitions"]]
        for one in described
        if one["partitions"]
    }


async def _lag(settings: Settings) -> list[Finding]:
    return [await _lag_of(settings, group, read) for group, read in GROUPS.items()]


async def _lag_of(settings: Settings, group: str, read: Iterable[topics.Topic]) -> Finding:
    reader = LogReader(settings.kafka, group, "desk.doctor", security_of(settings))
    lag = uncommitted = 0
    try:
        for topic in read:
            ends = await reader.ends(topic.name)
            committed = await reader.committed(topic.name, ends)
            lag += sum(max(0, end - max(begin, committed[p])) for p, (begin, end) in ends.items())
            uncommitted += sum(end > begin and committed[p] == 0 and begin == 0 for p, (begin, end) in ends.items())
    finally:
        await reader.stop()
    return judge_lag(group, lag, uncommitted)


async def _dead_letters(settings: Settings) -> list[Finding]:
    waiting = sum(letter.resolved is None for letter in await read_letters(settings))
    if not waiting:
        return [ok("dead letters", "none waits")]
    advice = "`desk dead-letters list` shows them; then `retry` or `drop` each"
    return [look("dead letters", f"{waiting} wait for somebody to decide", advice)]
