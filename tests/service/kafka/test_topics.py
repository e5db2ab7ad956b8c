"""Topics as `desk init` makes them, on a real broker."""

from __future__ import annotations

import uuid

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError

from shared.kafka.topic_admin import add_partitions, create_topics
from shared.topics import Topic


async def configuration(address: str, topic: str) -> dict[str, str]:
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        (reply,) = await admin.describe_configs([ConfigResource(ConfigResourceType.TOPIC, topic)])
    finally:
        await admin.close()
    return {name: value for name, value, *_ in reply.resources[0][4]}


async def test_a_topic_keeps_what_was_acknowledged_and_nothing_in_a_codec(broker_address: str) -> None:
    """Records are kept by time alone and never compressed, whoever sends them: a consumer that lacks the codec would
    stop at them for good."""
    topic = Topic(f"test.topic.{uuid.uuid4().hex[:8]}", partitions=2, retention_ms=86_400_000)
    assert await create_topics(broker_address, [topic], 1, 1) == [topic.name]
    found = await configuration(broker_address, topic.name)
    expected = {
        "retention.ms": "86400000",
        "cleanup.policy": "delete",
        "unclean.leader.election.enable": "false",
        "compression.type": "uncompressed",
    }
    assert expected.items() <= found.items()
    assert await create_topics(broker_address, [topic], 1, 1) == []


async def test_partitions_are_added_never_taken(broker_address: str) -> None:
    """To what has fewer; once. A topic that is not there is named."""
    topic = Topic(f"test.topic.{uuid.uuid4().hex[:8]}", partitions=2)
    await create_topics(broker_address, [topic], 1, 1)
    assert await add_partitions(broker_address, {topic.name: 5}) == {topic.name: 2}
    assert await add_partitions(broker_address, {topic.name: 5}) == {}
    assert await add_partitions(broker_address, {topic.name: 3}) == {}
    with pytest.raises(KafkaError, match=r"there is no topic test\.absent"):
        await add_partitions(broker_address, {topic.name: 6, "test.absent": 6})
