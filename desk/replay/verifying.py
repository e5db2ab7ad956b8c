"""Both models held against each other at the same positions of the log, also while events keep coming.

The model in use is looked at by snapshots: what it holds and how far it has read, of one moment. Up to exactly there
the shadow reads on, and then every document must be the same. But for those of a batch that is being folded: they hold
more than what the database says it has read. They are looked at again, by a later snapshot.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

from desk.replay.comparing import Difference, difference, has_expired, is_ahead
from desk.replay.shadow import MODEL, Shadow
from services.aggregator.changes import COLLECTIONS
from shared.clock import real
from shared.exactly_once import guard, journal
from shared.exactly_once.retention import oldest_kept
from shared.mongo import Collection, Database, Document, Snapshot, snapshot
from shared.records import Places

COMPARED = (*COLLECTIONS, journal.COLLECTION)
assert {*COMPARED, guard.COLLECTION} == set(MODEL)
_LOOK = 2_000  # documents by one snapshot: MongoDB keeps one for five minutes
_PAUSE_S = 0.3


class CannotTell(Exception):
    """The two cannot be held against each other; the message says why, and what to do."""


@dataclass
class Found:
    """`compared` documents in all; `looked_again` of them were being written at first. `kept_from`: by partition, the
    first record whose entry in the journal cannot have expired."""

    kept_from: Places
    compared: int = 0
    looked_again: int = 0
    expired: int = 0
    differences: list[Difference] = field(default_factory=list)


@dataclass(frozen=True)
class Verifying:
    """`patience_s`: how long documents that are being written, and a model behind the shadow, are waited for."""

    used: Database
    shadow: Shadow
    retention: timedelta | None
    patience_s: float

    async def compare(self) -> Found:
        """Raises CannotTell, and what reading the log and the database raises."""
        found = Found(await self._kept_from())
        await self._until_not_behind()
        for name in COMPARED:
            waiting = [one async for one in self._all(name, found)]
            await self._again(name, waiting, found)
            await self._strange(name, found)
        return found

    async def _kept_from(self) -> Places:
        oldest = oldest_kept(real(), self.retention)
        return {} if oldest is None else await self.shadow.log.first_since(oldest)

    async def _all(self, name: str, found: Found) -> AsyncIterator[str]:
        """Every document of a collection, in both; yields the ids of those that are being written."""
        after: str | None = None
        while True:
            async with snapshot(self.used.client) as moment:
                read_to = await self._read_to(moment)
                query: Document = {"_id": {"$type": "string"} | ({"$gt": after} if after is not None else {})}
                used = await _look(self.used[name], query, moment)
                logged = await _look(self.shadow.database[name], query, None)
            after = min((one[-1]["_id"] for one in (used, logged) if len(one) == _LOOK), default=None)
            used, logged = ([d for d in many if after is None or d["_id"] <= after] for many in (used, logged))
            for one in self._compare(name, used, logged, read_to, found):
                yield one
            if after is None:
                return

    async def _strange(self, name: str, found: Found) -> None:
        """What a hand wrote under an id that is no text; none of ours is."""
        for one in await _look(self.used[name], {"_id": {"$not": {"$type": "string"}}}, None):
            found.compared += 1
            unequal = difference(name, str(one["_id"]), one, None)
            assert unequal is not None
            found.differences.append(unequal)

    async def _again(self, name: str, waiting: Sequence[str], found: Found) -> None:
        began = time.monotonic()
        found.looked_again += len(waiting)
        while waiting:
            if time.monotonic() - began > self.patience_s:
                raise CannotTell(
                    f"{len(waiting)} documents in {name} hold more than the aggregator says it has read, {waiting[0]} "
                    "for one: it has died within a batch, or is always at work there. Let it run and catch up, or "
                    "verify at a quieter time"
                )
            await asyncio.sleep(_PAUSE_S)
            chosen, rest = waiting[:_LOOK], waiting[_LOOK:]
            async with snapshot(self.used.client) as moment:
                read_to = await self._read_to(moment)
                query = {"_id": {"$in": list(chosen)}}
                used = await _look(self.used[name], query, moment)
                logged = await _look(self.shadow.database[name], query, None)
            waiting = [*self._compare(name, used, logged, read_to, found), *rest]

    def _compare(
        self, name: str, used: Sequence[Document], logged: Sequence[Document], read_to: Places, found: Found
    ) -> list[str]:
        """The ids of those that are being written."""
        ours, theirs = ({d["_id"]: d for d in documents} for documents in (used, logged))
        waiting = []
        for key in sorted(ours.keys() | theirs.keys()):
            one, other = ours.get(key), theirs.get(key)
            if one is not None and is_ahead(name, one, read_to):
                waiting.append(key)
                continue
            found.compared += 1
            unequal = difference(name, key, one, other)
            if unequal is None:
                continue
            if one is None and other is not None and has_expired(name, other, found.kept_from):
                found.expired += 1
            else:
                found.differences.append(unequal)
        return waiting

    async def _until_not_behind(self) -> None:
        """The shadow may have read further than the model in use, which then catches up, or does not."""
        began = time.monotonic()
        while beyond := await self._beyond():
            if time.monotonic() - began > self.patience_s:
                raise CannotTell(
                    f"the aggregator has read less of {', '.join(beyond)} than the shadow: is it running? Wait until "
                    "it has caught up, or verify without --go-on"
                )
            await asyncio.sleep(_PAUSE_S)

    async def _beyond(self) -> list[str]:
        read_to = await self._positions(None)
        return sorted(log for log, at in (await self.shadow.read_to()).items() if at > read_to.get(log, 0))

    async def _read_to(self, moment: Snapshot) -> Places:
        """How far the model in use has read at this moment, and the shadow now too."""
        read_to = await self._positions(moment)
        await self.shadow.advance(read_to)
        return read_to

    async def _positions(self, moment: Snapshot | None) -> Places:
        stored = await _look(self.used[guard.COLLECTION], {"offset": {"$exists": True}}, moment)
        return {one["_id"]: int(one["offset"]) + 1 for one in stored}


async def _look(collection: Collection, query: Document, moment: Snapshot | None) -> list[Document]:
    found = collection.find(query, session=moment).sort("_id", 1).limit(_LOOK)
    return [document async for document in found]
