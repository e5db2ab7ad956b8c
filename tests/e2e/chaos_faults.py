"""What happens to the aggregators while events flow, by a seed."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from random import Random
from signal import SIGCONT, SIGKILL, SIGSTOP

from pymongo.errors import PyMongoError

from shared.loops import CRASHED
from tests.e2e.chaos_desk import ChaosDesk, until
from tests.e2e.chaos_members import aggregating, running

# The longest is beyond the session's end: whoever stands still so long has lost its partitions, and comes back as a
# zombie in the middle of a batch.
PAUSES_S = (0.3, 2.0, 8.0)
LONGEST_GAP_S = 3.0
STAY_S = 2.0
GAVE_UP = f"died ({CRASHED})"


async def kill_and_freeze(desk: ChaosDesk, seed: int, for_s: float) -> None:
    """Some replica dies by kill -9 or stands still, again and again; several may be away at once."""
    chosen, names, at = Random(seed), sorted(desk.replicas), 0.0
    async with asyncio.TaskGroup() as group:
        while at < for_s:
            is_killed = chosen.random() < 0.5
            group.create_task(_hit(desk, at, chosen.choice(names), None if is_killed else chosen.choice(PAUSES_S)))
            at += chosen.uniform(0.2, LONGEST_GAP_S)


async def _hit(desk: ChaosDesk, at_s: float, name: str, pause_s: float | None) -> None:
    await asyncio.sleep(at_s)
    if pause_s is None:
        desk.say(f"{name} is killed")
        desk.hit(name, SIGKILL)
        return
    desk.say(f"{name} stands still for {pause_s:g} s")
    desk.hit(name, SIGSTOP)
    await asyncio.sleep(pause_s)
    desk.hit(name, SIGCONT)


async def join_and_leave(desk: ChaosDesk, times: int) -> None:
    """One more member joins the group, folds what it gets and leaves: two rebalances each time."""
    async with aggregating(desk) as member:
        for turn in range(times):
            async with running(member):
                await asyncio.sleep(STAY_S)
            desk.say(f"member {turn} has left")
            await asyncio.sleep(STAY_S)


async def step_down(desk: ChaosDesk, times: int) -> None:
    """The database's primary gives its office up, and is elected again after a second: a set of one has no other."""
    for _ in range(times):
        async with desk.opened("admin") as admin:
            with suppress(PyMongoError):  # it may hang up on us
                await admin.command({"replSetStepDown": 1, "secondaryCatchUpPeriodSecs": 0, "force": True})
        desk.say("the primary has stepped down")
        await asyncio.sleep(STAY_S)


async def take_the_database_away(desk: ChaosDesk) -> None:
    """It dies, and stays away until an aggregator has given up and was started again."""
    desk.has_database, before = False, len(desk.deaths)
    desk.hit("mongod", SIGKILL)
    desk.say("the database is away")

    async def gave_up() -> bool:
        return any(GAVE_UP in death for death in desk.deaths[before:])

    try:
        await until(gave_up)
    finally:
        desk.has_database = True
