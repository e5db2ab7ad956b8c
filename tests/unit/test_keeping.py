"""What is kept of the database, and what was drawn of it."""

from __future__ import annotations

import asyncio

import pytest

from services.aggregator.keeping import Keeping
from services.aggregator.pages.drawn import MOST_KEPT, Drawn


class Log:
    """How far it is read, and what was worked out of it."""

    def __init__(self) -> None:
        self.read_to, self.worked = 0, 0
        self.is_away = False

    async def work(self) -> int:
        await asyncio.sleep(0)
        if self.is_away:
            raise OSError("away")
        self.worked += 1
        return self.worked


async def test_it_is_worked_out_anew_once_the_log_was_read_further() -> None:
    log = Log()
    kept = Keeping()
    assert [await kept.of("a", log.read_to, log.work) for _ in range(3)] == [1, 1, 1]
    assert await kept.of("b", log.read_to, log.work) == 2
    log.read_to += 1
    assert [await kept.of("a", log.read_to, log.work) for _ in range(2)] == [3, 3]


async def test_those_who_ask_at_once_are_answered_by_one_work_though_the_first_gives_up() -> None:
    log = Log()
    kept = Keeping()
    first, *others = [asyncio.create_task(kept.of("a", log.read_to, log.work)) for _ in range(5)]
    await asyncio.sleep(0)
    first.cancel()
    assert await asyncio.gather(*others) == [1, 1, 1, 1]


async def test_a_failure_is_not_kept() -> None:
    log = Log()
    kept, log.is_away = Keeping(), True
    with pytest.raises(OSError, match="away"):
        await kept.of("a", log.read_to, log.work)
    log.is_away = False
    assert await kept.of("a", log.read_to, log.work) == 1


async def test_the_latest_is_told_however_old_it_is() -> None:
    log, kept = Log(), Keeping()
    assert kept.latest("a") is None
    await kept.of("a", log.read_to, log.work)
    log.read_to += 1
    assert (kept.latest("a"), kept.latest("b")) == (1, None)
    asking = asyncio.create_task(kept.of("a", log.read_to, log.work))
    await asyncio.sleep(0)
    assert kept.latest("a") is None  # not there yet
    assert await asking == kept.latest("a") == 2


async def test_what_is_kept_is_bounded() -> None:
    log, kept = Log(), Keeping(most=2)
    assert [await kept.of(key, log.read_to, log.work) for key in ("a", "b", "c", "b", "c", "a")] == [1, 2, 3, 2, 3, 4]


def test_the_same_value_is_drawn_once_and_another_anew() -> None:
    drawn: Drawn[dict[str, int], str] = Drawn()
    drawings = iter("abcdef")

    def of(key: str, value: int) -> str:
        return drawn.of(key, {"open": value}, lambda: next(drawings))

    assert [of("id", 1), of("id", 1), of("en", 1), of("id", 2), of("id", 1), of("en", 1)] == list("aabcdb")


def test_what_was_drawn_for_the_longest_is_forgotten() -> None:
    drawn: Drawn[int, int] = Drawn()
    drawings: list[int] = []
    for key in (*range(MOST_KEPT), 0, MOST_KEPT, 0, 1):
        drawn.of(key, key, lambda: drawings.append(1) or 0)  # type: ignore[func-returns-value]
    assert len(drawings) == MOST_KEPT + 2
