"""What log, group and database say of each other: whether this is the log we have read, and whether the database has
read all that the group has committed."""

from __future__ import annotations

from collections.abc import Sequence

from aiokafka.errors import KafkaError

from shared.exactly_once.guard import Guard
from shared.kafka.log_reader import LogReader
from shared.topics import Topic


class Comparison:
    """Its questions raise DatabaseError, KafkaError, TimeoutError."""

    def __init__(self, topics: Sequence[Topic], guard: Guard, reader: LogReader) -> None:
        self._topics, self._guard, self._reader = topics, guard, reader

    async def verify_log(self) -> None:
        """Raises OtherLog if it is not the log that the database was read from, Fenced if nobody may read it now."""
        for topic in self._topics:
            found = await self._reader.partitions(topic.name)
            if not found:
                raise KafkaError(f"the topic {topic.name} does not exist; run `desk init`")
            await self._guard.verify_all((topic.name, partition) for partition in found)

    async def refuse_fence(self) -> None:
        """Raises Fenced while somebody exchanges the database."""
        await self._guard.refuse_fence()

    async def is_database_behind(self) -> bool:
        """Whether the group has committed more than the database has: it was lost, or restored from a backup."""
        behind = [await self.behind(t.name, await self._reader.partitions(t.name)) for t in self._topics]
        return any(behind)

    async def behind(self, topic: str, partitions: list[int]) -> dict[int, int]:
        """The partitions that are committed further than the database has read, and where it must read on."""
        committed = await self._reader.committed(topic, partitions)
        read = await self._guard.read_to(topic, partitions)
        behind = {}
        for partition in partitions:
            if read[partition] < committed[partition]:
                kept_from = await self._reader.beginning(topic, partition)
                if kept_from < committed[partition]:
                    behind[partition] = max(read[partition], kept_from)
        return behind
