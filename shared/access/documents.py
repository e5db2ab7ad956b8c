"""Holders as documents of `desk_access`, pure: one document a holder, its keys inside."""

from __future__ import annotations

from typing import Any

from shared.access.holders import Holder, IssuedKey, Sort, sort_of
from shared.access.keys import Grant, Role

Document = dict[str, Any]

HASHES = "keys.hash"


def to_document(holder: Holder) -> Document:
    rights = holder.rights
    return {
        "_id": holder.id,
        "sort": sort_of(rights).value,
        "name": rights.name,
        "kinds": sorted(rights.kinds),
        "regions": list(rights.regions),
        "events_per_minute": rights.events_per_minute,
        "role": rights.role.value if rights.role else None,
        "keys": [_key_document(key) for key in holder.keys],
        "created_at": holder.created_at,
        "created_by": holder.created_by,
        "rev": holder.rev,
    }


def to_holder(document: Document) -> Holder:
    role = document["role"]
    rights = Grant(
        name=document["name"],
        agency=document["name"] if document["sort"] == Sort.AGENCY else None,
        kinds=frozenset(document["kinds"]),
        regions=tuple(document["regions"]),
        role=Role(role) if role else None,
        events_per_minute=document["events_per_minute"],
    )
    keys = tuple(IssuedKey(**key) for key in document["keys"])
    return Holder(rights, keys, document["created_at"], document["created_by"], document["rev"])


def _key_document(key: IssuedKey) -> Document:
    return {
        "hash": key.hash,
        "prefix": key.prefix,
        "created_at": key.created_at,
        "created_by": key.created_by,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "revoked_by": key.revoked_by,
    }
