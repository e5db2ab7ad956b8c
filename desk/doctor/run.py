"""All questions at once, in the order in which a person reads the answers."""

from __future__ import annotations

import asyncio
from itertools import chain

from desk.doctor import database, kafka, keys, receivers, services
from desk.doctor.finding import Finding
from shared.settings import Settings


async def examine(settings: Settings) -> list[Finding]:
    """Everything about the installation of these settings. Ends within a minute; raises nothing."""
    urls = {"intake": settings.intake_url, "aggregator": settings.aggregator_url, "notifier": settings.notifier_url}
    found = await asyncio.gather(
        database.examine(settings),
        kafka.examine(settings),
        *(services.examine(name, url.rstrip("/"), settings.http_ca) for name, url in urls.items()),
        keys.examine(settings),
        receivers.examine(settings),
    )
    return list(chain.from_iterable(found))
