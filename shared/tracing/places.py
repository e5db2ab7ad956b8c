"""Where we are in a trace: W3C Trace Context, read strictly. Pure, but for the chance of a new one.

The trace id is the correlation id: it is `trace_id` in the log, `X-Request-Id` in the answer, and part of the header
`traceparent` of each record.
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Iterable
from contextvars import ContextVar
from dataclasses import dataclass, replace

TRACEPARENT = "traceparent"

# Version 00 has nothing behind the flags; a later one may have, behind a dash. Version ff is none.
_FORM = re.compile(r"(?!ff)([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[\x21-\x7e]*)?", re.ASCII)
_LONGEST = 256
_NOBODY, _NOWHERE = "0" * 32, "0" * 16


@dataclass(frozen=True, slots=True)
class Place:
    """A trace, a span in it, and whether somebody keeps what is measured in it."""

    trace_id: str
    span_id: str
    is_sampled: bool = False

    @property
    def traceparent(self) -> str:
        """As the header has it."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.is_sampled else '00'}"


def place_in(header: str | bytes | None) -> Place | None:
    """The place in a `traceparent`; None where there is none, or what somebody made up instead."""
    text = header.decode("latin-1") if isinstance(header, bytes) else header
    if not text or len(text) > _LONGEST:
        return None
    found = _FORM.fullmatch(text)
    if found is None or (found[1] == "00" and found[5]) or found[2] == _NOBODY or found[3] == _NOWHERE:
        return None
    return Place(found[2], found[3], bool(int(found[4], 16) & 1))


def place_of(headers: Iterable[tuple[str, bytes | None]]) -> Place | None:
    """The place in a record's headers; None where they hold none, or several."""
    found = [value for name, value in headers if name == TRACEPARENT]
    return place_in(found[0]) if len(found) == 1 else None


def new_place() -> Place:
    """The beginning of a trace."""
    drawn = random.randbytes(24).hex()  # noqa: S311 -- no secret: asking the system for each costs 10 us an event
    return Place(drawn[:32], drawn[32:])


def place_named(name: str) -> Place:
    """The beginning of a trace that nothing from outside caused: of the same name it is the same one, on any replica
    and in any replay."""
    digest = hashlib.sha256(name.encode()).hexdigest()
    return Place(digest[:32], digest[32:48])


here: ContextVar[Place | None] = ContextVar("here", default=None)


def trace_id() -> str:
    """Of what is being done now; empty outside of all calls."""
    place = here.get()
    return place.trace_id if place is not None else ""


def traceparent() -> str:
    """For what is caused by what is being done now."""
    return (here.get() or new_place()).traceparent


def unsampled(place: Place) -> Place:
    return replace(place, is_sampled=False) if place.is_sampled else place
