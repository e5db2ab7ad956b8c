"""What the notifier puts together: the wiring that a verdict's truth depends on."""

from __future__ import annotations

from services.notifier.routing.receivers import read_receivers
from services.notifier.turning import Notifier, Parts
from shared import mongo
from shared.clock import RealClock
from shared.election.loaded import load_calendar
from shared.exactly_once.progress import Progress
from shared.metrics import Metrics
from shared.settings import Settings


async def test_the_judge_asks_database_and_commits_alike() -> None:
    """On Kafka's commits alone, a notifier whose database was lost would call everybody missing."""
    settings = Settings()
    calendar = load_calendar(settings.election, None, None)
    client = mongo.connect("mongodb://127.0.0.1:1/?connect=false")
    notifier = Notifier(Parts(settings, calendar, read_receivers(None), RealClock(), client, Metrics("test")))
    assert notifier.watching.judge._offsets is notifier.consuming.progress
    assert isinstance(notifier.consuming.progress, Progress)
    await notifier.close()
