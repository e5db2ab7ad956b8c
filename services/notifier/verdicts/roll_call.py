"""The roll call of a judgement: who owes is gone through by code, a portion a turn, and who has no verdict gets one.

A million reporters are never held at once, nor written one by one; those who have reported are passed over out of an
index. Dies anywhere: whoever comes next begins anew, and finds fewer to write to.
"""

from __future__ import annotations

from functools import partial
from itertools import islice
from typing import Any, Protocol

from services.notifier.store import Store
from services.notifier.verdicts import obligations, verdicts
from services.notifier.verdicts.judgements import Planned, owed_in
from shared.election.calendar import Calendar
from shared.election.owing import Deadline
from shared.logs import get_logger

Document = dict[str, Any]
PORTION = 2000

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
        """Call one portion of those who are judged in it; whether that was the last one."""
        owing = self._calendar.owing(judgement.period)
        behind = owing.after(self._reached.get(judgement.id), len(owing))
        owed = dict(islice(owed_in(behind, judgement), PORTION))
        if owed:
            first, last = next(iter(owed)), next(reversed(owed))
            known = await self._store.verdicts_between(judgement.period.isoformat(), first, last)
            ids = {
                obligations.obligation_id(judgement.period, code): code
                for code in owed
                if known.get(code) not in verdicts.DECIDED
            }
            changes = {one: partial(decide, region=code, deadline=owed[code]) for one, code in ids.items()}
            absent = {one for one, code in ids.items() if code not in known}
            await self._store.update_all(obligations.COLLECTION, changes, absent)
            self._reached[judgement.id] = last
        if len(owed) == PORTION:
            log.info("roll_call", judgement=judgement.id, reached=last)
            return False
        self._reached.pop(judgement.id, None)
        return True
