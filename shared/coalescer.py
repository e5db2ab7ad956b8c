"""Gathers what many requests want of a slow peer into one call."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Q = TypeVar("Q")
A = TypeVar("A")


class _Batch(Generic[Q, A]):
    def __init__(self) -> None:
        self.questions: list[Q] = []
        self.answers: asyncio.Task[Sequence[A]] | None = None


class Coalescer(Generic[Q, A]):
    """One call under way at a time; all that is asked meanwhile makes the next one. No timer: a question that comes
    alone is asked at the end of the loop's turn, and under load the batches grow by themselves.

    `call` answers a batch of questions in their order; what it raises, everybody of that batch gets.
    """

    def __init__(self, call: Callable[[Sequence[Q]], Awaitable[Sequence[A]]]) -> None:
        self._call = call
        self._turn = asyncio.Lock()
        self._open: _Batch[Q, A] | None = None

    async def ask(self, question: Q) -> A:
        batch = self._open
        if batch is None:
            batch = self._open = _Batch()
            batch.answers = asyncio.create_task(self._answer(batch))
        assert batch.answers is not None
        place = len(batch.questions)
        batch.questions.append(question)
        # Shielded: one who gives up must not take the answer from the others.
        return (await asyncio.shield(batch.answers))[place]

    async def _answer(self, batch: _Batch[Q, A]) -> Sequence[A]:
        async with self._turn:
            self._open = None  # closed: whoever asks from here on opens the next one
            return await self._call(batch.questions)
