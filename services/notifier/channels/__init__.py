"""Channels: one small file each, and this table. A channel sends one notice and says how it went.

`SendFailed` is the one exception of all channels, with one bit: a permanent failure is not tried again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """One delivery as a channel sees it. `payload` is the notice; `webhook_id` the same for every attempt."""

    webhook_id: str
    payload: dict[str, Any]


class SendFailed(Exception):
    """It did not arrive. `is_permanent`: trying again is useless; `disables`: the receiver wants no more of it."""

    def __init__(self, problem: str, *, is_permanent: bool, status: int | None = None, disables: bool = False) -> None:
        super().__init__(problem)
        self.is_permanent, self.status, self.disables = is_permanent, status, disables


class Channel(Protocol):
    async def send(self, message: Message) -> int | None:
        """Send; the HTTP status, where there is one. Raises SendFailed within the channel's own time limit."""
        ...

    async def close(self) -> None: ...


def failure_of_status(status: int) -> SendFailed:
    """Every HTTP status that is no success, for all HTTP channels: which are worth another try.

    5xx, 408, 425 and 429 pass; 410 means never again; other 4xx are our or the receiver's mistake; a redirect is a
    failure, since we never follow one.
    """
    is_passing = status >= 500 or status in (408, 425, 429)
    return SendFailed(f"HTTP {status}", is_permanent=not is_passing, status=status, disables=status == 410)
