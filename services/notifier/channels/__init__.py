"""Channels: one small module each. A channel sends one notice and says how it went.

It returns `Sent`, or raises `SendFailed`, the one exception of all channels: dead (permanent), gone (`disables`), or
to be tried again. It makes neither attempts nor decisions of its own; `delivery/delivering.py` does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol


@dataclass(frozen=True, slots=True)
class Message:
    """One delivery as a channel sees it. `payload` is the notice; `webhook_id` the same for every attempt; `only_for`
    those of several recipients that an earlier attempt left out, all if empty. `at` is the attempt's real time by the
    clock of all replicas, that is the database's; None where there is no database to ask."""

    webhook_id: str
    payload: dict[str, Any]
    only_for: tuple[str, ...] = ()
    at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """It arrived. `status` is HTTP's or SMTP's, where there is one; `reply` what came back, raw and bounded."""

    status: int | None = None
    reply: str = ""


class SendFailed(Exception):
    """It did not arrive, or not at everybody: `left` are the recipients it is still owed to, `took` those who have it
    from this attempt. `problem` is in our own words, with no secret in them (a status, the name of an error,
    recipients); what somebody else said is `reply`, raw. `is_permanent`: trying again is useless; `disables`: the
    receiver wants no more of it; `retry_after_s`: it asked for so much patience."""

    def __init__(
        self,
        problem: str,
        *,
        is_permanent: bool,
        status: int | None = None,
        disables: bool = False,
        reply: str = "",
        retry_after_s: float | None = None,
        left: Sequence[str] = (),
        took: Sequence[str] = (),
    ) -> None:
        super().__init__(problem)
        self.is_permanent, self.status, self.disables = is_permanent, status, disables
        self.reply, self.retry_after_s = reply, retry_after_s
        self.left, self.took = tuple(left), tuple(took)

    @property
    def is_in_part(self) -> bool:
        """Some of its recipients have it, so it is no sign that the receiver is away."""
        return bool(self.took)


class Channel(Protocol):
    async def send(self, message: Message) -> Sent:
        """Send within the channel's own time limit. Raises SendFailed."""
        ...

    async def close(self) -> None: ...


def failure_of_status(status: int, reply: str = "", retry_after_s: float | None = None) -> SendFailed:
    """Every HTTP status that is no success, for all HTTP channels: which are worth another try.

    5xx, 408, 425 and 429 pass; 410 means never again; other 4xx are our or the receiver's mistake; a redirect is a
    failure, since we never follow one.
    """
    is_passing = status >= 500 or status in (408, 425, 429)
    return SendFailed(
        f"HTTP {status}",
        is_permanent=not is_passing,
        status=status,
        disables=status == 410,
        reply=reply,
        retry_after_s=retry_after_s,
    )
