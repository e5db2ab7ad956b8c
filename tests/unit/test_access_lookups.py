"""How a key's rights are looked up: one question for many, one wait for a dead database, and no key in a log."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from pymongo.errors import AutoReconnect, OperationFailure

from shared.access.documents import HASHES
from shared.access.keys import Grant, Kind, key_hash
from shared.access.store import AccessStore, AccessUnknown
from tests.builders import a_holder_document

GRANT = Grant("kpu", "kpu", frozenset({Kind.REPORTS.value}), ("64.72",))
TIMEOUT_S, REST_S, CACHE_S = 0.2, 5.0, 15.0


class Holders:
    """A collection that answers, fails, or hangs, and counts how often it is asked."""

    def __init__(self, *keys: str) -> None:
        self.documents = [a_holder_document(key, GRANT) for key in keys]
        self.asked: list[list[str]] = []
        self.error: Exception | None = None
        self.is_hanging = False

    async def find(self, query: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        hashes = query[HASHES]["$in"]
        self.asked.append(hashes)
        if self.is_hanging:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error
        for document in self.documents:
            if document["keys"][0]["hash"] in hashes:
                yield document


class Bench:
    """A store over such a collection, at a time that a test sets."""

    def __init__(self, *keys: str) -> None:
        self.holders, self.now_s = Holders(*keys), 1000.0
        self.store = AccessStore(self.holders, CACHE_S, TIMEOUT_S, REST_S, lambda: self.now_s)

    async def statuses(self, *keys: str) -> list[int]:
        """What each request would be answered, all at the same moment."""
        return await asyncio.gather(*map(self._status, keys))

    async def _status(self, key: str) -> int:
        try:
            return 202 if await self.store.grant_of(key) else 401
        except AccessUnknown:
            return 503


async def test_ready_from_the_first_answer_on() -> None:
    """Before it nobody can be let in. After it an outage is no reason to be let go: known keys keep working."""
    bench = Bench("known")
    bench.holders.error = AutoReconnect("away")
    for _ in range(2):
        assert "has not answered yet" in (await bench.store.problem() or "")
    assert len(bench.holders.asked) == 1  # a database that is away is left alone for a while
    bench.holders.error = None
    bench.now_s += REST_S
    assert await bench.store.problem() is None
    assert await bench.statuses("known") == [202]
    bench.holders.error = AutoReconnect("away")
    bench.now_s += CACHE_S
    assert await bench.statuses("known", "nobody's") == [202, 503]
    asked = len(bench.holders.asked)
    assert await bench.store.problem() is None
    assert len(bench.holders.asked) == asked


async def test_ready_by_any_key_that_was_looked_up() -> None:
    """Whether it is known or not."""
    bench = Bench()
    assert await bench.statuses("nobody's") == [401]
    assert await bench.store.problem() is None
    assert len(bench.holders.asked) == 1


@pytest.mark.parametrize(("key", "status", "holds_s"), [("known", 202, CACHE_S), ("nobody's", 401, 5.0)])
async def test_an_answer_is_remembered(key: str, status: int, holds_s: float) -> None:
    """A key is asked for once in a while, also one that nobody has, however often it is sent."""
    bench = Bench("known")
    for _ in range(20):
        assert await bench.statuses(key) == [status]
    assert len(bench.holders.asked) == 1
    bench.now_s += holds_s
    await bench.statuses(key)
    assert len(bench.holders.asked) == 2


async def test_many_requests_of_one_moment_ask_once() -> None:
    """The same uncached key a hundred times, and a hundred different ones: one question each time."""
    bench = Bench("known")
    assert await bench.statuses(*["known"] * 100) == [202] * 100
    assert [len(hashes) for hashes in bench.holders.asked] == [1]
    assert await bench.statuses(*(f"invented-{n}" for n in range(100))) == [401] * 100
    assert [len(hashes) for hashes in bench.holders.asked] == [1, 100]


async def test_a_flood_of_invented_keys_costs_the_known_ones_nothing() -> None:
    """Tens of thousands of invented keys later, a known key is still answered without the database."""
    bench = Bench("known")
    await bench.statuses("known")
    for begin in range(0, 20_000, 1000):
        await bench.statuses(*(f"invented-{n}" for n in range(begin, begin + 1000)))
    asked = len(bench.holders.asked)
    assert await bench.statuses("known") == [202]
    assert len(bench.holders.asked) == asked == 21


@pytest.mark.parametrize("is_hanging", [False, True], ids=["away", "hanging"])
async def test_without_the_database_known_keys_work_and_others_cannot_be_judged(is_hanging: bool) -> None:
    """503, not 401, for a key that was never seen, and for one that was nobody's: it may have been made since."""
    bench = Bench("known", "other")
    assert await bench.statuses("known", "nobody's") == [202, 401]
    bench.now_s += CACHE_S
    bench.holders.is_hanging, bench.holders.error = is_hanging, AutoReconnect("away")
    assert await bench.statuses("known", "nobody's", "other") == [202, 503, 503]


