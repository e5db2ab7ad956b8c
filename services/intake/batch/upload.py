"""A batch's body as it comes in: in small pieces, within bounds of size and patience. Talks to the client."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from starlette.types import Receive

from services.intake.accepting.places import MiB

_PIECE = 8 * 1024  # so many bytes are cut into lines before others have their turn


@dataclass(frozen=True)
class UploadLimits:
    """`idle_s` between two chunks, `waiting_s` for all of them together: the time that we wait for the client, not
    the time that we make it wait. `most_lines` with a submission in them; of blank ones there may be more, and a cell
    may hold some."""

    most_lines: int = 10_000
    most_bytes: int = 16 * MiB
    idle_s: float = 30.0
    waiting_s: float = 600.0

    @property
    def most_lines_of_text(self) -> int:
        """Sixteen million blank lines say nothing and cost a minute."""
        return 20 * self.most_lines


NO_OTHER_LIMITS = UploadLimits()


class Halt(Exception):
    """The batch ends here, and what was taken is taken. `detail` is a key of problems.yaml with its values."""

    def __init__(self, status: int, title: str, detail: str, **values: Any) -> None:
        super().__init__(detail)
        self.status, self.title, self.detail, self.values = status, title, detail, values


class ClientLeft(Exception):
    """Nobody reads the answer."""


class Upload:
    """The bytes of one request. `piece` raises Halt (408, 413) and ClientLeft."""

    def __init__(self, receive: Receive, limits: UploadLimits) -> None:
        self._receive = receive
        self.limits = limits
        self._left_bytes = limits.most_bytes
        self._left_s = limits.waiting_s
        self._chunk, self._at = b"", 0
        self._is_over = False

    @property
    def must_wait(self) -> bool:
        """Whether nothing more is here, so that the next piece has to come from the client first."""
        return self._at >= len(self._chunk)

    async def piece(self) -> bytes | None:
        """The next bytes, at least one; None at the end."""
        while self.must_wait:
            if self._is_over:
                return None
            await self._receive_more()
        piece = self._chunk[self._at : self._at + _PIECE]
        self._at += len(piece)
        return piece

    async def discard(self) -> None:
        """Take in and drop what still comes, as much again at most: a client that sends everything before it reads
        would find the connection closed instead of its results."""
        self._left_bytes = self.limits.most_bytes
        with suppress(Halt, ClientLeft):
            while await self.piece() is not None:
                pass

    async def _receive_more(self) -> None:
        began = time.monotonic()
        try:
            async with asyncio.timeout(min(self.limits.idle_s, self._left_s)):
                message = await self._receive()
        except TimeoutError:
            raise Halt(408, "too_slow", "batch_idle", seconds=f"{self.limits.idle_s:g}") from None
        self._left_s = max(0.0, self._left_s - (time.monotonic() - began))
        if message["type"] == "http.disconnect":
            raise ClientLeft
        self._chunk, self._at = message.get("body", b""), 0
        self._is_over = not message.get("more_body", False)
        self._left_bytes -= len(self._chunk)
        if self._left_bytes < 0:
            self._chunk = b""
            raise Halt(413, "too_large", "batch_bytes", limit=self.limits.most_bytes)
