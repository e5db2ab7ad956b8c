"""A topic deleted and made anew, on a real broker: a consumer that is running and one that starts both refuse it."""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka.admin import AIOKafkaAdminClient

from shared.kafka.topic_admin import create_topics
from shared.topics import Topic
from tests.service.exactly_once.test_rebalance import Replica, producing, replica, topic, until, until_read

__all__ = ["topic"]  # the fixture

pytestmark = [
    pytest.mark.expect_errors("consumer_stopped"),
    pytest.mark.parametrize("database", ["motor"], indirect=True),
]


async def make_anew(address: str, topic: Topic) -> None:
    """As an operator does who wants to begin again, and forgets the databases."""
    admin = AIOKafkaAdminClient(bootstrap_servers=address)
    await admin.start()
    try:
        await admin.delete_topics([topic.name])
    finally:
        await admin.close()

    made: list[str] = []
    while not made:  # until the deletion is done the name is taken
        made = await create_topics(address, [topic], 1, 1)


async def counted(database: Any) -> dict[str, list[str]]:
    return {d["_id"]: d["ids"] async for d in database["regions"].find()}


def assert_refused(made: Replica) -> None:
    status = str(made.consuming.consumer.status)
    assert "is another one" in status or "is gone" in status
    assert 'desk_consumer_stopped{reason="other_log"} 1.0' in made.metrics.render()[0].decode()


async def test_it_is_refused_by_who_runs_and_by_who_starts(broker_address: str, database: Any, topic: Topic) -> None:
    """Both stop with an alarm and stay up; nothing of the new log is counted, none of the old one forgotten."""
    async with replica(broker_address, database, topic) as running:
        async with producing(broker_address, topic) as confirmed:
            await until(running.has_counted)
        await until_read(running.consuming.reader, topic)
        await make_anew(broker_address, topic)
        async with producing(broker_address, topic, "anew"):
            await until(lambda: running.consuming.consumer.status is not None)
            assert_refused(running)
            async with replica(broker_address, database, topic) as starting:
                await until(lambda: "has not joined" not in str(starting.consuming.consumer.status))
                assert_refused(starting)
    assert await counted(database) == confirmed
