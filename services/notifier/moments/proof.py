"""What must be shown before anybody is called missing: that the log is read up to where it ended at the moment of
judgement.

The end offsets of *all* partitions are taken once, at or after that moment, and kept in the document of what is
judged; it is proven when what our group has *committed* (after its database write) has passed them.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

from aiokafka.errors import KafkaError

from services.notifier.rules.cannot_evaluate import (
    KAFKA_AWAY,
    NO_PARTITIONS,
    OTHER_LOG,
    PARTITIONS_UNREAD,
    Unproven,
)
from services.notifier.verdicts.judgements import Ends, unread
from shared.exactly_once.guard import OtherLog
from shared.mongo import Document


class LogOffsets(Protocol):
    """Where the log ends, and how far our group has committed."""

    async def ends(self, topic: str) -> dict[int, tuple[int, int]]: ...

    async def committed(self, topic: str, partitions: list[int]) -> dict[int, int]: ...


async def unproven(
    offsets: LogOffsets,
    topic: str,
    judged: Document,
    keep_ends: Callable[[str, Ends], Awaitable[Document]],
) -> Unproven | None:
    """None once everything of a topic that was accepted before the moment of judgement is provably read; else what is
    not. `judged` holds the ends in `ends`, None if they are still to be taken; `keep_ends` keeps them, the first
    replica's count, and returns the document."""
    try:
        if judged["ends"] is None:
            judged = await keep_ends(judged["_id"], await offsets.ends(topic))
        ends = {int(p): (begin, end) for p, (begin, end) in judged["ends"].items()}
        if not ends:
            return Unproven(NO_PARTITIONS, {"topic": topic})
        behind = unread(ends, await offsets.committed(topic, list(ends)))
    except OtherLog:
        return Unproven(OTHER_LOG, {"topic": topic})
    except (KafkaError, TimeoutError, OSError) as error:
        return Unproven(KAFKA_AWAY, {"error": type(error).__name__})
    return Unproven(PARTITIONS_UNREAD, {"topic": topic, "partitions": behind}) if behind else None