async def test_a_hanging_database_costs_one_wait() -> None:
    """The first requests wait together, once; from then on nobody waits, and one question at a time is on its way."""
    bench = Bench("known")
    await bench.statuses("known")
    bench.now_s += CACHE_S
    bench.holders.is_hanging = True
    began = time.monotonic()
    assert await bench.statuses(*["known"] * 50, *["unknown"] * 50) == [202] * 50 + [503] * 50
    assert TIMEOUT_S <= time.monotonic() - began < 4 * TIMEOUT_S
    began = time.monotonic()
    for _ in range(20):
        assert await bench.statuses("known", "unknown") == [202, 503]
    bench.now_s += REST_S
    assert await bench.statuses(*["known"] * 20) == [202] * 20
    assert time.monotonic() - began < TIMEOUT_S
    assert len(bench.holders.asked) <= 3


async def test_an_unknown_key_waits_once_in_a_rest() -> None:
    """After a failure an unseen key is answered 503 at once, until it is time to try again."""
    bench = Bench()
    bench.holders.error = AutoReconnect("away")
    assert await bench.statuses("a") == await bench.statuses("b") == [503]
    assert len(bench.holders.asked) == 1
    bench.now_s += REST_S
    assert await bench.statuses("c") == [503]
    assert len(bench.holders.asked) == 2


async def test_what_was_revoked_meanwhile_ends_soon_after_the_database_is_back() -> None:
    """During an outage a probe goes out at most every rest; the first that is answered ends what was revoked."""
    bench = Bench("known")
    await bench.statuses("known")
    bench.now_s += CACHE_S
    bench.holders.error = AutoReconnect("away")
    assert await bench.statuses("known") == [202]
    bench.holders.documents.clear()
    bench.holders.error = None
    bench.now_s += REST_S
    answers = []
    for _ in range(10):  # the requests until the probe is back still pass
        answers += await bench.statuses("known")
        await asyncio.sleep(0)
    assert (answers[0], answers[-1]) == (202, 401)


async def test_a_key_unused_since_an_outage_is_looked_up_again() -> None:
    """An outage of long ago is no reason to trust what was known then: whoever comes later waits for the answer."""
    bench = Bench("known")
    await bench.statuses("known")
    bench.now_s += CACHE_S
    bench.holders.error = AutoReconnect("away")
    await bench.statuses("known")
    bench.holders.documents.clear()
    bench.holders.error = None
    bench.now_s += 3600
    assert await bench.statuses("known") == [401]


async def test_who_hands_out_keys_is_asked_for_each_time() -> None:
    """A fresh look sees a revocation at once, changes what is remembered, and never trusts a memory."""
    bench = Bench("known")
    assert await bench.store.fresh_grant_of("known") == GRANT
    bench.holders.documents.clear()
    assert await bench.statuses("known") == [202]
    assert await bench.store.fresh_grant_of("known") is None
    assert await bench.statuses("known") == [401]
    bench.holders.error = AutoReconnect("away")
    with pytest.raises(AccessUnknown):
        await bench.store.fresh_grant_of("known")


async def test_no_hash_in_a_log(caplog: pytest.LogCaptureFixture) -> None:
    """A database's refusal quotes the command that it refused; we tell its code alone."""
    bench = Bench("known")
    quoted = f'not allowed to execute {{ find: "holders", filter: {{ keys.hash: "{key_hash("known")}" }} }}'
    bench.holders.error = OperationFailure(quoted, 13, {"codeName": "Unauthorized"})
    with caplog.at_level(logging.DEBUG):
        assert await bench.statuses("known") == [503]
    assert "Unauthorized" in caplog.text
    assert key_hash("known")[:8] not in caplog.text


async def test_a_key_in_steady_use_stays_at_hand() -> None:
    """Its rights are asked for before they end, once, and by nobody who waits; one that is not known is not at hand,
    nor one whose rights have ended."""
    bench = Bench("known")
    assert bench.store.at_hand("known") is None
    await bench.statuses("known", "nobody's")
    assert bench.store.at_hand("known") == GRANT
    assert bench.store.at_hand("nobody's") is None
    bench.now_s += CACHE_S * 0.9
    asked = len(bench.holders.asked)
    assert [bench.store.at_hand("known") for _ in range(3)] == [GRANT] * 3
    await asyncio.sleep(0.01)
    assert len(bench.holders.asked) == asked + 1
    bench.now_s += CACHE_S * 0.9
    assert bench.store.at_hand("known") == GRANT
    bench.now_s += CACHE_S
    assert bench.store.at_hand("known") is None
