"""Keys in the database `desk_access`, and each process's cache of them.

The cache holds a key's rights for at most `cache_s` (30 s), so a revocation reaches every replica within that. While
MongoDB is away, a key that was known keeps working; an unknown one cannot be judged, which is not a "no".
"""

from __future__ import annotations

import time
from collections import OrderedDict
from typing import Any

from shared.access.keys import Grant, Role, key_hash
from shared.clock import real
from shared.mongo import Collection, DatabaseError, Document

COLLECTION = "keys"
_MOST_CACHED = 100_000


class AccessUnknown(Exception):
    """The database is away and this key was never seen: answer 503, not 401."""


def _to_document(hashed: str, grant: Grant) -> Document:
    return {
        "_id": hashed,
        "name": grant.name,
        "agency": grant.agency,
        "kinds": sorted(grant.kinds),
        "regions": list(grant.regions),
        "role": grant.role.value if grant.role else None,
        "expires_at": grant.expires_at,
        "is_revoked": grant.is_revoked,
    }


def _to_grant(document: Document) -> Grant:
    role = document.get("role")
    return Grant(
        name=document["name"],
        agency=document.get("agency"),
        kinds=frozenset(document.get("kinds", ())),
        regions=tuple(document.get("regions", ())),
        role=Role(role) if role else None,
        expires_at=document.get("expires_at"),
        is_revoked=bool(document.get("is_revoked")),
    )


class AccessStore:
    """`grant_of` for every request, the rest for administration. Raises DatabaseError where not said otherwise."""

    def __init__(self, collection: Collection, cache_s: float) -> None:
        self._keys = collection
        self._cache_s = cache_s
        self._cache: OrderedDict[str, tuple[float, Grant | None]] = OrderedDict()

    async def grant_of(self, key: str) -> Grant | None:
        """The rights behind a key, None if it is not known or no longer valid. Raises AccessUnknown."""
        hashed = key_hash(key)
        cached = self._cache.get(hashed)
        if cached is not None and time.monotonic() - cached[0] < self._cache_s:
            grant = cached[1]
        else:
            grant = await self._read(hashed, cached)
        return grant if grant is not None and grant.is_valid_at(real()) else None

    async def _read(self, hashed: str, stale: tuple[float, Grant | None] | None) -> Grant | None:
        try:
            document = await self._keys.find_one({"_id": hashed})
        except DatabaseError as error:
            if stale is not None and stale[1] is not None:
                # Known before: look again soon, not on every request, so that a dead database costs one wait.
                self._cache[hashed] = (time.monotonic(), stale[1])
                return stale[1]
            raise AccessUnknown("the key database does not answer") from error
        grant = _to_grant(document) if document else None
        self._cache[hashed] = (time.monotonic(), grant)
        self._cache.move_to_end(hashed)
        while len(self._cache) > _MOST_CACHED:
            self._cache.popitem(last=False)
        return grant

    async def put(self, key: str, grant: Grant) -> None:
        """Store a key's rights; the same key again replaces them."""
        document = _to_document(key_hash(key), grant)
        await self._keys.replace_one({"_id": document["_id"]}, document, upsert=True)

    async def put_if_new(self, key: str, grant: Grant) -> bool:
        """Store a key's rights unless it is known: what was revoked or changed since stays so. Whether it was new."""
        document = _to_document(key_hash(key), grant)
        done = await self._keys.update_one({"_id": document.pop("_id")}, {"$setOnInsert": document}, upsert=True)
        return done.upserted_id is not None

    async def revoke(self, agency: str) -> int:
        """Revoke all keys of an agency; how many."""
        done = await self._keys.update_many({"agency": agency}, {"$set": {"is_revoked": True}})
        return int(done.modified_count)

    async def list_all(self) -> list[dict[str, Any]]:
        """All keys without their hashes' tails, by agency and name."""
        found = [d async for d in self._keys.find().sort([("agency", 1), ("name", 1)])]
        return [{**d, "_id": d["_id"][:12]} for d in found]
