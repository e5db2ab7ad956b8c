"""The shadow becomes the model in use. Whoever is killed here, at whatever line, can call it again.

1. Under a fence (`shared/exactly_once/fence.py`) the aggregators leave their group; nobody writes any more.
2. Everything is copied beside the collections in use, as `shadow.<name>`, indexes too. Until now nothing has changed:
   `abandon` takes the fence down.
3. The fence says `renaming`. From here there is only the way forward: each copy is renamed over its collection, which
   MongoDB does at once or not at all. `positions` comes last; its copy carries the fence.
4. The fence is taken down. The aggregators come back by themselves.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import dataclass, field

from pymongo.errors import DuplicateKeyError, OperationFailure

from desk.replay.shadow import MODEL
from services.aggregator import indexes
from services.aggregator.changes import COLLECTIONS
from shared.clock import real
from shared.exactly_once import fence, guard, journal
from shared.kafka.group_members import group_members
from shared.kafka.security import security_of
from shared.mongo import Collection, Database, Document, aggregate
from shared.settings import Settings
from shared.topics import AGGREGATOR_GROUP

STAGED = "shadow."
_PREPARING, _RENAMING = "preparing", "renaming"
_WHY = "desk replay exchanges the read model"
_NO_SUCH_COLLECTION = 26
_NUMBERED: list[Document] = [{"$match": {"rev": {"$type": "number"}}}]  # a hand may have written anything
# A batch in hand is folded first, at most 15 s; the broker misses who was killed after six.
_LEAVE_S = 60.0
_PAUSE_S = 0.5


class StillReading(Exception):
    """Aggregators did not leave their group."""


class CannotAbandon(Exception):
    """There is nothing to abandon, or only the way forward."""


class OthersFence(Exception):
    """Somebody else is at work on this database."""


@dataclass(frozen=True)
class Switch:
    """Raises DatabaseError, KafkaError, TimeoutError; then call it again."""

    settings: Settings
    used: Database
    by: str
    call: str = field(default_factory=lambda: uuid.uuid4().hex)  # tells our fence from that of another call

    async def is_half_done(self) -> bool:
        """Whether an earlier call died after it had begun to rename: `finish` is all that is left."""
        return await self._phase() == _RENAMING

    async def is_begun(self) -> bool:
        """Whether an earlier call died before that: `abandon` takes it back. Raises OthersFence."""
        found = await self._fence()
        if found is not None and "phase" not in found:
            raise OthersFence(f"fenced since {found['at']:%Y-%m-%dT%H:%M:%SZ} by {found['by']}: {found['why']}")
        return await self._phase() == _PREPARING

    async def fence_off(self) -> None:
        """Put up the fence and wait until nobody reads. Raises StillReading, and then the fence is down again;
        OthersFence if there is one."""
        await self._put_up()
        began = time.monotonic()
        while members := await self._members():
            if time.monotonic() - began > _LEAVE_S:
                await self._take_down()
                raise StillReading(
                    f"{len(members)} aggregators have not stopped reading within {_LEAVE_S:g} s (at "
                    f"{', '.join(members)}): stop them, with compose `docker compose stop aggregator`, and call again"
                )
            await asyncio.sleep(_PAUSE_S)

    async def stage(self, shadow: Database) -> None:
        """Copy the shadow beside the collections in use, at revisions that none of theirs has: a write that somebody
        began before the exchange meets no document it could fit."""
        beyond = await self._highest_revision() + 1_000
        await self._make_indexes()
        model = real().isoformat()
        for name in MODEL:
            change: list[Document] = []
            if name in COLLECTIONS:
                change = [{"$set": {"rev": {"$add": ["$rev", beyond]}}}]
            elif name == guard.COLLECTION:
                change = [{"$set": {"model": model}}]
            await self._copy(shadow, name, change)
        await self._carry()
        if await self._members():
            raise StillReading("an aggregator reads in spite of the fence: is it of an older version? Stop it first")
        await self._go_forward()

    async def finish(self) -> None:
        """Rename what is not renamed yet, and take down the fence."""
        for name in MODEL:
            await self._rename(name)
        await self._take_down()

    async def abandon(self) -> None:
        """Take the fence of a call that died down, and let the copies go. Raises CannotAbandon."""
        found = await self._fence()
        if found is None or "phase" not in found:
            raise CannotAbandon("no exchange has been begun: there is nothing to abandon")
        if found["phase"] != _PREPARING:
            raise CannotAbandon("the exchange has begun and must be ended: call `desk replay --switch`")
        for name in MODEL:
            await self.used.drop_collection(STAGED + name)
        await self._take_down()

    async def give_up(self) -> None:
        """Abandon what this very call has begun, if it can be."""
        if (await self._fence() or {}).get("call") == self.call and await self.is_begun():
            await self.abandon()

    def _mark(self, phase: str) -> Document:
        about = {"why": _WHY, "by": self.by, "at": real(), "call": self.call}
        return {"_id": fence.DOCUMENT_ID, **about, "phase": phase}

    async def _put_up(self) -> None:
        try:
            await self._positions.insert_one(self._mark(_PREPARING))
        except DuplicateKeyError:
            raise OthersFence("somebody has just begun the same") from None

    async def _carry(self) -> None:
        """The fence into the copy of the positions."""
        copy = self.used[STAGED + guard.COLLECTION]
        await copy.replace_one({"_id": fence.DOCUMENT_ID}, self._mark(_RENAMING), upsert=True)

    async def _go_forward(self) -> None:
        ours = {"_id": fence.DOCUMENT_ID, "call": self.call}
        done = await self._positions.update_one(ours, {"$set": {"phase": _RENAMING}})
        if not done.matched_count:
            raise OthersFence("somebody has taken our fence down: nothing has changed")

    async def _take_down(self) -> None:
        await self._positions.delete_one({"_id": fence.DOCUMENT_ID})

    async def _make_indexes(self) -> None:
        """Of the copies, which keep them."""
        await indexes.ensure_indexes(self.used, STAGED)
        await journal.keep_for(self.used[STAGED + journal.COLLECTION], self.settings.journal_retention)

    async def _rename(self, name: str) -> None:
        """A copy over its collection, unless the call that died has done it."""
        command = {
            "renameCollection": f"{self.used.name}.{STAGED}{name}",
            "to": f"{self.used.name}.{name}",
            "dropTarget": True,
            "writeConcern": {"w": "majority"},
        }
        try:
            await self.used.client.admin.command(command)
        except OperationFailure as error:
            if error.code != _NO_SUCH_COLLECTION:
                raise

    async def _copy(self, shadow: Database, name: str, change: list[Document]) -> None:
        staged = STAGED + name
        out: Document = {"$out": {"db": self.used.name, "coll": staged}}
        _nothing = [one async for one in aggregate(shadow[name], [*change, out])]
        if staged not in await self.used.list_collection_names(filter={"name": staged}):
            await self.used.create_collection(staged)

    async def _highest_revision(self) -> int:
        highest = 0
        for name in COLLECTIONS:
            async for found in aggregate(
                self.used[name], [*_NUMBERED, {"$group": {"_id": None, "rev": {"$max": "$rev"}}}]
            ):
                highest = max(highest, int(found["rev"] or 0))
        return highest

    async def _members(self) -> list[str]:
        return await group_members(self.settings.kafka, AGGREGATOR_GROUP, security_of(self.settings))

    async def _phase(self) -> str | None:
        found: str | None = (await self._fence() or {}).get("phase")
        return found

    async def _fence(self) -> Document | None:
        found: Document | None = await self._positions.find_one({"_id": fence.DOCUMENT_ID})
        return found

    @property
    def _positions(self) -> Collection:
        return self.used[guard.COLLECTION]
