"""An excuse that is given after the verdict: who was found missing under it is excused, and settling ends the alarm.

Dies anywhere: the excuse keeps its mark, and who is excused already is missing no more.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial

from services.notifier.excuses.excuse_store import ExcuseStore
from services.notifier.store import Store
from services.notifier.verdicts import obligations
from shared.logs import get_logger
from shared.mongo import Document

log = get_logger(__name__)


class Excusing:
    """`now` is the election's time by the database's clock."""

    def __init__(self, store: Store, now: Callable[[], Awaitable[datetime]]) -> None:
        self._store, self._excuses, self._now = store, ExcuseStore(store.database), now

    async def step(self) -> bool:
        """Excuse some of those who were found missing; whether there were any."""
        had_work = False
        for excuse in await self._excuses.unapplied():
            had_work |= await self._apply(excuse)
        return had_work

    async def _apply(self, excuse: Document) -> bool:
        """A judgement under way may not have seen the excuse: the mark stays until it is done. One that begins later
        does see it."""
        now = await self._now()
        is_judging = await self._store.is_judging(excuse["from"], excuse["until"], now)
        missing = await self._store.found_missing(excuse)
        change = partial(obligations.excused, excuse=excuse, now=now)
        await self._store.update_all(obligations.COLLECTION, {o["_id"]: change for o in missing})
        if missing:
            log.info("excused", excuse=excuse["_id"], number=len(missing))
        elif not is_judging:
            await self._excuses.keep_applied(excuse["_id"])
        return bool(missing)
