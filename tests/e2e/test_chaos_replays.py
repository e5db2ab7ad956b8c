"""The log read again, ten times and into an empty database: nothing changes, nobody is told again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from services.notifier.routing.receivers import read_receivers
from services.notifier.turning import TOPICS as NOTIFIER_TOPICS
from services.notifier.turning import Notifier
from services.notifier.turning import Parts as NotifierParts
from shared import mongo
from shared.clock import ScenarioClock
from shared.exactly_once.wiring import Consuming
from shared.kafka.log_reader import LogReader
from shared.metrics import Metrics
from shared.topics import AGGREGATOR_GROUP, ALERTS, NOTIFIER_GROUP, Topic
from tests.e2e.chaos_desk import TOPICS, ChaosDesk, running_servers, settings_of, until
from tests.e2e.chaos_events import Stream
from tests.e2e.chaos_load import loading
from tests.e2e.chaos_members import aggregating, running
from tests.e2e.chaos_reference import content, differences
from tests.e2e.scenario_files import KALTIM, read_regions

pytestmark = [pytest.mark.timeout(600), pytest.mark.expect_errors("dead_letter")]

EVENTS = 1_000
REPLAYS = 10
REGIONS = [region.code for region in read_regions(KALTIM)]
# When the notifier looks: the report of the 18th is judged, its notices are not too old to be sent.
NOW = datetime.fromisoformat("2024-11-24T12:00:00+08:00")
CLOCK = f"{NOW.isoformat()}@1"

Say = Callable[[str], None]


@pytest.fixture
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChaosDesk]:
    with running_servers(tmp_path_factory.mktemp("replays"), partitions=3) as servers:
        yield servers


async def forget_commits(desk: ChaosDesk, group: str, topics: Sequence[Topic]) -> None:
    """As an operator does who resets a group's offsets to the beginning. Nobody may be in the group."""
    consumer = AIOKafkaConsumer(bootstrap_servers=desk.kafka, group_id=group, enable_auto_commit=False)
    reader = LogReader(desk.kafka, group, "replays")
    try:
        where = [TopicPartition(topic.name, p) for topic in topics for p in await reader.partitions(topic.name)]
        await consumer.start()
        consumer.assign(where)
        await consumer.commit(dict.fromkeys(where, 0))
    finally:
        await consumer.stop()
        await reader.stop()


@asynccontextmanager
async def notifying(desk: ChaosDesk, data_dir: Path) -> AsyncIterator[Consuming]:
    """A whole notifier at a moment that stands; its consumer is not running yet."""
    clock = ScenarioClock(CLOCK, data_dir)
    clock.hold()
    settings = settings_of(desk, clock=CLOCK, data_dir=data_dir)
    client = mongo.connect(desk.mongo_url)
    made = Notifier(NotifierParts(settings, desk.calendar, read_receivers(None), clock, client, Metrics("replays")))
    await made.consuming.producer.start()
    loops = asyncio.create_task(made.run())
    try:
        yield made.consuming
    finally:
        loops.cancel()
        await asyncio.wait([loops])
        await made.close()


async def until_at_rest(database: Any) -> None:
    """Until the notifier has drawn, published and sent all that follows from what it has read."""
    waiting = {
        "judgements": {"state": "open", "judge_at": {"$lte": NOW}},
        "obligations": {"$or": [{"unsettled": {"$gte": 1}}, {"unpublished": {"$gte": 1}}]},
        "alerts": {
            "$or": [{"to_notice.revision": {"$gte": 1}}, {"digest": {"$gt": ""}}, {"unpublished": {"$gte": 1}}]
        },
        "deliveries": {"state": "pending"},
    }

    async def is_at_rest() -> bool:
        return not any([await database[name].count_documents(query) for name, query in waiting.items()])

    await until(is_at_rest, 60)


async def told(desk: ChaosDesk) -> dict[str, Any]:
    """All that the notifier has concluded: verdicts, alerts, deliveries with their attempts, what it has published."""
    async with desk.opened(mongo.NOTIFIER_DB) as database:
        await until_at_rest(database)
        found: dict[str, Any] = {
            f"{name} {document['_id']}": content(document)
            for name in ("obligations", "alerts", "deliveries", "judgements")
            async for document in database[name].find()
        }
    published = [r for r in await desk.log() if r.position.topic == ALERTS.name]
    return {**found, "published": len(published)}


async def test_the_log_read_ten_times_changes_nothing_and_tells_nobody(
    desk: ChaosDesk, tmp_path: Path, seed: int, say: Say
) -> None:
    """Both services read everything again, ten times, after their groups' offsets were reset: each document stays as
    it is, no alert is raised or published, nothing delivered. A database that knew nothing gets the same documents."""
    async with loading(desk.kafka, Stream(seed, REGIONS, "r")) as load:
        await load.send(EVENTS)
    async with notifying(desk, tmp_path) as notifier, aggregating(desk, mongo.AGGREGATOR_DB) as aggregator:
        async with running(notifier):
            await desk.until_read(NOTIFIER_GROUP, NOTIFIER_TOPICS)
            before = await told(desk)
        async with running(aggregator):
            await desk.assert_right()
        for _ in range(REPLAYS):
            await forget_commits(desk, NOTIFIER_GROUP, NOTIFIER_TOPICS)
            await forget_commits(desk, AGGREGATOR_GROUP, TOPICS)
            async with running(notifier), running(aggregator):
                await desk.until_read(NOTIFIER_GROUP, NOTIFIER_TOPICS)
                await desk.until_read()
            say("read again")
        await desk.assert_right()
        assert differences(before, await told(desk)) == []
    say(f"{len([key for key in before if key.startswith('deliveries')])} deliveries, {before['published']} published")
    await forget_commits(desk, AGGREGATOR_GROUP, TOPICS)
    async with aggregating(desk, "another_aggregator") as aggregator, running(aggregator):
        await desk.until_read()
    assert await desk.complaints(await desk.reference(), "another_aggregator") == []
