"""Whose turn it is at intake's door."""

from __future__ import annotations

import asyncio

from services.intake.door.turnstile import Turnstile


async def test_one_of_each_agency_begins_in_each_turn_of_the_loop() -> None:
    """Whoever sends a hundred at once is one ahead of somebody who comes after all of them, not a hundred."""
    turnstile, passed = Turnstile(), list[str]()

    async def come(who: str) -> None:
        await turnstile.pass_through(who)
        passed.append(who)

    coming = [asyncio.create_task(come("flood")) for _ in range(100)]
    coming += [asyncio.create_task(come(who)) for who in ("quiet", "other")]
    await asyncio.gather(*coming)
    assert sorted(passed[:3]) == ["flood", "other", "quiet"]
    assert len(passed) == 102


async def test_requests_of_one_agency_keep_their_order() -> None:
    """First come, first served."""
    turnstile, passed = Turnstile(), list[int]()

    async def come(number: int) -> None:
        await turnstile.pass_through("a")
        passed.append(number)

    await asyncio.gather(*(come(n) for n in range(50)))
    assert passed == list(range(50))


async def test_alone_nobody_waits() -> None:
    """The first request of a turn of the loop passes without giving up its own."""
    turnstile, has_run = Turnstile(), list[bool]()
    asyncio.get_running_loop().call_soon(has_run.append, True)
    await turnstile.pass_through("a")
    assert not has_run


async def test_one_who_leaves_holds_up_nobody_and_nobody_is_remembered() -> None:
    """A cancelled request loses its turn to the next; when all have passed nothing is kept."""
    turnstile = Turnstile()
    await turnstile.pass_through("a")
    left, stays = (asyncio.create_task(turnstile.pass_through("a")) for _ in range(2))
    await asyncio.sleep(0)
    left.cancel()
    async with asyncio.timeout(1):
        await stays
    for _ in range(3):
        await asyncio.sleep(0)
    assert not turnstile._queues
