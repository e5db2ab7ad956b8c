"""The roll call of a judgement: who owes is gone through by code, two portions a turn, and who has no verdict gets
one.

A million reporters are never held at once, nor written one by one; those who have reported are passed over out of an
index. Dies anywhere: whoever comes next begins anew, and finds fewer to write to.
"""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Any, Protocol

from services.notifier.store import Store
from services.notifier.verdicts import obligations
from services.notifier.verdicts.judgements import Planned, owed_in, without_verdict
from shared.election.calendar import Calendar
from shared.election.owing import Deadline
from shared.logs import get_logger

Document = dict[str, Any]
PORTION = 1000
AT_ONCE = 2  # portions: while one is read or written the other is decided

log = get_logger(__name__)


class Decide(Protocol):
    """An obligation's verdict. Pure; changes nothing the second time."""

    def __call__(self, obligation: Document, /, region: str, deadline: Deadline) -> Document: ...


class RollCall:
    """Of one kind, of all judgements; how far each has come is this process's own business."""

    def __init__(self, store: Store, calendar: Calendar) -> None:
        self._store, self._calendar = store, calendar
        self._reached: dict[str, str | None] = {}

    async def call(self, judgement: Planned, decide: Decide) -> bool:
        """Call the next portions of those who are judged in it; whether that was the last of them. If one fails the
        others end first, and all are called again."""
        owing, reached = self._calendar.owing(judgement.period), self._reached.get(judgement.id)
        owed = owed_in(owing, judgement, reached, AT_ONCE * PORTION)
        codes = list(owed)
        portions = [
            self._call(judgement, {code: owed[code] for code in codes[n : n + PORTION]}, decide)
            for n in range(0, len(codes), PORTION)
        ]
        for outcome in await asyncio.gather(*portions, return_exceptions=True):
            if outcome is not None:
                raise outcome
        if len(codes) == AT_ONCE * PORTION:
            self._reached[judgement.id] = codes[-1]
            log.info("roll_call", judgement=judgement.id, reached=codes[-1])
            return False
        self._reached.pop(judgement.id, None)
        return True

    async def _call(self, judgement: Planned, owed: dict[str, Deadline], decide: Decide) -> None:
        first, last = next(iter(owed)), next(reversed(owed))
        known = await self._store.verdicts_between(judgement.period.isoformat(), first, last)
        ids = {obligations.obligation_id(judgement.period, code): code for code in without_verdict(owed, known)}
        changes = {one: partial(decide, region=code, deadline=owed[code]) for one, code in ids.items()}
        absent = {one for one, code in ids.items() if code not in known}
        await self._store.update_all(obligations.COLLECTION, changes, absent)
