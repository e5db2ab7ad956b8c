"""Creating topics, for `desk init` alone: nothing else makes one, and brokers do not by themselves."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from shared.topics import Topic

_ALREADY_THERE = 36  # TOPIC_ALREADY_EXISTS


async def create_topics(addresses: str, topics: Iterable[Topic], replication: int, min_insync: int) -> list[str]:
    """Create what is missing; the names created. Raises KafkaError, TimeoutError."""
    admin = AIOKafkaAdminClient(bootstrap_servers=addresses.split(","), request_timeout_ms=20_000)
    async with asyncio.timeout(30):
        try:
            await admin.start()
            reply = await admin.create_topics([_new_topic(t, replication, min_insync) for t in topics])
        finally:
            await admin.close()
    created = []
    for name, code, *message in reply.topic_errors:
        if code == 0:
            created.append(name)
        elif code != _ALREADY_THERE:
            raise KafkaError(f"topic {name}: error {code} {' '.join(map(str, message))}")
    return created


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
        },
    )
