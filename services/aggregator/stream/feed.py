"""The database's change stream as events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from services.aggregator.stream.events import Event
from services.aggregator.stream.showing import Showing
from shared.mongo import Database
from shared.mongo_changes import Changes

MOST_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Batch:
    """Events in order, none if nothing changed for a while; `position` is the one after all of them."""

    events: Sequence[Event]
    position: str


class Reading:
    """An open feed, for one reader. Close it, also after it raised: what it was about to tell is lost with it."""

    def __init__(self, changes: Changes, showing: Showing) -> None:
        self._changes, self._showing = changes, showing

    async def next(self) -> Batch:
        """Raises HistoryLost, DatabaseError, TimeoutError."""
        found = await self._changes.next(MOST_AT_ONCE)
        return Batch(await self._showing.events(found.changes) if found.changes else (), found.position)

    async def close(self) -> None:
        await self._changes.close()


class Feed:
    def __init__(self, database: Database, showing: Showing) -> None:
        self._database, self._showing = database, showing

    def open(self, after: str | None) -> Reading:
        """From after a position, or from now."""
        return Reading(Changes(self._database, self._showing.collections, after), self._showing)
