"""Ctrl-C and its kin while the event loop runs: the main task is cancelled once, and cleans up undisturbed."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from types import FrameType
from typing import Any, TypeVar

from desk.signals import handled_by

T = TypeVar("T")


def run_until_signal(main: Coroutine[Any, Any, T]) -> T:
    """`asyncio.run` on this, the main thread. Raises SystemExit with 128 + number after a signal to stop."""
    arrived: list[int] = []
    try:
        return asyncio.run(_cancelled_by_signals(main, arrived))
    except asyncio.CancelledError:
        if not arrived:
            raise
        raise SystemExit(128 + arrived[0]) from None


async def _cancelled_by_signals(main: Coroutine[Any, Any, T], arrived: list[int]) -> T:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None

    def note(number: int, _frame: FrameType | None) -> None:
        if not arrived:  # a second one must not cancel the cleaning up
            loop.call_soon_threadsafe(task.cancel)
        arrived.append(number)

    with handled_by(note):
        return await main


async def while_running(main: Coroutine[Any, Any, T], *companions: Coroutine[Any, Any, None]) -> T:
    """The result of `main`, with endless companions beside it. Raises what any of them raises first."""
    first = asyncio.ensure_future(main)
    others = [asyncio.ensure_future(companion) for companion in companions]
    try:
        done, _ = await asyncio.wait([first, *others], return_when=asyncio.FIRST_COMPLETED)
        for task in done - {first}:
            task.result()
        return await first
    finally:
        for task in (first, *others):
            task.cancel()
        await asyncio.gather(first, *others, return_exceptions=True)
