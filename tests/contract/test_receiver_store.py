"""How receivers are doing, on both drivers and a real MongoDB."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from services.notifier.delivery.breaker import FIRST_WAIT_S, LONGEST_WAIT_S, OPEN_AFTER, Breaker, breaker_of, wait_s
from services.notifier.delivery.receiver_store import Permit, ReceiverStore
from shared import mongo


@pytest.fixture
async def store(database: mongo.Database) -> ReceiverStore:
    return ReceiverStore(database)


async def fail(store: ReceiverStore, times: int, patience_s: float | None = None) -> Breaker:
    found = Breaker.CLOSED
    for _ in range(times):
        found = await store.failed("hook", "HTTP 503 $$NOW", patience_s, 1.0)
    return found


async def let_wait_end(store: ReceiverStore) -> None:
    await store.database.receivers.update_one({"_id": "hook"}, [{"$set": {"open_until": "$$NOW"}}])


async def test_nobody_is_known_at_first(store: ReceiverStore) -> None:
    """A receiver that was never told anything may be told."""
    assert await store.permit("hook", 30) is Permit.YES
    assert await store.all() == {}


async def test_breaker(store: ReceiverStore) -> None:
    """Closed until enough failures in a row, then open by the database's clock, with a longer wait each time."""
    assert await fail(store, OPEN_AFTER - 1) is Breaker.CLOSED
    assert await store.permit("hook", 30) is Permit.YES
    for n in range(7):
        assert await fail(store, 1) is Breaker.OPEN
        assert await store.permit("hook", 30) is Permit.NOT_NOW
        known = (await store.all())["hook"]
        assert known["open_until"] - known["last_failure_at"] - timedelta(seconds=wait_s(OPEN_AFTER + n)) < timedelta(
            seconds=1
        )
    assert known["last_problem"] == "HTTP 503 $$NOW"
    assert breaker_of(known, known["now"]) is Breaker.OPEN
    assert breaker_of(known, known["open_until"]) is Breaker.HALF_OPEN


@pytest.mark.parametrize(
    ("failures", "expected_s"),
    [
        (0, 0),
        (OPEN_AFTER - 1, 0),
        (OPEN_AFTER, FIRST_WAIT_S),
        (OPEN_AFTER + 1, 2 * FIRST_WAIT_S),
        (OPEN_AFTER + 10, LONGEST_WAIT_S),
        (10**6, LONGEST_WAIT_S),
    ],
)
def test_waits(failures: int, expected_s: float) -> None:
    """Twice as long each time, up to five minutes, after any number of failures."""
    assert wait_s(failures) == expected_s


async def test_one_probe_for_all_replicas(store: ReceiverStore) -> None:
    """When the wait is over, of many askers exactly one gets the probe, until its lease is over."""
    await fail(store, OPEN_AFTER)
    await let_wait_end(store)
    permits = await asyncio.gather(*(ReceiverStore(store.database).permit("hook", 30) for _ in range(10)))
    assert sorted(permits) == sorted([Permit.PROBE, *[Permit.NOT_NOW] * 9])
    await let_wait_end(store)
    assert await store.permit("hook", 30) is Permit.PROBE


async def test_an_answer_ends_the_row(store: ReceiverStore) -> None:
    """A success or a refusal closes the breaker; a success alone counts as the last one. It is news only if it was
    open."""
    await fail(store, OPEN_AFTER)
    assert await store.answered("hook", is_success=False) is True
    known = (await store.all())["hook"]
    assert (known["failures"], "last_success_at" in known) == (0, False)
    assert await store.permit("hook", 30) is Permit.YES
    assert await store.answered("hook", is_success=True) is False
    assert "last_success_at" in (await store.all())["hook"]
    await fail(store, OPEN_AFTER - 1)
    assert await store.answered("hook", is_success=True) is False
    assert await store.answered("new", is_success=True) is False


async def test_patience_that_was_asked_for(store: ReceiverStore) -> None:
    """A receiver that names a longer wait gets it."""
    await fail(store, OPEN_AFTER, patience_s=1800)
    known = (await store.all())["hook"]
    assert known["open_until"] - known["now"] > timedelta(seconds=1700)


async def test_disabled_until_somebody_enables_it(store: ReceiverStore) -> None:
    """The mark is written once and again, with its reason; whoever takes it off is named; the breaker is closed."""
    for reason in ("HTTP 410", "HTTP 410 $again"):
        await store.disable("hook", reason)
    assert await store.disabled_because("hook") == "HTTP 410 $again"
    assert await store.disabled_because("other") is None
    await fail(store, OPEN_AFTER)
    assert await store.permit("hook", 30) is Permit.DISABLED
    await store.enable("hook", "$budi")
    known = (await store.all())["hook"]
    assert (known["enabled_by"], known["failures"]) == ("$budi", 0)
    assert not {"disabled_because", "disabled_at"} & set(known)
    assert await store.permit("hook", 30) is Permit.YES
    await store.enable("never-told", "budi")
    assert await store.permit("never-told", 30) is Permit.YES


async def test_whose_turn_it_is_to_tell_again(store: ReceiverStore) -> None:
    """One of many replicas in each interval; nobody's for a receiver that was never told anything."""
    assert await store.claim_telling_again("hook", 60) is False
    await store.answered("hook", is_success=True)
    claims = await asyncio.gather(*(ReceiverStore(store.database).claim_telling_again("hook", 60) for _ in range(10)))
    assert sorted(claims) == [False] * 9 + [True]
    await store.database.receivers.update_one({"_id": "hook"}, [{"$set": {"told_again_at": "$$NOW"}}])
    assert await store.claim_telling_again("hook", 60) is True
