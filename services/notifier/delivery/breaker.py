"""The circuit breaker of a receiver: after some passing failures in a row nothing is sent to it but one probe at a
time, further and further apart, until one arrives. Pure; `receiver_store.py` keeps the state, shared by all replicas.

Closed: sent as usual. Open: nothing is sent. Half-open: the wait is over, and one replica sends one delivery.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

OPEN_AFTER = 5  # passing failures in a row; one that is answered, even by a refusal, ends the row
FIRST_WAIT_S = 15.0
LONGEST_WAIT_S = 300.0


class Breaker(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


def breaker_of(receiver: Mapping[str, Any], now: datetime) -> Breaker:
    """The state that a receiver's document says (`failures` in a row, `open_until`)."""
    if receiver.get("failures", 0) < OPEN_AFTER:
        return Breaker.CLOSED
    return Breaker.OPEN if receiver["open_until"] > now else Breaker.HALF_OPEN


def wait_s(failures: int) -> float:
    """How long nothing is sent after so many failures in a row, in real seconds; 0 while it is closed."""
    beyond = failures - OPEN_AFTER
    return 0.0 if beyond < 0 else min(FIRST_WAIT_S * 2.0 ** min(beyond, 20), LONGEST_WAIT_S)
