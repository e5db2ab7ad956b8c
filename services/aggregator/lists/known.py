"""Why a list is empty: nothing has come, or its filter names what there is not. The one must not look like the other.

Only an empty list is looked into. What the files know no longer, a category that was taken out or a region that has
left the roster, is known as long as there is something of it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from pydantic_core import PydanticCustomError

from services.aggregator.store import Store
from shared.election import known_names, known_regions
from shared.election.calendar import Calendar
from shared.http.lists import Page
from shared.http.problems import FieldError, invalid


class Known:
    """What filters may name."""

    def __init__(self, calendar: Calendar, store: Store) -> None:
        self._is_there = {"region": store.has_events, "category": store.has_incidents, "item": store.has_stocks}
        self._checks: dict[str, Callable[[str], str]] = {
            "region": lambda code: known_regions.known_region(code, calendar.roster),
            "category": lambda name: known_names.known_category(name, calendar.election),
            "item": lambda name: known_names.known_item(name, calendar.election),
        }

    async def look_at(self, query: Page) -> None:
        """Of a list of which nothing was found. Raises Problem 422 for what there is not."""
        if query.cursor is not None:
            return
        unknown = [e for e in self._unknown(query) if not await self._is_there[e.field](getattr(query, e.field))]
        if unknown:
            raise invalid(unknown)

    def _unknown(self, query: Page) -> Iterator[FieldError]:
        for field, check in self._checks.items():
            named = getattr(query, field, None)
            if named is not None:
                try:
                    check(named)
                except PydanticCustomError as error:
                    yield FieldError(field, error.type, **(error.context or {}))
