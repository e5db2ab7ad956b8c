"""A batch from its first line to its last: windows of lines are read, taken through the door, and answered."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import orjson

from services.intake.accepting.offers import Taken
from services.intake.batch.lines import Format, Line
from services.intake.batch.results import Results
from services.intake.batch.turns import Turns
from services.intake.batch.upload import ClientLeft, Halt, Upload
from services.intake.batch.window import MOST_ERRORS, WINDOW, Doorway, Order, Outcome, how_many, untried
from services.intake.door.door import Door
from services.intake.submissions.body import WrongFields
from shared.access.keys import Grant
from shared.http.problems import Problem, document, invalid
from shared.logs import get_logger

log = get_logger(__name__)

_ROOM_S = 5.0
_TOO_SLOW = 408


class Taking:
    """One batch: `begin`, then `run`, once each."""

    def __init__(
        self, door: Door, lines: Format, upload: Upload, results: Results, turns: Turns, order: Order
    ) -> None:
        self._door, self._lines, self._upload = door, lines, upload
        self._results, self._turns, self._order = results, turns, order
        self._doorway = Doorway(door, lines, order)
        self._waiting: list[Line] = []
        self._is_read = False
        self._taken = 0

    async def begin(self) -> None:
        """Read as far as it takes to know that the file as a whole is readable. Raises Problem if it is not."""
        try:
            while not self._lines.has_begun:
                await self._read_more()
        except WrongFields as error:
            raise invalid(error.errors[:MOST_ERRORS]) from None
        except Halt as halt:
            raise self._problem(halt) from None
        except ClientLeft:
            raise Problem(400, "invalid") from None  # which nobody reads

    async def run(self) -> None:
        """Take all lines and put their results down. A client that leaves ends it: what was taken is taken."""
        try:
            while window := await self._window():
                await self._take(window)
        except Halt as halt:
            number = self._waiting[0].number if self._waiting else self._lines.line_number
            self._put(number, self._problem(halt), taken=self._taken)
            if halt.status != _TOO_SLOW:
                await self._upload.discard()
        except ClientLeft:
            log.info("batch_left", agency=self._order.agency, taken=self._taken)
        finally:
            self._results.end()

    async def _window(self) -> Sequence[Line]:
        """The next lines; none at the end. What is here is taken before more is waited for, so that a sender who
        waits for results gets them."""
        while how_many(self._waiting) == len(self._waiting) < WINDOW and not self._is_read:
            if self._waiting and self._upload.must_wait:
                break
            await self._read_more()
        left = self._upload.limits.most_lines - self._taken
        if self._waiting and not left:
            raise Halt(413, "too_large", "batch_lines", limit=self._taken)
        if self._waiting and not await self._results.room(_ROOM_S):
            raise Halt(413, "too_large", "batch_unread")
        window = self._waiting[: min(how_many(self._waiting), left)]
        del self._waiting[: len(window)]
        return window

    async def _read_more(self) -> None:
        most = self._upload.limits.most_lines_of_text
        if self._lines.line_number > most:
            raise Halt(413, "too_large", "batch_lines", limit=most)
        piece = await self._upload.piece()
        self._waiting.extend(self._lines.end() if piece is None else self._lines.feed(piece))
        self._is_read = piece is None
        await asyncio.sleep(0)

    async def _take(self, window: Sequence[Line]) -> None:
        outcomes = await self._outcomes(window)
        for line, outcome in zip(window, outcomes, strict=True):
            self._put(line.number, outcome)
        self._taken += len(window)

    async def _outcomes(self, window: Sequence[Line]) -> Sequence[Outcome]:
        if self._doorway.gave_up is None:
            try:
                grant = await self._order.rights()
                await self._door.limits.pace(grant, len(window), self._door.clock.now)
            except Problem as problem:
                self._doorway.gave_up = problem
            else:
                async with self._turns.window(self._order.agency) as is_of_use:
                    if is_of_use:
                        return await self._taken_through(window, grant)
                    self._doorway.gave_up = untried()
        return [self._doorway.gave_up] * len(window)

    async def _taken_through(self, window: Sequence[Line], grant: Grant) -> Sequence[Outcome]:
        outcomes = await self._doorway.take(window, grant)
        if self._doorway.gave_up is not None:
            self._turns.note_silence()
        return outcomes

    def _problem(self, halt: Halt) -> Problem:
        return Problem(halt.status, halt.title, halt.detail, taken=self._taken, **halt.values)

    def _put(self, number: int, outcome: Outcome, **more: int) -> None:
        answer: dict[str, Any]
        if isinstance(outcome, Taken):
            answer = {"status": 202, **outcome._asdict()}
        else:
            again = {} if outcome.retry_after_s is None else {"retry_after": outcome.retry_after_s}
            answer = {"status": outcome.status, **again, "problem": document(outcome, self._order.language)}
        self._results.put(orjson.dumps({"line": number, **more, **answer}, option=orjson.OPT_APPEND_NEWLINE))
