"""Which items of logistics a region needs: those of the election file that are for all, or for it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

from shared.election.calendar import Calendar, covers
from shared.election.config import Item, Level
from shared.election.logistics_line import has_line
from shared.election.roster import Region


@lru_cache(maxsize=4_096)  # as the lines are kept
def needed_items(calendar: Calendar, code: str) -> Mapping[str, Item]:
    """By slug, in the order of the election file."""
    items = calendar.election.logistics.items
    return {slug: item for slug, item in items.items() if covers(item, code)}


def voting_regencies(calendar: Calendar) -> Iterator[Region]:
    """Who must have received everything by a line: the regencies and cities that vote."""
    return (region for region in calendar.roster.at_level(Level.REGENCY) if has_line(calendar, region.code))
