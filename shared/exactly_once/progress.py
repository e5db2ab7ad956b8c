"""How far the log is provably read: by the group's commits and by the database, whichever is behind."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from shared.exactly_once.guard import Guard


class Offsets(Protocol):
    """What the broker says. Raises KafkaError, TimeoutError."""

    async def ends(self, topic: str) -> dict[int, tuple[int, int]]: ...

    async def committed(self, topic: str, partitions: Iterable[int]) -> dict[int, int]: ...


class Progress:
    """Two stores must agree before anyone draws a conclusion from silence: a database that was lost has read nothing,
    whatever the group has committed, and commits on a topic made anew prove nothing."""

    def __init__(self, offsets: Offsets, guard: Guard) -> None:
        self._offsets, self._guard = offsets, guard

    async def ends(self, topic: str) -> dict[int, tuple[int, int]]:
        """(beginning, end) of each partition. Raises KafkaError, TimeoutError."""
        return await self._offsets.ends(topic)

    async def committed(self, topic: str, partitions: Iterable[int]) -> dict[int, int]:
        """By partition, the offset up to which everything is committed *and* in the database.
        Raises OtherLog, KafkaError, TimeoutError, DatabaseError."""
        wanted = list(partitions)
        await self._guard.verify_all((topic, partition) for partition in wanted)
        committed = await self._offsets.committed(topic, wanted)
        read = await self._guard.read_to(topic, wanted)
        return {p: min(committed.get(p, 0), read[p]) for p in wanted}
