"""Instants as MongoDB keeps them: UTC, whole milliseconds. Pure.

A folded value must be the same whether it was just computed or read back; else a tie would depend on where one batch
ends and the next begins. Rounding *down* carries no instant over a deadline, since these lie on whole milliseconds,
and flags and verdicts are taken from the events themselves.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import overload


@overload
def kept(instant: datetime) -> datetime: ...
@overload
def kept(instant: None) -> None: ...


def kept(instant: datetime | None) -> datetime | None:
    """The instant as it will be read back; None stays None."""
    if instant is None or (instant.tzinfo is UTC and instant.microsecond % 1000 == 0):
        return instant
    utc = instant if instant.tzinfo is UTC else instant.astimezone(UTC)
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)
