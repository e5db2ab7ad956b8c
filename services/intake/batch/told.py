"""What became of many things that were offered together."""

from __future__ import annotations

import asyncio

from services.intake.accepting.offers import Taken


class Told:
    """Hears of each of `count` offers, at least one, by its place."""

    def __init__(self, count: int) -> None:
        self._outcomes: list[Taken | Exception | None] = [None] * count
        self._left = count
        self._is_over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def hear(self, place: int, outcome: Taken | Exception) -> None:
        self._outcomes[place] = outcome
        self._left -= 1
        if not self._left and not self._is_over.done():
            self._is_over.set_result(None)

    async def all(self) -> list[Taken | Exception]:
        """When all are through."""
        await self._is_over
        return [outcome for outcome in self._outcomes if outcome is not None]
