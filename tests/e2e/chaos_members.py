"""Members of the aggregator's group in this process: the real consumer, without a service around it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from services.aggregator.changes import COLLECTIONS, changes_of
from shared import mongo
from shared.exactly_once.wiring import Consuming, build_consuming
from shared.metrics import Metrics
from shared.topics import AGGREGATOR_GROUP
from tests.e2e.chaos_desk import TOPICS, ChaosDesk, settings_of


@asynccontextmanager
async def running(consumed: Consuming) -> AsyncIterator[None]:
    """A consumer in its group as long as the context lasts."""
    task = asyncio.create_task(consumed.consumer.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


@asynccontextmanager
async def aggregating(desk: ChaosDesk, database: str = mongo.AGGREGATOR_DB) -> AsyncIterator[Consuming]:
    """The aggregator's consumer, not running yet."""
    async with desk.opened(database) as opened:
        made = build_consuming(
            settings_of(desk),
            Metrics("chaos"),
            opened,
            group=AGGREGATOR_GROUP,
            topics=TOPICS,
            collections=COLLECTIONS,
            changes=changes_of(desk.calendar),
        )
        await made.producer.start()
        try:
            yield made
        finally:
            await asyncio.gather(made.producer.stop(), made.reader.stop())
