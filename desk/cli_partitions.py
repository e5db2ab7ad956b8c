"""`desk partitions`: more partitions for the events' topics, so that more replicas share the work."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from desk.console import fail, in_short, say
from desk.options import settings_with

_MOST = 200


def partitions(
    count: Annotated[int, typer.Argument(min=1, max=_MOST, help="How many each topic of events shall have.")],
) -> None:
    """Give the topics of events so many partitions, if they have fewer. There is no way back.

    Regencies move to other partitions. What is in the log stays where it is and counts as it did; running services
    find the new ones within ten seconds. When best to do it, and what to look at: docs/runbooks/partitions.md.
    """
    from aiokafka.errors import KafkaError

    from shared import topics
    from shared.kafka.security import security_of
    from shared.kafka.topic_admin import add_partitions

    names = [topic.name for topic in topics.ALL if topic is not topics.DEAD_LETTERS]
    settings = settings_with()
    try:
        wanted = dict.fromkeys(names, count)
        before = asyncio.run(add_partitions(settings.kafka, wanted, security_of(settings)))
    except (KafkaError, TimeoutError, OSError) as error:
        raise fail(f"Kafka did not do it (DESK_KAFKA names it): {in_short(error)}", 1) from None
    for name in names:
        say(f"{name}: {before[name]} -> {count} partitions" if name in before else f"{name}: nothing to do")
