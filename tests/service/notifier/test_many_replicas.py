"""Eight replicas over one database, killed at random, two of them with clocks that are an hour off.

Each alert exists once; each delivery arrives at least once; each repeat is explained by a kill and has the same
`webhook-id`. By default they are 120 alerts and up to 12 kills; `DESK_TEST_REPLICA_ALERTS=10000` takes 10,000 and up
to 210.
"""

from __future__ import annotations

import asyncio
import json
import multiprocessing
import os
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from multiprocessing.process import BaseProcess
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier

from services.notifier.delivery.delivery_store import DELIVERIES
from services.notifier.notices.notices import webhook_id
from services.notifier.store import Store
from shared import mongo
from shared.logs import get_logger
from tests.builders import utc
from tests.http_receiver import HttpReceiver, http_receiver
from tests.service.notifier import replica
from tests.service.notifier.replica import SHARES, Task

log = get_logger(__name__)

ALERTS = int(os.environ.get("DESK_TEST_REPLICA_ALERTS", "120"))
KILLS = 10 + ALERTS // 50
REPLICAS, HOUR_S = 8, 3600
KILL_EVERY_S = (0.3, 1.5)
SECRET = "whsec_" + "A" * 32
DATABASE = "test_many_replicas"
NAMES = ("first", "second")
RAISED_AT = utc("2024-11-25T02:00Z")


class Crowd:
    """The replicas. Each that is killed is started again, as a supervisor does."""

    def __init__(self, task: dict[str, Any]) -> None:
        self._task = task
        # Forked from one that has read all modules: a start costs milliseconds.
        self._context = multiprocessing.get_context("forkserver")
        self._context.set_forkserver_preload([replica.__name__])
        self._members: list[BaseProcess] = [self._started(slot) for slot in range(REPLICAS)]
        self.killed: set[int | None] = set()
        self.kills = 0

    def _started(self, slot: int) -> BaseProcess:
        off = {0: HOUR_S, 1: -HOUR_S}.get(slot, 0)
        task = Task(**self._task, share=slot % SHARES, clock_off_s=off)
        process = self._context.Process(target=replica.run, args=(task,), daemon=True)
        process.start()
        return process

    def kill_one(self) -> None:
        slot = random.randrange(REPLICAS)
        self._kill(self._members[slot])
        self.kills += 1
        self._members[slot] = self._started(slot)

    def end(self) -> None:
        for member in self._members:
            self._kill(member)

    def _kill(self, member: BaseProcess) -> None:
        self.killed.add(member.pid)
        member.kill()
        member.join(10)


@pytest.fixture
async def database(mongo_url: str) -> AsyncIterator[mongo.Database]:
    client = mongo.connect(mongo_url)
    await client.drop_database(DATABASE)
    found = mongo.database(client, DATABASE)
    await Store(found).ensure_indexes()
    yield found
    await client.drop_database(DATABASE)
    await mongo.close(client)


def receivers_at(receiver: HttpReceiver) -> dict[str, Any]:
    reached = {"channel": "webhook", "url": receiver.url(), "secret": SECRET, "allow_private": True, "concurrency": 4}
    return {"receivers": [{"name": name, **reached} for name in NAMES], "max_notice_age": "9999d"}


@pytest.mark.timeout(900)
async def test_each_alert_once_each_delivery_at_least_once(mongo_url: str, database: mongo.Database) -> None:
    """Whoever dies, wherever."""
    async with http_receiver() as receiver:
        receiver.delay_s = 0.1  # so that kills come between arrival and answer
        task = {"mongo_url": mongo_url, "database": DATABASE, "receivers": receivers_at(receiver)}
        crowd = Crowd({**task, "number": ALERTS, "raised_at": RAISED_AT})
        try:
            await until_all_is_told(database, crowd)
        finally:
            await asyncio.to_thread(crowd.end)
        got = list(receiver.got)

    found = [a async for a in database.alerts.find()]
    assert len(found) == ALERTS
    assert {(a["revision"], a["state"], len(a["history"])) for a in found} == {(1, "firing", 1)}
    planned = {d["_id"]: d async for d in database[DELIVERIES].find()}
    assert planned.keys() == {f"{a['_id']}#1|{name}" for a in found for name in NAMES}

    for headers, body in got:
        assert Verifier(SECRET).verify(body, headers) == json.loads(body)  # also from those whose clock is wrong
    times = Counter(headers["webhook-id"] for headers, _body in got)
    by_webhook_id = {webhook_id(delivery_id): delivery for delivery_id, delivery in planned.items()}
    assert times.keys() == by_webhook_id.keys()
    bodies: dict[str, set[bytes]] = {}
    for headers, body in got:
        bodies.setdefault(headers["webhook-id"], set()).add(body)
    assert {len(same) for same in bodies.values()} == {1}
    repeated = {wid: by_webhook_id[wid] for wid, number in times.items() if number > 1}
    for wid, delivery in repeated.items():
        *earlier, last = delivery["attempts"]
        assert (last["outcome"], times[wid] <= len(delivery["attempts"])) == ("ok", True)
        unfinished = {int(a["by"].rpartition(":")[2]) for a in earlier if a["outcome"] == "started"}
        unanswered = [a for a in earlier if a.get("problem") == "TimeoutError"]  # a machine under heavy load
        assert unfinished or unanswered
        assert unfinished <= crowd.killed
    assert crowd.kills > 0
    log.info("told", messages=len(got), deliveries=len(planned), kills=crowd.kills, repeated=len(repeated))


async def until_all_is_told(database: mongo.Database, crowd: Crowd) -> None:
    """Kill at random, so many times, and wait until each delivery is done."""
    wanted, deadline, done = ALERTS * len(NAMES), time.monotonic() + 840, 0
    while done < wanted:
        assert time.monotonic() < deadline, "not all of it is told"
        await asyncio.sleep(random.uniform(*KILL_EVERY_S))
        if done and crowd.kills < KILLS:
            await asyncio.to_thread(crowd.kill_one)
        done = await database[DELIVERIES].count_documents({"state": "delivered"})
