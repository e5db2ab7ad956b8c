"""Holders, their keys and their rights in the database, on both drivers: only hashes, at most two keys in force
whoever acts at the same moment, revoked within the cache's time, and what happens without the database."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pymongo.errors import DuplicateKeyError
from pymongo.uri_parser import parse_uri

from shared import mongo
from shared.access.documents import HASHES
from shared.access.holders import Holder, KeyState, Refused, Sort
from shared.access.keys import Grant, Kind, Role, key_hash
from shared.access.registry import Registry
from shared.access.store import COLLECTION, AccessStore, AccessUnknown
from shared.clock import real
from tests.tcp_proxy import Wire, wire_to

RIGHTS = Grant("kpu", "kpu", frozenset({Kind.REPORTS.value}), ("64.72",), events_per_minute=7)
PERSON = Grant("ani", role=Role.OPERATOR)
DAY = timedelta(days=1)


@pytest.fixture
async def holders(database: mongo.Database) -> Any:
    found = database[COLLECTION]
    await Registry(found).ensure_indexes()
    return found


@pytest.fixture
def registry(holders: Any) -> Registry:
    return Registry(holders)


async def holder(registry: Registry, sort: Sort = Sort.AGENCY) -> Holder:
    (found,) = await registry.listed(sort)
    return found


def in_force(found: Holder) -> int:
    return len(found.in_force(real()))


async def refusal(asked: Any) -> str:
    with pytest.raises(Refused) as refused:
        await asked
    return refused.value.reason


# administration


@pytest.mark.parametrize("rights", [RIGHTS, PERSON], ids=["agency", "person"])
async def test_rights_come_back_as_they_were_given(holders: Any, registry: Registry, rights: Grant) -> None:
    """Another replica reads the same rights; the database holds no key, only its hash."""
    ends = real().replace(microsecond=0) + DAY
    issued = await registry.add(rights, "budi", ends)
    assert await AccessStore(holders, 15).grant_of(issued.key) == replace(rights, expires_at=ends)
    (document,) = [d async for d in holders.find()]
    assert document["keys"][0]["hash"] == key_hash(issued.key)
    assert issued.key not in str(document)
    assert await registry.listed(Sort(document["sort"])) == [issued.holder]


async def test_what_has_ended(holders: Any, registry: Registry) -> None:
    """An expired or revoked key is as if it were not there; the same store sees the expiry without asking again."""
    soon = await registry.add(RIGHTS, "budi", real() + timedelta(seconds=1.5))
    revoked = await registry.add(PERSON, "budi")
    await registry.revoke(Sort.PERSON, "ani", "budi")
    store = AccessStore(holders, 15)
    assert await store.grant_of(soon.key) is not None
    await asyncio.sleep(1.5)
    assert [await store.grant_of(key) for key in (soon.key, revoked.key, "nobody's")] == [None] * 3
    assert (await holder(registry)).keys[0].state_at(real()) is KeyState.EXPIRED


async def test_it_can_let_somebody_in_without_having_been_asked_for_a_key(holders: Any) -> None:
    """So an intake that nobody has called yet is ready."""
    assert await AccessStore(holders, 15).problem() is None


async def test_rotation_gives_a_second_key_with_the_same_rights(holders: Any, registry: Registry) -> None:
    """Both work until the overlap is over, at most two; after `revoke` of one there is room again."""
    first = await registry.add(RIGHTS, "budi")
    second = await registry.rotate(Sort.AGENCY, "kpu", "citra", overlap=timedelta(seconds=2))
    assert [k.created_by for k in second.holder.keys] == ["budi", "citra"]
    store = AccessStore(holders, 15)
    both = [await store.grant_of(issued.key) for issued in (first, second)]
    assert [replace(grant, expires_at=None) for grant in both if grant] == [RIGHTS, RIGHTS]
    assert await refusal(registry.rotate(Sort.AGENCY, "kpu", "citra")) == "keys_two"
    old, new = second.holder.keys
    done = await registry.revoke(Sort.AGENCY, "kpu", "citra", new.prefix)
    assert done.ended == (new.prefix,)
    third = await registry.rotate(Sort.AGENCY, "kpu", "citra")
    assert [k.prefix for k in third.holder.in_force(real())] == [old.prefix, third.holder.keys[-1].prefix]


async def test_refusals(registry: Registry) -> None:
    """What is there is not added, what is not there is not changed."""
    await registry.add(RIGHTS, "budi")
    assert await refusal(registry.add(replace(RIGHTS, regions=("*",)), "budi")) == "holder_exists"
    assert (await holder(registry)).rights == RIGHTS
    assert await refusal(registry.rotate(Sort.AGENCY, "nobody", "budi")) == "holder_unknown"
    assert await refusal(registry.change(Sort.PERSON, "kpu", role=Role.ADMIN)) == "holder_unknown"
    assert await refusal(registry.revoke(Sort.AGENCY, "kpu", "budi", "desk_kpu_none")) == "key_unknown"


async def test_a_known_key_keeps_its_rights(holders: Any, registry: Registry) -> None:
    """A secret of any form is stored once; what was revoked or changed since stays so, whoever stores it again."""
    assert await registry.put_if_new("hunter2", RIGHTS, "desk init")
    assert await AccessStore(holders, 15).grant_of("hunter2") == RIGHTS
    await registry.change(Sort.AGENCY, "kpu", kinds=frozenset({Kind.LOGISTICS.value}), events_per_minute=None)
    assert not await registry.put_if_new("hunter2", RIGHTS, "desk init")
    changed = await AccessStore(holders, 15).grant_of("hunter2")
    assert changed == replace(RIGHTS, kinds=frozenset({Kind.LOGISTICS.value}), events_per_minute=None)
    await registry.revoke(Sort.AGENCY, "kpu", "budi")
    for grant in (RIGHTS, PERSON):
        assert not await registry.put_if_new("hunter2", grant, "desk init")
    assert await AccessStore(holders, 15).grant_of("hunter2") is None
    assert (await holder(registry)).keys[0].prefix == "given_kpu_1"


async def test_another_secret_is_a_second_key_and_a_third_one_none(holders: Any, registry: Registry) -> None:
    """A deployment whose secret was changed: the old one works on until somebody revokes it, a third one waits."""
    for key in ("one", "two"):
        assert await registry.put_if_new(key, PERSON, "desk init")
    assert await refusal(registry.put_if_new("three", PERSON, "desk init")) == "keys_two"
    store = AccessStore(holders, 15)
    assert [await store.grant_of(key) for key in ("one", "two", "three")] == [PERSON, PERSON, None]


async def test_list_is_by_name_in_pages_and_by_sort(registry: Registry) -> None:
    """An agency and a person of one name are two; pages go on after a name."""
    for name in ("b", "a", "B", "c-1", "c.1"):
        await registry.add(replace(RIGHTS, name=name, agency=name), "budi")
    await registry.add(replace(PERSON, name="a"), "budi")
    assert [h.rights.name for h in await registry.listed(Sort.AGENCY)] == ["B", "a", "b", "c-1", "c.1"]
    assert [h.rights.name for h in await registry.listed(Sort.AGENCY, "a", 2)] == ["b", "c-1"]
    assert [h.rights.role for h in await registry.listed(Sort.PERSON)] == [Role.OPERATOR]


async def test_a_hash_leads_to_one_holder(holders: Any, registry: Registry) -> None:
    """The index, made twice without harm, refuses what the code never does."""
    await registry.ensure_indexes()
    await registry.put_if_new("key", RIGHTS, "budi")
    (document,) = [d async for d in holders.find()]
    with pytest.raises(DuplicateKeyError):
        await holders.insert_one({**document, "_id": "agency:other"})
    explained = await holders.find({HASHES: {"$in": [key_hash("key")]}}).explain()
    assert "IXSCAN" in str(explained["queryPlanner"]["winningPlan"])


# two administrators at the same moment


async def outcomes(*asked: Any) -> list[str]:
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert all(isinstance(one, Refused) or not isinstance(one, BaseException) for one in found), found
    return sorted(one.reason if isinstance(one, Refused) else "done" for one in found)


async def test_two_add_at_once(registry: Registry, holders: Any) -> None:
    """One of them makes the agency, the other is told that it is there."""
    rivals = [Registry(holders) for _ in range(8)]
    assert await outcomes(*(r.add(RIGHTS, "budi") for r in rivals)) == ["done"] + ["holder_exists"] * 7
    assert in_force(await holder(registry)) == 1


async def test_many_rotate_at_once(registry: Registry, holders: Any) -> None:
    """One of them makes the second key, the others are refused: never three in force."""
    await registry.add(RIGHTS, "budi")
    rivals = [Registry(holders) for _ in range(8)]
    asked = (r.rotate(Sort.AGENCY, "kpu", "budi") for r in rivals)
    assert await outcomes(*asked) == ["done"] + ["keys_two"] * 7
    found = await holder(registry)
    assert (in_force(found), len(found.keys), found.rev) == (2, 2, 2)


async def test_revocation_and_rotation_at_once(registry: Registry, holders: Any) -> None:
    """Whichever comes first: no key of before the revocation is left, and nothing of the other's is lost."""
    old = await registry.add(RIGHTS, "budi")
    rivals = [Registry(holders) for _ in range(3)]
    await asyncio.gather(
        rivals[0].revoke(Sort.AGENCY, "kpu", "budi"),
        rivals[1].change(Sort.AGENCY, "kpu", regions=("64",)),
        rivals[2].rotate(Sort.AGENCY, "kpu", "citra"),
    )
    found = await holder(registry)
    assert (found.rights.regions, len(found.keys), found.rev) == (("64",), 2, 4)
    assert await AccessStore(holders, 15).grant_of(old.key) is None


