"""Sends items until each is answered for good, whatever fails on the way, as long as there is progress."""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from enum import Enum, auto

import aiohttp

from desk.submit.call import Json, Never, NotNow, Target, TooLarge, post_batch, problem_text
from desk.submit.items import FileFormat, Item
from shared.loops import back_off_s

_TRY_AGAIN = frozenset({408, 429, 503})  # of a line
_UNAUTHORIZED, _TOO_LARGE = 401, 413
_LONGEST_WAIT_S = 60.0


class Became(Enum):
    ACCEPTED = auto()
    DUPLICATE = auto()
    REFUSED = auto()


@dataclass(frozen=True, slots=True)
class Final:
    """What became of an item, for good. Of a refused one `problem` is all that is wrong, `reason` what it is counted
    under."""

    item: Item
    became: Became
    problem: str = ""
    reason: str = ""


class GaveUp(Exception):
    """No line was answered for too long. The message is the last reason."""


@dataclass(frozen=True)
class Patience:
    """`on_wait` is told why and for how many seconds, `on_final` of each item."""

    give_up_after_s: float
    on_wait: Callable[[str, float], None]
    on_final: Callable[[Final], None]


class Sender:
    """`most` is how many lines go in one call; a server that takes less is given less."""

    def __init__(
        self, session: aiohttp.ClientSession, target: Target, form: FileFormat, patience: Patience, most: int = 500
    ) -> None:
        self._session, self._target, self._form = session, target, form
        self._patience = patience
        self.most = most

    async def deliver(self, items: Sequence[Item], was_tried: bool = False) -> list[Final]:
        """What became of each item, in order. With `was_tried` they may have been sent before, and a duplicate may be
        our own. Raises Never, GaveUp."""
        finals: dict[int, Final] = {}
        tried = set(range(len(items))) if was_tried else set[int]()
        failures = 0
        give_up_at = time.monotonic() + self._patience.give_up_after_s
        while waiting := [n for n in range(len(items)) if n not in finals]:
            known = len(finals)
            problem = await self._try(items, waiting[: self.most], tried, finals)
            if len(finals) > known:
                failures = 0
                give_up_at = time.monotonic() + self._patience.give_up_after_s
            if problem is not None:
                await self._wait(problem, failures, give_up_at)
                failures += 1
        return [finals[n] for n in range(len(items))]

    async def _try(
        self, items: Sequence[Item], chosen: Sequence[int], tried: set[int], finals: dict[int, Final]
    ) -> NotNow | None:
        """One call. What keeps lines from being answered for good, if something does."""
        known = len(finals)
        problem: NotNow | None = None
        try:
            async with aclosing(self._call([items[n] for n in chosen])) as results:
                async for place, result in results:
                    n = chosen[place]
                    if result["status"] in _TRY_AGAIN:
                        problem = NotNow(problem_text(result["problem"]), result.get("retry_after"))
                    else:
                        finals[n] = _final(items[n], result, n in tried)
                        self._patience.on_final(finals[n])
        except NotNow as error:
            problem = error
        except TooLarge as error:
            self.most = max(1, (len(finals) - known) or len(chosen) // 2)
            if len(chosen) == 1:
                finals[chosen[0]] = Final(items[chosen[0]], Became.REFUSED, str(error), str(error))
                self._patience.on_final(finals[chosen[0]])
        tried.update(chosen)
        if problem is None and len(finals) == known:
            return NotNow("200, and not a line is answered")
        return problem

    async def _call(self, sent: Sequence[Item]) -> AsyncGenerator[tuple[int, Json]]:
        """The results with their items' places. Raises NotNow, TooLarge, Never."""
        head = self._form.head()
        body = head + b"".join(item.wire + b"\n" for item in sent)
        ends = itertools.accumulate((item.wire.count(b"\n") + 1 for item in sent), initial=head.count(b"\n") + 1)
        places = {number: place for place, number in enumerate(ends) if place < len(sent)}
        async with aclosing(post_batch(self._session, self._target, body, self._form.media_type)) as results:
            async for result in results:
                if result["status"] == _UNAUTHORIZED:
                    raise Never(problem_text(result["problem"]))
                if "taken" in result and result["status"] == _TOO_LARGE:
                    raise TooLarge(problem_text(result["problem"]))
                if result["line"] not in places:
                    raise NotNow(f"an answer to line {result['line']}, which was not sent")
                yield places[result["line"]], result

    async def _wait(self, problem: NotNow, failures: int, give_up_at: float) -> None:
        wait_s = back_off_s(1.0, failures, _LONGEST_WAIT_S) * random.uniform(0.8, 1.2)  # noqa: S311 - no secret
        wait_s = max(wait_s, problem.after_s or 0.0)
        if time.monotonic() + wait_s > give_up_at:
            raise GaveUp(str(problem))
        self._patience.on_wait(str(problem), wait_s)
        await asyncio.sleep(wait_s)


def _final(item: Item, result: Json, was_tried: bool) -> Final:
    if result["status"] == 202:
        is_other = result["duplicate"] and not was_tried
        return Final(item, Became.DUPLICATE if is_other else Became.ACCEPTED)
    problem = result["problem"]
    text = problem_text(problem)
    # What follows a semicolon is advice on the one value: the nearest region, an example.
    return Final(item, Became.REFUSED, text, text.partition(";")[0] if "errors" in problem else problem["title"])
