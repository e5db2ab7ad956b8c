"""An event on its way through the door, and what becomes of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from pydantic import BaseModel, Field

from services.intake.accepting.fingerprints import Fingerprint
from shared.events.codec import CONTENT_TYPE, encode
from shared.events.envelope import Envelope
from shared.topics import Topic
from shared.tracing.places import TRACEPARENT, Place, here, new_place

_CONTENT_TYPE = ("content-type", CONTENT_TYPE.encode())


class Accepted(BaseModel):
    """The event is stored and will be counted once."""

    id: str = Field(description="yours, or the one we gave it")
    type: str
    region: str
    period: date | None = Field(description="what a report is for; null for everything else")
    duplicate: bool = Field(description="whether the same content was accepted under this id before")


class Taken(NamedTuple):
    """As `Accepted`, which says it to others."""

    id: str
    type: str
    region: str
    period: date | None
    duplicate: bool


Heard = Callable[[Taken | Exception], object]


@dataclass(eq=False, slots=True)
class Offer:
    """An event on its way. `kind` is what it is counted as; `began_s` (monotonic) when it was received: the publish
    deadline counts from there. `heard` is told once: Taken, or Problem 409 (other content under this id) or 503, or
    what is a defect of ours. A dry run publishes and remembers nothing."""

    event: Envelope
    topic: Topic
    kind: str
    is_dry_run: bool
    began_s: float
    heard: Heard
    headers: list[tuple[str, bytes]]
    is_bulk: bool = False
    agency: str = field(init=False)
    identity: str = field(init=False)
    record: bytes = field(init=False)
    is_first: bool = True
    first: Fingerprint | None = None
    posted_s: float = 0.0
    is_over: bool = False

    def __post_init__(self) -> None:
        """What is asked more than once."""
        self.agency, self.identity, self.record = self.event.agency, self.event.identity, encode(self.event)


def headers_of(place: Place) -> list[tuple[str, bytes]]:
    """Those of records that are caused by what is done there."""
    return [_CONTENT_TYPE, (TRACEPARENT, place.traceparent.encode())]


def headers_here() -> list[tuple[str, bytes]]:
    return headers_of(here.get() or new_place())
