"""MongoDB: does it answer, is the replica set whole, does its clock agree with this machine's?"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any

from desk.doctor.finding import Finding, bad, look, ok
from shared import mongo
from shared.clock import real
from shared.election.config import ALLOWED_CLOCK_SKEW
from shared.mongo import DatabaseError
from shared.settings import Settings

TIMEOUT_S = 15.0
_ABOUT = "MongoDB"
_PRIMARY, _WHOLE = "PRIMARY", ("PRIMARY", "SECONDARY", "ARBITER")


async def examine(settings: Settings) -> list[Finding]:
    """Raises nothing."""
    client = mongo.connect(settings.mongo, settings.mongo_driver, 5_000)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            status = await client.admin.command("replSetGetStatus")
            began = real()
            theirs = await mongo.server_time(client)
            took = real() - began
        return [ok(_ABOUT, "answers"), *judge_members(status), judge_clock(theirs - began, took)]
    except (DatabaseError, TimeoutError) as error:
        advice = "is it running, and are address, user and password in DESK_MONGO right? A new one wants `desk init`"
        return [bad(_ABOUT, f"does not answer: {mongo.in_words(error)}", advice)]
    finally:
        await mongo.close(client)


def judge_members(status: Mapping[str, Any]) -> Iterator[Finding]:
    """Of what `replSetGetStatus` answers."""
    members: Iterable[Mapping[str, Any]] = status["members"]
    states = {str(member["name"]): str(member["stateStr"]) for member in members}
    sick = {name: state for name, state in states.items() if state not in _WHOLE}
    if _PRIMARY not in states.values():
        advice = "nothing is written without one: start the members that are down, more than half must run"
        yield bad("replica set", "no primary", advice)
    for name, state in sick.items():
        yield bad("replica set", f"{name} is {state}", "start it again; it catches up by itself")
    if len(states) == 1:
        yield look("replica set", "one member alone: a lost disk is lost data", "deploy/compose.cluster.yml has three")
    elif not sick:
        yield ok("replica set", f"{len(states)} members, all well")


def judge_clock(ahead: timedelta, took: timedelta) -> Finding:
    """`ahead` is the database's clock less ours when we asked; it was read within `took`."""
    if -ALLOWED_CLOCK_SKEW <= ahead <= took + ALLOWED_CLOCK_SKEW:
        return ok("clock", "this machine's agrees with the database's")
    said = f"the database's is {ahead.total_seconds():+.1f} s off this machine's"
    return bad("clock", said, "set both by NTP (chrony, systemd-timesyncd): verdicts are made by the database's")
