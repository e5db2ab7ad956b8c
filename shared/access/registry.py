"""Administration of keys in the database `desk_access`: what `desk agency`, `desk person`, `desk init` and intake's
admin API do.

A holder is one document with its keys inside. It is written under the condition that it is still the one that was
read, so that whatever two administrators do at the same moment happens one after the other. Times are real, never the
scenario's. All methods raise DatabaseError.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple, TypeVar

from pymongo.errors import DuplicateKeyError

from shared.access.documents import HASHES, to_document, to_holder
from shared.access.holders import (
    OVERLAP,
    Holder,
    Refused,
    Sort,
    fresh_key,
    holder_id,
    issued,
    revoked,
    sort_of,
    with_key,
)
from shared.access.keys import Grant, key_hash
from shared.clock import real
from shared.mongo import Collection

_ATTEMPTS = 20

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Issued:
    """A new key, to be shown this once, and its holder. Not to be logged."""

    key: str
    holder: Holder


class Revoked(NamedTuple):
    """A holder, and the shown parts of the keys that this revocation ended."""

    holder: Holder
    ended: tuple[str, ...]


class Registry:
    """Who may do what, and with which keys. `now` is the real time."""

    def __init__(self, holders: Collection, now: Callable[[], datetime] = real) -> None:
        self._holders = holders
        self._now = now

    def _at(self) -> datetime:
        """Now, as exactly as the database keeps it."""
        now = self._now()
        return now.replace(microsecond=now.microsecond // 1000 * 1000)

    async def ensure_indexes(self) -> None:
        """A key's hash leads to one holder."""
        await self._holders.create_index(HASHES, unique=True)

    async def add(self, rights: Grant, by: str, expires_at: datetime | None = None) -> Issued:
        """A new holder with its first key. Raises Refused `holder_exists`."""
        key, now = fresh_key(rights.name), self._at()
        holder = Holder(rights, (issued(key, rights.name, 1, now, by, expires_at),), now, by)
        try:
            await self._holders.insert_one(to_document(holder))
        except DuplicateKeyError:
            raise Refused("holder_exists", name=rights.name) from None
        return Issued(key, holder)

    async def rotate(
        self,
        sort: Sort,
        name: str,
        by: str,
        overlap: timedelta = OVERLAP,
        expires_at: datetime | None = None,
    ) -> Issued:
        """One key more, with the same rights; the one in force ends after `overlap`. Raises Refused `holder_unknown`,
        `keys_two`."""

        def change(holder: Holder) -> tuple[Holder, str]:
            now, key = self._at(), fresh_key(name, holder.keys)
            record = issued(key, name, len(holder.keys) + 1, now, by, expires_at)
            return with_key(holder, record, now, overlap), key

        holder, key = await self._update(sort, name, change)
        return Issued(key, holder)

    async def revoke(self, sort: Sort, name: str, by: str, prefix: str | None = None) -> Revoked:
        """End all its keys in force, or the one that is shown as `prefix`. Raises Refused `holder_unknown`,
        `key_unknown`."""
        return Revoked(*await self._update(sort, name, lambda holder: revoked(holder, prefix, self._at(), by)))

    async def change(self, sort: Sort, name: str, **rights: Any) -> Holder:
        """Other rights for all its keys: `kinds`, `regions`, `events_per_minute`, `role`, those that are given.
        Raises Refused `holder_unknown`."""

        def change(holder: Holder) -> tuple[Holder, None]:
            return replace(holder, rights=replace(holder.rights, **rights)), None

        return (await self._update(sort, name, change))[0]

    async def put_if_new(self, key: str, grant: Grant, by: str) -> bool:
        """Store a key of any form unless it is known: what was revoked or changed since stays so. Its holder, if there
        is one, keeps its rights. Whether it was new. Raises Refused `keys_two`."""
        if await self._holders.find_one({HASHES: key_hash(key)}) is not None:
            return False
        at, name, rights = self._at(), grant.name, replace(grant, expires_at=None, is_revoked=False)

        def with_it(holder: Holder) -> tuple[Holder, bool]:
            record = issued(key, name, len(holder.keys) + 1, at, by, grant.expires_at)
            if any(k.hash == record.hash for k in holder.keys):
                return holder, False
            return with_key(holder, record, at, overlap=None), True

        first = Holder(rights, (issued(key, name, 1, at, by, grant.expires_at),), at, by)
        try:
            await self._holders.insert_one(to_document(first))
        except DuplicateKeyError:  # the holder is there
            return (await self._update(sort_of(rights), name, with_it))[1]
        return True

    async def listed(self, sort: Sort, after: str | None = None, limit: int = 0) -> list[Holder]:
        """The holders of a sort by name, those after a name, at most `limit` (0: all)."""
        names = {"$gt": holder_id(sort, after or ""), "$lt": f"{sort.value};"}  # `;` is the character after `:`
        found = self._holders.find({"_id": names}).sort("_id", 1).limit(limit)
        return [to_holder(document) async for document in found]

    async def _update(self, sort: Sort, name: str, change: Callable[[Holder], tuple[Holder, T]]) -> tuple[Holder, T]:
        """Compare-and-set: a change that lost against another one is decided again. Raises Refused."""
        for _ in range(_ATTEMPTS):
            document = await self._holders.find_one({"_id": holder_id(sort, name)})
            if document is None:
                raise Refused("holder_unknown", name=name)
            before = to_holder(document)
            changed, result = change(before)
            after = replace(changed, rev=before.rev + 1)
            as_read = {"_id": before.id, "rev": before.rev}
            if (await self._holders.replace_one(as_read, to_document(after))).matched_count:
                return after, result
        raise Refused("holder_busy", name=name)
