"""What the notifier puts together: the wiring that a verdict's truth depends on."""

from __future__ import annotations

import asyncio

import pytest

from services.notifier.delivery.sending import Sending
from services.notifier.routing.receivers import read_receivers
from services.notifier.turning import Notifier, Parts
from shared import mongo
from shared.clock import RealClock
from shared.election.loaded import load_calendar
from shared.exactly_once.progress import Progress
from shared.kafka.log_reader import LogReader
from shared.kafka.producer import Producer
from shared.metrics import Metrics
from shared.settings import Settings


def a_notifier() -> Notifier:
    settings = Settings()
    calendar = load_calendar(settings.election, None, None)
    client = mongo.connect("mongodb://127.0.0.1:1/?connect=false")
    return Notifier(Parts(settings, calendar, read_receivers(None), RealClock(), client, Metrics("test")))


async def test_the_judge_asks_database_and_commits_alike() -> None:
    """On Kafka's commits alone, a notifier whose database was lost would call everybody missing."""
    notifier = a_notifier()
    assert notifier.watching.judge._offsets is notifier.consuming.progress
    assert isinstance(notifier.consuming.progress, Progress)
    await notifier.close()


async def test_what_it_closes_it_closes_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slow receivers and a broker that hangs take no longer than either. Each of these ends only while all end."""
    at_once = asyncio.Barrier(3)

    async def ends(_closed: object) -> None:
        await at_once.wait()

    for kind, closing in ((Sending, "close"), (LogReader, "stop"), (Producer, "stop")):
        monkeypatch.setattr(kind, closing, ends)
    async with asyncio.timeout(5):
        await a_notifier().close()
