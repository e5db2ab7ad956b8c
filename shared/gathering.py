"""Group commit for whatever is slow: what comes while one call is under way makes the next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Gathering(Generic[T]):
    """One call under way at a time, with all that has come meanwhile, `most` at most. No timer: what comes alone goes
    at the end of the loop's turn, and under load the groups grow by themselves.

    Nobody waits for it (`shared/coalescer.py` is for those who do): `call` tells whoever wants to hear. What it raises
    `failed` tells them, with the group; the next one is tried all the same.
    """

    def __init__(
        self,
        call: Callable[[list[T]], Awaitable[None]],
        failed: Callable[[list[T], Exception], None],
        most: int = 1_000,
    ) -> None:
        self._call, self._failed, self._most = call, failed, most
        self._waiting: list[T] = []
        self._worker: asyncio.Task[None] | None = None

    def add(self, one: T) -> None:
        self._waiting.append(one)
        if self._worker is None:
            self._worker = asyncio.create_task(self._work())

    async def _work(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
                try:
                    await self._call(group)
                except Exception as error:  # noqa: BLE001 - the top of a loop: who waits must hear of it, and others go on
                    self._failed(group, error)
        finally:
            self._worker = None
