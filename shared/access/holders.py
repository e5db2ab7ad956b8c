"""Who holds keys, pure: agencies and people, each with rights and with at most two keys in force.

The rights belong to the holder, so that a rotated key has the same ones, and the keys to it in one value, so that two
administrators at the same moment cannot make a third one: whoever stores the value second has to look again.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from shared.access.keys import Grant, key_hash, new_key, shown_part

MOST_IN_FORCE = 2
OVERLAP = timedelta(days=7)
LONGEST_OVERLAP = timedelta(days=90)


class Refused(Exception):
    """What an administrator asked for cannot be done. `reason` is a key of `shared/texts/problems.yaml`; the values
    are its holder's name and shown parts of keys, never a key."""

    def __init__(self, reason: str, **values: str) -> None:
        super().__init__(f"{reason} {values}")
        self.reason = reason
        self.values: dict[str, Any] = dict(values)


class Sort(StrEnum):
    """Two sorts of holders: they have other rights and other names for the same calls."""

    AGENCY = "agency"
    PERSON = "person"


class KeyState(StrEnum):
    IN_FORCE = "in_force"
    EXPIRED = "expired"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """What is kept of a key. `prefix` may be shown, the hash may not."""

    hash: str = field(repr=False)
    prefix: str
    created_at: datetime
    created_by: str
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    revoked_by: str | None = None

    def state_at(self, now: datetime) -> KeyState:
        if self.revoked_at is not None:
            return KeyState.REVOKED
        return KeyState.EXPIRED if self.expires_at is not None and now >= self.expires_at else KeyState.IN_FORCE


@dataclass(frozen=True, slots=True)
class Holder:
    """An agency or a person. `rights` are those of each of its keys; `rev` counts the changes."""

    rights: Grant
    keys: tuple[IssuedKey, ...]
    created_at: datetime
    created_by: str
    rev: int = 1

    @property
    def id(self) -> str:
        return holder_id(sort_of(self.rights), self.rights.name)

    def in_force(self, now: datetime) -> tuple[IssuedKey, ...]:
        """The keys that open a door, the oldest first."""
        return tuple(k for k in self.keys if k.state_at(now) is KeyState.IN_FORCE)

    def grant(self, key: IssuedKey) -> Grant:
        """What one of its keys is worth."""
        return replace(self.rights, expires_at=key.expires_at, is_revoked=key.revoked_at is not None)


def sort_of(rights: Grant) -> Sort:
    return Sort.PERSON if rights.agency is None else Sort.AGENCY


def holder_id(sort: Sort, name: str) -> str:
    return f"{sort.value}:{name}"


def issued(key: str, name: str, nth: int, at: datetime, by: str, expires_at: datetime | None) -> IssuedKey:
    """What to keep of a key that is its holder's `nth`."""
    prefix = shown_part(key, name) or f"given_{name}_{nth}"
    return IssuedKey(key_hash(key), prefix, at, by, expires_at)


def fresh_key(name: str, others: tuple[IssuedKey, ...] = ()) -> str:
    """A new key whose shown part differs from the other keys' of its holder."""
    while True:
        key = new_key(name)
        if shown_part(key, name) not in {other.prefix for other in others}:
            return key


def with_key(holder: Holder, key: IssuedKey, now: datetime, overlap: timedelta | None) -> Holder:
    """The holder with one key more; the one in force ends after the overlap, if it does not end before (None: it stays
    as it is). Raises Refused if two are in force already."""
    in_force = holder.in_force(now)
    if len(in_force) >= MOST_IN_FORCE:
        older, newer = in_force[0], in_force[-1]
        raise Refused("keys_two", name=holder.rights.name, older=older.prefix, newer=newer.prefix)
    kept = (_ending(k, now + overlap) if overlap is not None and k in in_force else k for k in holder.keys)
    return replace(holder, keys=(*kept, key))


def _ending(key: IssuedKey, at: datetime) -> IssuedKey:
    return replace(key, expires_at=at if key.expires_at is None else min(at, key.expires_at))


def revoked(holder: Holder, prefix: str | None, now: datetime, by: str) -> tuple[Holder, tuple[str, ...]]:
    """The holder without its keys in force, or without the one that is shown as `prefix`, and the prefixes of what
    this ended; what had ended before stays as it was. Raises Refused if it has no key of that prefix."""
    in_force = holder.in_force(now)
    if prefix is not None and all(k.prefix != prefix for k in holder.keys):
        known = ", ".join(k.prefix for k in in_force) or "-"
        raise Refused("key_unknown", name=holder.rights.name, known=known)
    ending = [k for k in in_force if prefix in (None, k.prefix)]
    keys = (replace(k, revoked_at=now, revoked_by=by) if k in ending else k for k in holder.keys)
    return replace(holder, keys=tuple(keys)), tuple(k.prefix for k in ending)
