"""Keys and the rights behind them, pure; `shared/access/holders.py` says who holds them.

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
MOST_EVENTS_PER_MINUTE = 1_000_000
LONGEST_KEY = 512
_SHOWN = 4  # characters of a key's random part that tell it from its holder's other key; 39 stay unknown
_RANDOM = 43


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
    """The rights behind a key. An agency's has `kinds` and `regions` (subtrees, `*` for all), and may send
    `events_per_minute` (None: as many as the setting says); a person's has a `role`."""

    name: str
    agency: str | None = None
    kinds: frozenset[str] = frozenset()
    regions: tuple[str, ...] = ()
    role: Role | None = None
    expires_at: datetime | None = None
    is_revoked: bool = False
    events_per_minute: int | None = None

    @property
    def holder(self) -> str:
        """Whose use is counted together: all keys of an agency; a person may have an agency's name and is not it."""
        return self.agency if self.agency is not None else f"person:{self.name}"

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


def shown_part(key: str, name: str) -> str | None:
    """The beginning of a key that may be shown (`desk_kpu-samarinda_AbC4`); None for one that we have not made: of a
    secret of any other form nothing may be shown."""
    begin = f"desk_{name}_"
    is_ours = key.startswith(begin) and len(key) == len(begin) + _RANDOM
    return key[: len(begin) + _SHOWN] if is_ours else None


def unusable_because(key: str) -> str | None:
    """Why a string cannot be sent as a key in a header, for a person; None if it can."""
    if not key.strip():
        return "it is empty"
    if len(key.encode("utf-8", "surrogatepass")) > LONGEST_KEY:
        return f"it is longer than {LONGEST_KEY} bytes"
    if not key.isprintable() or key != key.strip():
        return "it has line breaks, control characters, or spaces at an end"
    return None


def key_hash(key: str) -> str:
    """What is stored of a key (SHA-256, hex)."""
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
