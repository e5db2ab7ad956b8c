"""Creating topics and adding partitions, for the CLI alone: nothing else does, and brokers do not by themselves."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager

from aiokafka.admin import AIOKafkaAdminClient, NewPartitions, NewTopic
from aiokafka.errors import KafkaError

from shared.kafka.security import PLAIN, Security
from shared.topics import Topic

_ALREADY_THERE = 36  # TOPIC_ALREADY_EXISTS


async def create_topics(
    addresses: str, topics: Iterable[Topic], replication: int, min_insync: int, security: Security = PLAIN
) -> list[str]:
    """Create what is missing; the names created. Raises KafkaError, TimeoutError."""
    async with connected(addresses, security) as admin:
        reply = await admin.create_topics([_new_topic(t, replication, min_insync) for t in topics])
    created = []
    for name, code, *message in reply.topic_errors:
        if code == 0:
            created.append(name)
        elif code != _ALREADY_THERE:
            raise KafkaError(f"topic {name}: error {code} {' '.join(map(str, message))}")
    return created


async def add_partitions(addresses: str, wanted: Mapping[str, int], security: Security = PLAIN) -> dict[str, int]:
    """Give topics that have fewer so many partitions; how many each of them had before. Keys move to other partitions
    then: docs/runbooks/partitions.md. Raises KafkaError, TimeoutError; a topic that does not exist is a KafkaError."""
    async with connected(addresses, security) as admin:
        found = {t["topic"]: len(t["partitions"]) for t in await admin.describe_topics(list(wanted))}
        if absent := sorted(wanted.keys() - {name for name, partitions in found.items() if partitions}):
            raise KafkaError(f"there is no topic {', '.join(absent)}; `desk init` makes it")
        fewer = {name: found[name] for name, partitions in wanted.items() if found[name] < partitions}
        if fewer:
            await admin.create_partitions({name: NewPartitions(wanted[name]) for name in fewer})
    return fewer


@asynccontextmanager
async def connected(addresses: str, security: Security = PLAIN) -> AsyncIterator[AIOKafkaAdminClient]:
    """An admin client, for half a minute at most. Raises KafkaError, TimeoutError."""
    admin = AIOKafkaAdminClient(
        bootstrap_servers=addresses.split(","), request_timeout_ms=20_000, **security.options()
    )
    async with asyncio.timeout(30):
        try:
            await admin.start()
            yield admin
        finally:
            await admin.close()


def _new_topic(topic: Topic, replication: int, min_insync: int) -> NewTopic:
    return NewTopic(
        topic.name,
        topic.partitions,
        replication,
        topic_configs={
            "retention.ms": str(topic.retention_ms),
            "min.insync.replicas": str(min_insync),
            "unclean.leader.election.enable": "false",
            "cleanup.policy": "delete",
            # Whoever writes, and however he compresses: what no codec of ours could unpack would stop a partition.
            "compression.type": "uncompressed",
        },
    )
