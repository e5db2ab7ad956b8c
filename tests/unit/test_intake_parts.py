"""The parts of intake that talk to MongoDB, over fakes that are slow, away or wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from pymongo.errors import AutoReconnect, BulkWriteError

from services.intake.accepting.fingerprints import Fingerprint, find
from services.intake.skew import ClockSkew
from services.intake.store import Fingerprints
from shared.coalescer import Coalescer

NOON = datetime(2024, 11, 18, 4, tzinfo=UTC)
ONE = Fingerprint("/agencies/a/1", "00" * 32, "desk.report.v1", "64.72", date(2024, 11, 18), NOON)


async def test_coalescer_gathers_while_a_call_is_under_way() -> None:
    """Questions of one turn share a call; those that come meanwhile share the next; each gets its own answer."""
    calls: list[list[int]] = []
    gate, is_called = asyncio.Event(), asyncio.Event()

    async def double(questions: Sequence[int]) -> Sequence[int]:
        calls.append(list(questions))
        is_called.set()
        await gate.wait()
        return [2 * q for q in questions]

    coalescer = Coalescer(double)
    first = [asyncio.create_task(coalescer.ask(n)) for n in (1, 2)]
    await is_called.wait()
    second = [asyncio.create_task(coalescer.ask(n)) for n in (3, 4, 5)]
    await asyncio.sleep(0)
    gate.set()
    assert await asyncio.gather(*first, *second) == [2, 4, 6, 8, 10]
    assert calls == [[1, 2], [3, 4, 5]]


async def test_coalescer_survives_one_who_gives_up() -> None:
    """Who gives up takes no answer from the others, and a failed call spoils no later one."""
    gate = asyncio.Event()

    async def answer(questions: Sequence[str]) -> Sequence[str]:
        await gate.wait()
        if "bad" in questions:
            raise ValueError("bad")
        return questions

    coalescer = Coalescer(answer)
    impatient = asyncio.create_task(coalescer.ask("a"))
    patient = asyncio.create_task(coalescer.ask("b"))
    await asyncio.sleep(0)
    impatient.cancel()
    gate.set()
    assert await patient == "b"
    with pytest.raises(ValueError, match="bad"):
        await coalescer.ask("bad")
    assert await coalescer.ask("c") == "c"


class Collection:
    """Answers as it is told: at once, never, or with an error."""

    def __init__(self, error: Exception | None = None, is_hanging: bool = False) -> None:
        self.error, self.is_hanging = error, is_hanging
        self.calls = 0
        self.inserted: list[dict[str, Any]] = []

    async def _answer(self) -> None:
        self.calls += 1
        if self.is_hanging:
            await asyncio.Event().wait()
        if self.error is not None:
            raise self.error

    async def find(self, _query: dict[str, Any]) -> AsyncIterator[dict[str, Any]]:
        await self._answer()
        for document in self.inserted:
            yield document

    async def insert_many(self, documents: list[dict[str, Any]], ordered: bool) -> None:
        await self._answer()
        self.inserted += documents


async def test_fingerprint_is_found_as_it_was_remembered() -> None:
    """What is remembered is found, the period as a date."""
    known = Fingerprints(Collection())
    await known.remember_all([ONE])
    assert await find(known, ONE.identity) == ONE
    assert await find(known, "/agencies/a/2") is None


@pytest.mark.parametrize(
    "broken",
    [
        Collection(AutoReconnect("gone")),
        Collection(is_hanging=True),
        Collection(BulkWriteError({"writeErrors": [{"code": 11000}, {"code": 50}], "writeConcernErrors": []})),
    ],
    ids=["gone", "hanging", "refusing"],
)
async def test_broken_database_is_asked_once_in_a_while(broken: Collection) -> None:
    """A database that fails is left alone until the rest is over, and nobody sees an error."""
    known = Fingerprints(broken, timeout_s=0.02, rest_s=0.2)
    await known.remember_all([ONE])
    for _ in range(5):
        assert await find(known, ONE.identity) is None
        await known.remember_all([ONE])
    assert broken.calls == 1
    await asyncio.sleep(0.25)
    await find(known, ONE.identity)
    assert broken.calls == 2


async def test_known_id_is_no_failure() -> None:
    """Two requests of one moment may remember the same id: the first stays, and lookups go on."""
    collection = Collection(BulkWriteError({"writeErrors": [{"code": 11000}], "writeConcernErrors": []}))
    known = Fingerprints(collection)
    await known.remember_all([ONE])
    collection.error = None
    await find(known, ONE.identity)
    assert collection.calls == 2


@pytest.mark.parametrize(
    ("off_s", "is_well"), [(0, True), (2, True), (-2, True), (2.5, False), (-2.5, False), (3600, False)]
)
async def test_clock_skew(off_s: float, is_well: bool) -> None:
    """A clock is right within two seconds of the database's; the way there and back is not held against it."""
    seconds = iter([0.0, 0.4])

    async def server_time() -> datetime:
        return NOON + timedelta(seconds=(0.4 if off_s < 0 else 0) - off_s)

    skew = ClockSkew(server_time, lambda: NOON + timedelta(seconds=next(seconds)))
    problem = await skew.check()
    assert (problem is None) == is_well
    if problem:
        assert f"{off_s:+.1f} s" in problem


async def test_clock_skew_without_database() -> None:
    """Without an answer the last known skew holds; nobody known is trusted."""
    answers: list[datetime | Exception] = [AutoReconnect("x"), NOON - timedelta(seconds=9), AutoReconnect("x"), NOON]

    async def server_time() -> datetime:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    skew = ClockSkew(server_time, lambda: NOON)
    assert [(await skew.check()) is None for _ in range(4)] == [True, False, False, True]
