"""Keys in the database `desk_access`: made, listed and revoked by the desk's administrators."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from shared import mongo
from shared.access.keys import EVERYWHERE, Grant, Kind, Role, key_hash, new_key
from shared.access.store import COLLECTION, AccessStore
from shared.mongo import ACCESS_DB, Collection, Document
from shared.settings import Settings


@dataclass(frozen=True)
class Keys:
    """The keys' collection behind its store. Raises DatabaseError where the database does not answer."""

    collection: Collection
    store: AccessStore

    async def put_if_new(self, key: str, grant: Grant) -> bool:
        """Store a key's rights unless it is known: what was revoked or changed since stays so. Whether it was new."""
        if await self.collection.find_one({"_id": key_hash(key)}) is not None:
            return False
        await self.store.put(key, grant)
        return True

    async def add_agency(self, agency: str, kinds: Sequence[Kind], regions: Sequence[str]) -> str:
        """A new key for an agency; an agency may have several. Only its hash is kept: show it now."""
        key = new_key(agency)
        await self.store.put(key, agency_grant(agency, kinds, regions))
        return key

    async def list_all(self) -> list[Document]:
        return await self.store.list_all()

    async def revoke(self, agency: str) -> int:
        """Revoke all keys of an agency; how many there were in force."""
        return await self.store.revoke(agency)


def agency_grant(agency: str, kinds: Sequence[Kind], regions: Sequence[str]) -> Grant:
    return Grant(name=agency, agency=agency, kinds=frozenset(kinds), regions=tuple(regions))


def everything_grant(agency: str) -> Grant:
    """Every kind of event for every region: for the embedded stack and its tests."""
    return agency_grant(agency, list(Kind), [EVERYWHERE])


def person_grant(name: str, role: Role) -> Grant:
    return Grant(name=name, role=role)


@asynccontextmanager
async def open_keys(settings: Settings) -> AsyncIterator[Keys]:
    """The keys of the settings' database. Nothing is dialled until the first call."""
    client = mongo.connect(settings.mongo, settings.mongo_driver, settings.mongo_timeout_ms)
    try:
        collection = mongo.database(client, ACCESS_DB)[COLLECTION]
        yield Keys(collection, AccessStore(collection, settings.access_cache_s))
    finally:
        await mongo.close(client)