async def test_many_store_the_same_first_key_at_once(registry: Registry, holders: Any) -> None:
    """Replicas of the init job: the key is there once, and one of them says that it was new."""
    for key in ("one", "two"):
        new = await asyncio.gather(*(Registry(holders).put_if_new(key, PERSON, "desk init") for _ in range(6)))
        assert sum(new) == 1
    assert len((await holder(registry, Sort.PERSON)).keys) == 2


# other replicas


async def test_changes_reach_a_replica_within_the_cache_s_time(holders: Any, registry: Registry) -> None:
    """A replica that knows a key sees other rights, and then its revocation, when its cache ends and not before."""
    issued = await registry.add(RIGHTS, "budi")
    now_s = [100.0]
    replica = AccessStore(holders, 15, monotonic=lambda: now_s[0])
    assert await replica.grant_of(issued.key) == RIGHTS
    await registry.change(Sort.AGENCY, "kpu", regions=("64",))
    now_s[0] += 14.9
    assert await replica.grant_of(issued.key) == RIGHTS
    now_s[0] += 0.1
    assert await replica.grant_of(issued.key) == replace(RIGHTS, regions=("64",))
    await registry.revoke(Sort.AGENCY, "kpu", "budi")
    now_s[0] += 14.9
    assert await replica.grant_of(issued.key) is not None
    now_s[0] += 0.1
    assert await replica.grant_of(issued.key) is None


