"""What was accepted under which id, pure: tells a retry from a conflict at the door."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import NamedTuple, Protocol

from shared.events.envelope import Envelope


class Fingerprint(NamedTuple):
    """Of the first acknowledged event of an identity. `period` is None outside reports."""

    identity: str
    hash: str
    type: str
    region: str
    period: date | None
    received_at: datetime


class Known(Protocol):
    """What was accepted, as far as anybody remembers: the database's (`services/intake/store.py`), or that of a
    batch's dry run."""

    async def find_all(self, identities: Sequence[str]) -> Mapping[str, Fingerprint]:
        """The fingerprints of what was accepted under identities; without those that have none, or where nobody can
        tell."""

    async def remember_all(self, fingerprints: Sequence[Fingerprint]) -> None:
        """Keep them; where an identity has one already the first one stays."""

    @property
    def is_resting(self) -> bool:
        """Whether the memory failed a moment ago, so that nothing is known of anything."""


async def find(known: Known, identity: str) -> Fingerprint | None:
    """That of one identity."""
    return (await known.find_all([identity])).get(identity)


def fingerprint_of(event: Envelope) -> Fingerprint:
    return Fingerprint(event.identity, event.contenthash, event.type, event.subject, event.period, event.receivedat)
