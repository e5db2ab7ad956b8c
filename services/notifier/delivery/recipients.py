"""Who of several recipients of one delivery has it, by its attempts. Pure.

An attempt that some were refused in keeps `took`, who took it, and `left`, who is still owed it; the next one goes to
those alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Document = dict[str, Any]


def told_in_part(attempts: Sequence[Document]) -> list[Document]:
    """Who took it while others were refused, and when: the attempt's end, which is the database's time."""
    return [{"recipient": who, "at": one["ended_at"]} for one in attempts for who in one.get("took", [])]


def still_owed(attempts: Sequence[Document]) -> tuple[str, ...]:
    """Who was left out by the last attempt that knows; empty if none does: then it is owed to all."""
    return next((tuple(one["left"]) for one in reversed(attempts) if one.get("left")), ())