async def test_revocation_by_the_wall_clock(holders: Any, registry: Registry) -> None:
    """The same in real time, and the key of another agency is not touched."""
    issued = await registry.add(RIGHTS, "budi")
    other = await registry.add(replace(RIGHTS, name="bawaslu", agency="bawaslu"), "budi")
    replica = AccessStore(holders, 0.5)
    assert await replica.grant_of(issued.key) is not None
    await Registry(holders).revoke(Sort.AGENCY, "kpu", "budi")
    revoked_at = time.monotonic()
    while await replica.grant_of(issued.key) is not None:  # noqa: ASYNC110 - nothing tells a replica
        await asyncio.sleep(0.02)
    assert time.monotonic() - revoked_at < 0.5 + 1.0  # a busy machine's second
    assert await replica.grant_of(other.key) is not None


async def test_a_key_that_was_tried_too_early_works_soon(holders: Any, registry: Registry) -> None:
    """An unknown key is not remembered as such for as long as a known one."""
    now_s = [100.0]
    replica = AccessStore(holders, 15, monotonic=lambda: now_s[0])
    assert await replica.grant_of("secret") is None
    await registry.put_if_new("secret", PERSON, "budi")
    now_s[0] += 5
    assert await replica.grant_of("secret") == PERSON


# without the database


@pytest.fixture
async def wire(mongo_url: str) -> AsyncIterator[Wire]:
    ((host, port),) = parse_uri(mongo_url)["nodelist"]
    async with wire_to(host, port) as made:
        yield made


@pytest.fixture
async def distant(wire: Wire, database: mongo.Database) -> AsyncIterator[Any]:
    """The same collection at the other end of the wire, through a client of the same driver."""
    driver = database.name.removeprefix("test_contract_")
    client = mongo.connect(f"mongodb://127.0.0.1:{wire.port}/?directConnection=true", driver, timeout_ms=1_000)
    yield mongo.database(client, database.name)[COLLECTION]
    await wire.cut()  # Motor says goodbye without yielding, and the wire needs this loop to carry it
    await mongo.close(client)


@pytest.mark.parametrize("how", ["cut", "hang"])
async def test_database_down(wire: Wire, distant: Any, registry: Registry, how: str) -> None:
    """A key that was known keeps working, at the price of one wait; one that never was cannot be judged, and is no
    "no". When the database is back, what was revoked meanwhile ends."""
    issued, other = await registry.add(RIGHTS, "budi"), await registry.add(PERSON, "budi")
    store = AccessStore(distant, cache_s=0.05, timeout_s=0.5, rest_s=1.0)
    assert await store.grant_of(issued.key) == RIGHTS
    assert await store.grant_of("nobody's") is None
    await asyncio.sleep(0.1)
    if how == "cut":
        await wire.cut()
    else:
        wire.hang()

    began = time.monotonic()
    for _ in range(200):
        assert await store.grant_of(issued.key) == RIGHTS
    assert time.monotonic() - began < 0.5 + 1.0
    for key in (other.key, "nobody's"):
        with pytest.raises(AccessUnknown):
            await store.grant_of(key)

    await registry.revoke(Sort.AGENCY, "kpu", "budi")
    if how == "cut":
        await wire.join()
    wire.flow()
    async with asyncio.timeout(10):
        while await store.grant_of(issued.key) is not None:  # noqa: ASYNC110 - nothing tells a replica
            await asyncio.sleep(0.05)
    assert await store.grant_of(other.key) == PERSON
