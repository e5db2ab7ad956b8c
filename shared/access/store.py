"""The rights behind a key, from the database `desk_access`, for every request of every service.

What was found is remembered for at most `cache_s`, so a revocation reaches every replica within that. While MongoDB is
away, a key that was known keeps working; one that was not cannot be judged, which is not a "no".
"""

from __future__ import annotations

import asyncio
import hmac
import time
from collections.abc import Callable, Sequence

from shared.access.documents import HASHES, to_holder
from shared.access.holders import Holder
from shared.access.keys import Grant, key_hash
from shared.access.memory import Seen, SeenKeys
from shared.clock import real
from shared.coalescer import Coalescer
from shared.logs import get_logger
from shared.mongo import Collection, DatabaseError, in_words

log = get_logger(__name__)

COLLECTION = "holders"
_AHEAD = 0.2  # of the time that rights are remembered: in the last fifth they are asked for anew


class AccessUnknown(Exception):
    """The database is away and this key was never seen: answer 503, not 401."""


class AccessStore:
    """A database that does not answer costs one wait of `timeout_s`, not one a request: after a failure it is left
    alone for `rest_s`, and then asked by one request whose key is known, which does not wait."""

    def __init__(
        self,
        holders: Collection,
        cache_s: float,
        timeout_s: float = 2.0,
        rest_s: float = 5.0,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._holders = holders
        self._timeout_s, self._rest_s, self._monotonic = timeout_s, rest_s, monotonic
        self._seen = SeenKeys(cache_s)
        self._failed_at_s = float("-inf")
        self._has_answered = False
        self._lookups: Coalescer[str, Seen | None] = Coalescer(self._look_up)
        self._probe: asyncio.Task[Seen | None] | None = None
        self._ahead: dict[str, asyncio.Task[Seen | None]] = {}
        self._ahead_s = cache_s * _AHEAD

    async def grant_of(self, key: str) -> Grant | None:
        """The rights behind a key, None if it is not known or no longer valid. Raises AccessUnknown."""
        hashed = key_hash(key)
        seen = self._seen.find(hashed)
        if seen is None or self._monotonic() >= seen.until_s:
            seen = await self._look_again(hashed, seen)
        return _valid(seen)

    def known(self, key: str) -> Grant | None:
        """The rights behind a key as far as this process knows, which may be long ago: to tell who asks, not what they
        may."""
        seen = self._seen.find(key_hash(key))
        return _valid(seen) if seen is not None else None

    def at_hand(self, key: str) -> Grant | None:
        """As `grant_of`, where nobody has to be asked; None says nothing of the key. Rights that end soon are asked
        for meanwhile, so that a key in steady use stays at hand."""
        hashed, now_s = key_hash(key), self._monotonic()
        seen = self._seen.find(hashed)
        if seen is None or seen.grant is None or now_s >= seen.until_s:
            return None
        if now_s > seen.until_s - self._ahead_s:
            self._look_ahead(hashed)
        return _valid(seen)

    async def fresh_grant_of(self, key: str) -> Grant | None:
        """As `grant_of`, but as the database has it now: for whoever hands out keys, lest somebody who is revoked
        makes a new one meanwhile. Raises AccessUnknown."""
        seen = await self._lookups.ask(key_hash(key))
        if seen is None:
            raise AccessUnknown("the key database does not answer")
        return _valid(seen)

    async def problem(self) -> str | None:
        """Why nobody can be let in: the database has not answered since this process began, so that no key is known.
        None from its first answer on, whatever becomes of it: keys that were seen keep working."""
        if not self._has_answered:
            await self._look_up(())
        return None if self._has_answered else "no key can be checked: MongoDB has not answered yet"

    async def _look_again(self, hashed: str, last: Seen | None) -> Seen:
        known = last if last is not None and last.grant is not None else None
        if known is not None and self._failed_within_s(self._rest_s + self._timeout_s + 1):
            self._probe_with(hashed)
            return known
        seen = await self._lookups.ask(hashed) or known
        if seen is None:
            raise AccessUnknown("the key database does not answer")
        return seen

    def _look_ahead(self, hashed: str) -> None:
        """Ask for a key's rights beside those who use them, once at a time."""
        if hashed not in self._ahead and not self._failed_within_s(self._rest_s):
            asking = self._ahead[hashed] = asyncio.create_task(self._lookups.ask(hashed))
            asking.add_done_callback(lambda _: self._ahead.pop(hashed))

    def _probe_with(self, hashed: str) -> None:
        if not self._failed_within_s(self._rest_s) and (self._probe is None or self._probe.done()):
            self._probe = asyncio.create_task(self._lookups.ask(hashed))

    def _failed_within_s(self, seconds: float) -> bool:
        return self._monotonic() < self._failed_at_s + seconds

    async def _look_up(self, hashes: Sequence[str]) -> Sequence[Seen | None]:
        """What the database says of some keys; None of each if it does not answer."""
        if self._failed_within_s(self._rest_s):
            return [None] * len(hashes)
        asked_at_s = self._monotonic()
        try:
            async with asyncio.timeout(self._timeout_s):
                query = {HASHES: {"$in": list(dict.fromkeys(hashes))}}
                found = [to_holder(document) async for document in self._holders.find(query)]
        except (DatabaseError, TimeoutError) as error:
            self._failed_at_s = self._monotonic()
            log.warning("keys_not_checked", error=in_words(error), for_s=self._rest_s)
            return [None] * len(hashes)
        self._failed_at_s, self._has_answered = float("-inf"), True
        grants = _grants_in(found)
        return [self._seen.put(hashed, _same(hashed, grants.get(hashed)), asked_at_s) for hashed in hashes]


def _valid(seen: Seen) -> Grant | None:
    return seen.grant if seen.grant is not None and seen.grant.is_valid_at(real()) else None


def _grants_in(holders: Sequence[Holder]) -> dict[str, tuple[str, Grant]]:
    return {key.hash: (key.hash, holder.grant(key)) for holder in holders for key in holder.keys}


def _same(hashed: str, found: tuple[str, Grant] | None) -> Grant | None:
    """The index found it; the comparison that decides takes the same time wherever two hashes differ."""
    return found[1] if found is not None and hmac.compare_digest(found[0], hashed) else None
