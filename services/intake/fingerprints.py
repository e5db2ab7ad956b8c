"""What was accepted under which id, pure: tells a retry from a conflict at the door."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

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


def fingerprint_of(event: Envelope) -> Fingerprint:
    return Fingerprint(
        identity=event.identity,
        hash=event.contenthash,
        type=event.type,
        region=event.subject,
        period=event.period,
        received_at=event.receivedat,
    )
