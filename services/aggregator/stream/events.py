"""What is told to watchers, and to which of them. Pure.

An event tells that a document was written, with what the lists show of it *now*: of several writes in one go the last
one is told. So a watcher who applies every event has what the lists have.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

from shared.election.roster import is_within

RETRY_MS = 3_000  # how long a browser waits before it connects again
HEARTBEAT = b": beat\n\n"
# Without an id from now on: a browser that connects again begins anew, too.
RESET = b"id:\nevent: reset\ndata: {}\n\n"


class Kind(StrEnum):
    """What was written; each is shown as one list of the API shows it."""

    REPORT = "report"
    INCIDENT = "incident"
    LOGISTICS = "logistics"
    ATTENDANCE = "attendance"
    ALERT = "alert"
    REGION = "region"


@dataclass(frozen=True, slots=True)
class Event:
    """`token` is the position after it; `frame` what is sent. An alert about the system itself has no region."""

    token: str
    kind: Kind
    region: str | None
    frame: bytes


@dataclass(frozen=True, slots=True)
class Wanted:
    """Whom an event is for: `region` takes in everything below it."""

    region: str | None
    kinds: frozenset[Kind]

    def takes(self, event: Event) -> bool:
        if event.kind not in self.kinds:
            return False
        return self.region is None or (event.region is not None and is_within(event.region, self.region))


def event(token: str, kind: Kind, document_id: str, region: str | None, item: dict[str, Any]) -> Event:
    told = {"kind": kind.value, "region": region, "id": document_id, "item": item}
    frame = b"id: %s\nevent: %s\ndata: %s\n\n" % (token.encode(), kind.value.encode(), orjson.dumps(told))
    return Event(token, kind, region, frame)


def ready(token: str) -> bytes:
    """What is sent first: from this position on nothing is left out."""
    return b"retry: %d\nid: %s\nevent: ready\ndata: {}\n\n" % (RETRY_MS, token.encode())


def beat(token: str | None) -> bytes:
    """A sign of life that moves the client's position along, so that it does not age while nothing happens."""
    return HEARTBEAT if token is None else b"id: %s\n%s" % (token.encode(), HEARTBEAT)
