"""The exchange of a read model dies after each of its writes: called again it ends, and until then nobody reads."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from desk.replay.shadow import MODEL, NoShadow, make_shadow
from desk.replay.switching import STAGED, CannotAbandon, OthersFence, Switch
from services.aggregator import indexes
from services.aggregator.changes import COLLECTIONS
from shared import mongo
from shared.clock import real
from shared.exactly_once import fence, guard, journal
from shared.exactly_once.fence import Fenced
from shared.exactly_once.guard import Guard
from shared.settings import Settings
from tests.builders import a_calendar
from tests.service.exactly_once.test_steps import FakeLog

WRITES = ("_put_up", "_make_indexes", "_copy", "_carry", "_go_forward", "_rename", "_take_down")
BEFORE_RENAMING = 2 + len(MODEL) + 1  # fence, indexes, a copy of each, the fence in the copy
OLD, NEW = "old", "new"
EMPTY = "alerts"  # the log has none any more


class Died(BaseException):
    """The process has ended here."""


@dataclass(frozen=True)
class Mortal(Switch):
    """Dies after so many writes. Nobody is in the group."""

    makes_indexes: bool = False  # dear, and only once worth it
    lives: list[int] = field(default_factory=lambda: [10**6])

    def __getattribute__(self, name: str) -> Any:
        found = super().__getattribute__(name)
        if name not in WRITES:
            return found

        async def write(*arguments: Any) -> None:
            await found(*arguments)
            self.lives[0] -= 1
            if self.lives[0] == 0:
                raise Died

        return write

    async def _members(self) -> list[str]:
        return []

    async def _make_indexes(self) -> None:
        if self.makes_indexes:
            await super()._make_indexes()

    async def run(self, shadow: Any) -> None:
        """As `desk replay --switch` does, called for the first time or again."""
        if not await self.is_half_done():
            if await self.is_begun():
                await self.abandon()
            await self.fence_off()
            await self.stage(shadow)
        await self.finish()


class World:
    """A model in use and its shadow."""

    def __init__(self, client: Any) -> None:
        name = f"test_{uuid.uuid4().hex}"
        self.used, self.shadow = (mongo.database(client, f"{name}{end}") for end in ("", "_shadow"))

    async def begin(self) -> None:
        """What a switch before has left in the shadow stays."""
        for name in MODEL:
            await self.used[name].delete_many({})
            await self.used[name].insert_one({"_id": "reports:0", "rev": 3, "of": OLD})
            if name != EMPTY:
                new = {"_id": "reports:0", "rev": 3, "of": NEW}
                await self.shadow[name].replace_one({"_id": new["_id"]}, new, upsert=True)

    def switch(self, dies_after: int = 10**6, makes_indexes: bool = False) -> Mortal:
        return Mortal(Settings(), self.used, "test", makes_indexes=makes_indexes, lives=[dies_after])

    async def models(self) -> dict[str, set[str]]:
        """By collection, of which model its documents are."""
        beside = {"_id": {"$ne": fence.DOCUMENT_ID}}
        found = {name: {d["of"] async for d in self.used[name].find(beside)} for name in MODEL}
        return {name: of or {NEW} if name == EMPTY else of for name, of in found.items()}

    async def is_fenced(self) -> bool:
        try:
            await Guard(self.used[guard.COLLECTION], FakeLog()).verify_all([])
        except Fenced:
            return True
        return False


@pytest.fixture
async def world(mongo_url: str) -> AsyncIterator[World]:
    client = mongo.connect(mongo_url)
    made = World(client)
    yield made
    for database in (made.used, made.shadow):
        await client.drop_database(database.name)
    await mongo.close(client)


def all_of(mark: str) -> dict[str, set[str]]:
    return {name: {mark} for name in MODEL}


async def test_it_dies_after_each_of_its_writes(world: World) -> None:
    """Whoever starts finds a whole model, old or new, or a fence; called again it is the new one, without a fence."""
    writes = BEFORE_RENAMING + 1 + len(MODEL) + 1
    for dies_after in range(1, writes + 1):
        await world.begin()
        try:
            await world.switch(dies_after).run(world.shadow)
        except Died:
            assert await world.is_fenced() is (dies_after < writes)
            found = await world.models()
            assert await world.is_fenced() or found == all_of(NEW)
            assert found == all_of(OLD) or dies_after > BEFORE_RENAMING
        await world.switch().run(world.shadow)
        assert await world.models() == all_of(NEW), f"died after write {dies_after}"
        assert not await world.is_fenced()


async def test_the_new_model_is_whole(world: World) -> None:
    """Indexes as before, no copy left, and revisions that no writer of the old model can have in hand."""
    await world.begin()
    await indexes.ensure_indexes(world.used)
    before = {name: await world.used[name].index_information() for name in COLLECTIONS}
    await world.used["regions"].insert_one({"_id": "by hand", "rev": "three"})
    await world.switch(makes_indexes=True).run(world.shadow)
    assert {name: (await world.used[name].index_information()).keys() for name in COLLECTIONS} == {
        name: keys.keys() for name, keys in before.items()
    }
    assert journal.RETENTION_INDEX in await world.used[journal.COLLECTION].index_information()
    assert [name for name in await world.used.list_collection_names() if name.startswith(STAGED)] == []
    revisions = [d["rev"] async for d in world.used["regions"].find()]
    assert min(revisions) > 1_000


async def test_it_is_abandoned_until_it_renames(world: World) -> None:
    """Before, the old model goes on; afterwards there is only the way forward."""
    await world.begin()
    with pytest.raises(CannotAbandon, match="nothing to abandon"):
        await world.switch().abandon()
    with pytest.raises(Died):
        await world.switch(5).run(world.shadow)
    await world.switch().abandon()
    assert (await world.models(), await world.is_fenced()) == (all_of(OLD), False)
    with pytest.raises(Died):
        await world.switch(BEFORE_RENAMING + 1).run(world.shadow)
    with pytest.raises(CannotAbandon, match="must be ended"):
        await world.switch().abandon()


async def test_a_fence_of_others_is_left_alone(world: World) -> None:
    """A restore is under way."""
    await world.begin()
    mark = {"_id": fence.DOCUMENT_ID, "why": "desk restore", "by": "test", "at": real()}
    await world.used[guard.COLLECTION].insert_one(mark)
    with pytest.raises(OthersFence, match="desk restore"):
        await world.switch().run(world.shadow)
    assert await world.is_fenced()


async def test_two_at_once(world: World) -> None:
    """The second begins anew what it takes for dead; the first finds its fence gone, and changes nothing."""
    await world.begin()
    first, second = world.switch(), world.switch()
    await first.fence_off()
    with pytest.raises(OthersFence, match="just begun"):
        await second.fence_off()
    await second.abandon()
    await second.fence_off()
    with pytest.raises(OthersFence, match="taken our fence"):
        await first.stage(world.shadow)
    await first.give_up()
    assert (await world.is_fenced(), await world.models()) == (True, all_of(OLD))
    await second.stage(world.shadow)
    await second.finish()
    assert (await world.is_fenced(), await world.models()) == (False, all_of(NEW))


async def test_only_a_shadow_of_ours_is_written_or_dropped(world: World) -> None:
    """Whatever database is named by a slip."""
    await world.shadow["theirs"].insert_one({"_id": 1})
    nobody: Any = None
    shadow = make_shadow(world.shadow, nobody, nobody, a_calendar())
    with pytest.raises(NoShadow, match="holds other things"):
        await shadow.begin({}, goes_on=False)
    await shadow.drop()
    assert await world.shadow["theirs"].find_one({}) is not None
    await world.shadow["theirs"].drop()
    assert await shadow.begin({"reports:0": 7}, goes_on=False) == {"reports:0": 7}
    assert await shadow.begin({"reports:0": 9, "reports:1": 0}, goes_on=True) == {"reports:0": 7, "reports:1": 0}
    assert await shadow.begin({"reports:0": 9}, goes_on=False) == {"reports:0": 9}
    await shadow.drop()
    assert await world.shadow.list_collection_names() == []
