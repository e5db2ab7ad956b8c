"""Statements on logistics, summed. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Stocks:
    """`stated`: how many statements there are; `complete`: how many of them say that all is there."""

    stated: int = 0
    complete: int = 0
    received: int = 0
    required: int = 0


def total(found: Iterable[Stocks]) -> Stocks:
    several = list(found)
    return Stocks(
        stated=sum(one.stated for one in several),
        complete=sum(one.complete for one in several),
        received=sum(one.received for one in several),
        required=sum(one.required for one in several),
    )
