"""How far one may trust a page, in one line. Pure. What is not known is said to be unknown."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from zoneinfo import ZoneInfo

from services.aggregator.pages.words import Words

GOOD, BEHIND, STOPPED, UNKNOWN = "good", "behind", "stopped", "unknown"


class Health(Protocol):
    """What the consumer says of itself: None while it consumes, else why not; how many records wait, if known."""

    @property
    def status(self) -> str | None: ...

    @property
    def lag(self) -> int | None: ...


@dataclass(frozen=True, slots=True)
class Status:
    """`level` is one of the four; `newest` when the newest report or incident was received, and how long ago."""

    level: str
    reading: str
    newest: str
    loaded: str


def status_of(words: Words, health: Health, newest_at: datetime | None, now: datetime, zone: ZoneInfo) -> Status:
    level = _level(health)
    newest = words("status.none")
    if newest_at is not None:
        moment = words.short_moment(newest_at, zone)
        newest = words("status.newest", at=moment, ago=words.span(now - newest_at))
    reading = words(f"status.{level}", lag=words.number(health.lag or 0))
    return Status(level, reading, newest, words("status.loaded", at=words.short_moment(now, zone)))


def _level(health: Health) -> str:
    if health.status is not None:
        return STOPPED
    if health.lag is None:
        return UNKNOWN
    return BEHIND if health.lag else GOOD
