"""The results of a batch between those who make them and the one who sends them, in order."""

from __future__ import annotations

import asyncio
from collections import deque

from services.intake.accepting.places import MiB

_PIECE = 64 * 1024


class Results:
    """Never makes anyone wait to put a result down: a client that sends everything before it reads would stand still
    for ever. So whoever makes results asks for `room` first."""

    def __init__(self, limit_bytes: int = 4 * MiB) -> None:
        self._limit_bytes = limit_bytes
        self._waiting: deque[bytes] = deque()
        self._size = 0
        self._is_over = False
        self._changed = asyncio.Event()  # by whoever puts or takes; each side looks for itself

    def put(self, result: bytes) -> None:
        self._waiting.append(result)
        self._size += len(result)
        self._changed.set()

    def end(self) -> None:
        """Nothing more comes."""
        self._is_over = True
        self._changed.set()

    async def room(self, timeout_s: float) -> bool:
        """Whether less than the limit waits, now or within the time."""
        try:
            async with asyncio.timeout(timeout_s):
                while self._size >= self._limit_bytes:
                    await self._change()
        except TimeoutError:
            return False
        return True

    async def next(self) -> bytes | None:
        """The next results, a piece of what waits, as soon as there is one; None at the end."""
        while not self._waiting:
            if self._is_over:
                return None
            await self._change()
        piece = bytearray()
        while self._waiting and len(piece) < _PIECE:
            piece += self._waiting.popleft()
        self._size -= len(piece)
        self._changed.set()
        return bytes(piece)

    async def _change(self) -> None:
        self._changed.clear()
        await self._changed.wait()
