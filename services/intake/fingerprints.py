"""What was accepted under which id, pure: tells a retry from a conflict at the door."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from shared.events.envelope import Envelope


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Of the first acknowledged event of an identity. `period` is None outside reports."""

    identity: str
    hash: str
    type: str
    region: str
    period: date | None
    received_at: datetime


class Known(Protocol):
    """What was accepted, as far as anybody remembers: the database's (`store.py`), or that of a batch's dry run."""

    async def find(self, identity: str) -> Fingerprint | None:
        """The fingerprint of what was accepted under an identity; None if there is none or nobody can tell."""

    async def remember(self, fingerprint: Fingerprint) -> None:
        """Keep it, unless the identity has one already: the first one stays."""

    @property
    def is_resting(self) -> bool:
        """Whether the memory failed a moment ago, so that nothing is known of anything."""


def fingerprint_of(event: Envelope) -> Fingerprint:
    return Fingerprint(
        identity=event.identity,
        hash=event.contenthash,
        type=event.type,
        region=event.subject,
        period=event.period,
        received_at=event.receivedat,
    )
