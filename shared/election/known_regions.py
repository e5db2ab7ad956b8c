"""Codes that callers write, held against the roster: pydantic's validators of all three services end here.

Both raise PydanticCustomError `region_unknown`, with the nearest codes and their names in `nearest`.
"""

from __future__ import annotations

from pydantic_core import PydanticCustomError

from shared.access.keys import EVERYWHERE
from shared.election.roster import Roster


def known_region(code: str, roster: Roster) -> str:
    """A region of the roster."""
    if code not in roster:
        nearest = ", ".join(f"{near} ({roster.name(near)})" for near in roster.nearest(code))
        raise PydanticCustomError("region_unknown", "is unknown", {"nearest": nearest})
    return code


def known_subtree(code: str, roster: Roster) -> str:
    """A region of the roster, for all below it too; or `*` for all."""
    return code if code == EVERYWHERE else known_region(code, roster)
