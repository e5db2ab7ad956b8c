"""Background loops: they survive failures, back off, and are woken."""

from __future__ import annotations

import asyncio
import contextlib
import time
from typing import NoReturn

import pytest

from shared.loops import Loop, back_off_s, leave_process, supervise
from shared.metrics import Metrics


@pytest.mark.parametrize(
    ("first_s", "failures", "longest_s", "expected"),
    [(0.25, 0, 15, 0.25), (0.25, 1, 15, 0.5), (0.25, 5, 15, 8.0), (0.25, 6, 15, 15.0), (1, 10_000, 15, 15.0)],
)
def test_back_off(first_s: float, failures: int, longest_s: float, expected: float) -> None:
    """Twice as long after each failure up to the limit, also after an outage of days."""
    assert back_off_s(first_s, failures, longest_s) == expected


async def run_for(loop: Loop, turns: asyncio.Event) -> None:
    task = asyncio.create_task(loop.run())
    await asyncio.wait_for(turns.wait(), 5)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_works_on_while_there_is_work_and_survives_failures() -> None:
    """Work is done without a pause; a failing step is counted and tried again."""
    metrics, done, outcomes = Metrics("test"), asyncio.Event(), ["work", "work", "failure", "work"]

    async def step() -> bool:
        if not outcomes:
            done.set()
            return False
        if outcomes.pop(0) == "failure":
            raise ConnectionError("away")
        return True

    loop = Loop("work", step, metrics, idle_s=0.01)
    assert loop.is_turning()
    await run_for(loop, done)
    assert loop.is_turning()
    assert not loop.is_turning(within_s=0)
    assert 'desk_loop_failures_total{loop="work"} 1.0' in metrics.render()[0].decode()
    turned_at = metrics.registry.get_sample_value("desk_loop_turned_timestamp_seconds", {"loop": "work"})
    assert turned_at is not None
    assert 0 <= time.time() - turned_at < 60


async def test_stopped_in_the_moment_it_is_woken() -> None:
    """A stop that comes together with new work is a stop."""

    async def step() -> bool:
        return False

    loop = Loop("stopped", step, Metrics("test"), idle_s=60)
    task = asyncio.create_task(loop.run())
    await asyncio.sleep(0.01)
    loop.wake()
    await asyncio.sleep(0)  # the wait has ended, the loop has not run on yet
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=0.5)
    task.cancel()
    assert done


@pytest.mark.expect_errors("leaving")
def test_leaving_the_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Says why, and ends at once with the status that a supervisor restarts."""

    def end(status: int) -> NoReturn:
        raise SystemExit(status)

    monkeypatch.setattr("shared.loops.os._exit", end)
    with pytest.raises(SystemExit) as left:
        leave_process("a batch failed too often", ConnectionError("away"))
    assert left.value.code == 70


async def test_is_woken() -> None:
    """A loop without work sleeps until somebody has some for it."""
    turns, done = 0, asyncio.Event()

    async def step() -> bool:
        nonlocal turns
        turns += 1
        if turns == 2:
            done.set()
        return False

    loop = Loop("sleepy", step, Metrics("test"), idle_s=60)
    asyncio.get_running_loop().call_later(0.02, loop.wake)
    await run_for(loop, done)
    assert turns == 2


async def test_supervised_things_run_again() -> None:
    """What should never end is started again after a failure."""
    metrics, starts, done = Metrics("test"), 0, asyncio.Event()

    async def run() -> None:
        nonlocal starts
        starts += 1
        if starts == 2:
            done.set()
            await asyncio.Event().wait()
        raise ConnectionError("away")

    task = asyncio.create_task(supervise("consumer", run, metrics))
    await asyncio.wait_for(done.wait(), 5)
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert 'desk_loop_failures_total{loop="consumer"} 1.0' in metrics.render()[0].decode()
