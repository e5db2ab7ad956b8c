"""Keys and their rights, pure.

A key is `desk_<name>_<43 characters>`: 256 random bits behind a readable prefix. Only its SHA-256 is stored: with
256 random bits a slow hash would protect nothing and let anyone burn our CPU.
"""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from shared.election.roster import is_within

EVERYWHERE = "*"


class Kind(StrEnum):
    """What an agency's key may send. `reports` takes in withdrawals of its own reports, `incidents` the status of its
    own incidents. Speaking of another agency's incident is a right of its own, `statuses`: whoever may dismiss it ends
    the alarm."""

    REPORTS = "reports"
    INCIDENTS = "incidents"
    STATUSES = "statuses"
    LOGISTICS = "logistics"


class Role(StrEnum):
    """What a person's key may do; each includes the ones before it."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"


_RANK = {Role.VIEWER: 1, Role.OPERATOR: 2, Role.ADMIN: 3}


@dataclass(frozen=True, slots=True)
class Grant:
    """The rights behind a key. An agency's has `kinds` and `regions` (subtrees, `*` for all); a person's a `role`."""

    name: str
    agency: str | None = None
    kinds: frozenset[str] = frozenset()
    regions: tuple[str, ...] = ()
    role: Role | None = None
    expires_at: datetime | None = None
    is_revoked: bool = False

    def may_send(self, kind: Kind, region: str) -> bool:
        if self.agency is None or kind not in self.kinds:
            return False
        return any(r == EVERYWHERE or is_within(region, r) for r in self.regions)

    def has_role(self, wanted: Role) -> bool:
        return self.role is not None and _RANK[self.role] >= _RANK[wanted]

    def is_valid_at(self, now: datetime) -> bool:
        return not self.is_revoked and (self.expires_at is None or now < self.expires_at)


def new_key(name: str) -> str:
    """A fresh key, to be shown once."""
    return f"desk_{name}_{secrets.token_urlsafe(32)}"


def key_hash(key: str) -> str:
    """What is stored of a key (SHA-256, hex)."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
