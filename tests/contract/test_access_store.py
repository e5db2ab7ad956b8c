"""Keys and their rights in the database, on both drivers: only hashes, revoked within the cache's time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from shared import mongo
from shared.access.keys import Grant, Kind, Role, key_hash, new_key
from shared.access.store import COLLECTION, AccessStore, AccessUnknown
from shared.clock import real

AGENCY = Grant("desk", "samarinda-desk", frozenset({Kind.REPORTS.value}), ("64.72",))
PERSON = Grant("ani", role=Role.OPERATOR, expires_at=real().replace(microsecond=0) + timedelta(days=1))


@pytest.fixture
def keys(database: mongo.Database) -> Any:
    return database[COLLECTION]


class Away:
    """A collection whose database does not answer."""

    async def find_one(self, _query: dict[str, Any]) -> None:
        raise AutoReconnect("away")


@pytest.mark.parametrize("grant", [AGENCY, PERSON], ids=["agency", "person"])
async def test_rights_come_back_as_they_were_given(keys: Any, grant: Grant) -> None:
    """Another replica reads the same rights; the database holds no key, only its hash."""
    key = new_key(grant.name)
    await AccessStore(keys, 15).put(key, grant)
    assert await AccessStore(keys, 15).grant_of(key) == grant
    (document,) = [d async for d in keys.find()]
    assert document["_id"] == key_hash(key)
    assert key not in str(document)


@pytest.mark.parametrize(
    "grant",
    [
        Grant("old", "a", expires_at=real() - timedelta(seconds=1)),
        Grant("revoked", "a", is_revoked=True),
    ],
)
async def test_keys_that_have_ended(keys: Any, grant: Grant) -> None:
    """Expired or revoked: as if it were not there."""
    await AccessStore(keys, 15).put("key", grant)
    assert await AccessStore(keys, 15).grant_of("key") is None


async def test_a_known_key_keeps_its_rights(keys: Any) -> None:
    """Stored once; what was revoked or changed since stays so, by whomever it is stored again."""
    store = AccessStore(keys, 15)
    assert await store.put_if_new("key", AGENCY)
    assert await store.grant_of("key") == AGENCY
    await store.revoke("samarinda-desk")
    assert not await store.put_if_new("key", PERSON)
    assert await AccessStore(keys, 15).grant_of("key") is None


async def test_unknown_key(keys: Any) -> None:
    """Nobody's key has no rights."""
    assert await AccessStore(keys, 15).grant_of("nobody's") is None


async def test_revocation_reaches_a_replica_within_the_cache_s_time(keys: Any) -> None:
    """Revoked by agency, all its keys at once; a replica that knows a key sees it when its cache ends."""
    admin, remembers, forgets = AccessStore(keys, 15), AccessStore(keys, 15), AccessStore(keys, 0.0)
    for key in ("one", "two"):
        await admin.put(key, AGENCY)
    await admin.put("three", Grant("other", "other-desk"))
    for store in (remembers, forgets):
        assert await store.grant_of("one") == AGENCY
    assert await admin.revoke("samarinda-desk") == 2
    assert await remembers.grant_of("one") == AGENCY
    assert await forgets.grant_of("one") is None
    assert await forgets.grant_of("three") is not None


async def test_database_away(keys: Any) -> None:
    """A key that was known keeps working; one that never was cannot be judged, which is not a "no"."""
    store = AccessStore(keys, 0.0)
    await store.put("known", AGENCY)
    assert await store.grant_of("known") == AGENCY
    assert await store.grant_of("nobody's") is None
    store._keys = Away()
    assert await store.grant_of("known") == AGENCY
    for key in ("never-seen", "nobody's"):
        with pytest.raises(AccessUnknown):
            await store.grant_of(key)


async def test_list_shows_no_hash(keys: Any) -> None:
    """Administration lists keys by agency and name, with the beginning of the hash to tell them apart."""
    store = AccessStore(keys, 15)
    for n, name in enumerate(("b", "a")):
        await store.put(f"key-{n}", Grant(name, "desk"))
    listed = await store.list_all()
    assert [d["name"] for d in listed] == ["a", "b"]
    assert all(len(d["_id"]) == 12 for d in listed)
