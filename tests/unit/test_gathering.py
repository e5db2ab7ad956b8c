"""What comes while a call is under way makes the next."""

from __future__ import annotations

import asyncio

from shared.gathering import Gathering


async def test_one_call_at_a_time_with_all_that_has_come() -> None:
    """What comes in one turn goes together, what comes meanwhile after it, and never more than the most."""
    calls, gate = list[list[int]](), asyncio.Event()

    async def call(group: list[int]) -> None:
        calls.append(group)
        await gate.wait()

    gathering = Gathering(call, lambda _group, _error: None, most=3)
    gathering.add(1)
    gathering.add(2)
    await asyncio.sleep(0)
    for n in (3, 4, 5, 6):
        gathering.add(n)
    await asyncio.sleep(0)
    assert calls == [[1, 2]]
    gate.set()
    await until_over(gathering)
    assert calls == [[1, 2], [3, 4, 5], [6]]


async def test_what_fails_is_told_and_the_next_is_tried() -> None:
    """A defect costs its own group alone."""
    told, done = list[tuple[list[str], str]](), list[str]()

    async def call(group: list[str]) -> None:
        if "bad" in group:
            raise ValueError("bad")
        done.extend(group)

    gathering = Gathering(call, lambda group, error: told.append((group, str(error))), most=1)
    for word in ("a", "bad", "b"):
        gathering.add(word)
    await until_over(gathering)
    assert (done, told) == (["a", "b"], [(["bad"], "bad")])


async def until_over(gathering: Gathering[int] | Gathering[str]) -> None:
    async with asyncio.timeout(5):
        while gathering._worker is not None:  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0)
