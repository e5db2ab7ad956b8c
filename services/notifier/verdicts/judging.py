"""The judge: gathers what a judgement needs, lets the pure rules decide, writes. Any replica may do any of it.

Dies anywhere: the judgement stays open, verdicts that were written stay, the rest is judged by whoever comes next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import date, datetime, timedelta
from functools import partial
from typing import Protocol

from services.notifier.alerts import alerts
from services.notifier.excuses.excuse_store import ExcuseStore
from services.notifier.moments import proof
from services.notifier.moments.proof import LogOffsets
from services.notifier.rules import cannot_evaluate
from services.notifier.rules.cannot_evaluate import Unproven
from services.notifier.store import Store
from services.notifier.verdicts import judgements, obligations
from services.notifier.verdicts.judgements import judgement_id
from services.notifier.verdicts.roll_call import RollCall
from shared.clock import Clock
from shared.election.calendar import Calendar
from shared.election.owing import Deadline
from shared.logs import get_logger
from shared.mongo import Document
from shared.topics import REPORTS
from shared.tracing import spans
from shared.tracing.places import place_named

log = get_logger(__name__)

# The judgements of one period, whose zones differ. Each holds what a turn calls (`roll_call.py`).
_AT_ONCE = 4


class DatabaseClock(Protocol):
    """The one clock of all replicas' verdicts: the database's, aware UTC."""

    async def __call__(self) -> datetime: ...


class Judge:
    def __init__(
        self,
        store: Store,
        calendar: Calendar,
        offsets: LogOffsets,
        clock: Clock,
        database_now: DatabaseClock,
        undetermined_after_s: float,
    ) -> None:
        self._store, self._calendar, self._offsets = store, calendar, offsets
        self._excuses = ExcuseStore(store.database)
        self._clock, self._database_now = clock, database_now
        self._patience = timedelta(seconds=undetermined_after_s)
        self._planned = judgements.planned(calendar)
        self._judged, self._waited = RollCall(store, calendar), RollCall(store, calendar)
        self._proven: set[str] = set()

    async def plan(self) -> None:
        """Write down all judgements to come; idempotent."""
        await self._store.plan_judgements(map(judgements.to_document, self._planned.values()))

    async def step(self) -> bool:
        """Judge what is due and provable, a turn of each; whether there was any."""
        real_now = await self._database_now()
        now = self._clock.at(real_now)
        had_work = False
        due = await self._store.due_judgements(now)
        for first in range(0, len(due), _AT_ONCE):
            had_work |= await self._take_up(due[first : first + _AT_ONCE], now, real_now)
        had_work |= await self._judge_the_withdrawn(now)
        for ended in await self._store.ended_waits():
            await self._end_wait(ended, now)
        return had_work

    async def _take_up(self, some: Sequence[Document], now: datetime, real_now: datetime) -> bool:
        """Several at the same time, which have nothing to do with each other. If one fails the others end first."""
        done = await asyncio.gather(*(self._take_up_one(due, now, real_now) for due in some), return_exceptions=True)
        for outcome in done:
            if isinstance(outcome, BaseException):
                raise outcome
        return any(done)

    async def _take_up_one(self, due: Document, now: datetime, real_now: datetime) -> bool:
        unproven, first_seen_at = await self._unproven(due, real_now)
        if unproven is None:
            below = spans.by_chance(place_named(due["_id"]))
            with spans.span("judge", parent=below, values={"desk.judgement": due["_id"]}):
                await self._judge(due, now)
            return True
        if real_now - first_seen_at > self._patience and not due["is_called_undetermined"]:
            return await self._call_undetermined(due, now, unproven)
        return False

    async def _unproven(self, due: Document, real_now: datetime) -> tuple[Unproven | None, datetime]:
        """What is not proven, and since when we have looked. What was proven once is not asked again."""
        if due["_id"] in self._proven:
            return None, real_now
        judgement = await self._store.first_seen(due["_id"])
        unproven = await proof.unproven(self._offsets, REPORTS.name, judgement, self._store.keep_ends)
        if unproven is None:
            self._proven.add(due["_id"])
        return unproven, judgement["first_seen_at"]

    async def _judge(self, due: Document, now: datetime) -> None:
        """One turn of the roll call; closed with the last. Nobody is judged in what another election file planned."""
        judgement = self._planned.get(due["_id"])
        if judgement is not None:
            excuses = await self._excuses.of_period(due["period"])

            def missed(obligation: Document, region: str, deadline: Deadline) -> Document:
                excuse = excuses.of(region, deadline)
                return obligations.missed(obligation, region, deadline, now, excuse=excuse)

            if not await self._judged.call(judgement, missed):
                return
        is_any_missing = await self._store.is_any_in_digest(due["period"], due["judge_at"])
        await self._store.close_judgement(due["_id"], is_any_missing)
        self._proven.discard(due["_id"])
        log.info("judged", judgement=due["_id"], is_any_missing=is_any_missing)

    async def _judge_the_withdrawn(self, now: datetime) -> bool:
        """Judge those who became pending again after their judgement: all that they reported was withdrawn before it,
        and the withdrawal was read after it. Its digest is out, so they are told of alone."""
        had_work = False
        for obligation in await self._store.pending_again(now):
            period, judge_at = date.fromisoformat(obligation["period"]), obligation["judge_at"]
            if not await self._store.is_closed(judgement_id(self._calendar.election.election, period, judge_at)):
                continue  # it is judged with all the others
            region = obligation["region"]
            deadline = Deadline(period, obligation["due_at"], judge_at, obligation["election"])
            excuse = (await self._excuses.of_period(obligation["period"])).of(region, deadline)
            missed = partial(
                obligations.missed, region=region, deadline=deadline, now=now, excuse=excuse, is_in_digest=False
            )
            await self._store.update(obligations.COLLECTION, obligation["_id"], missed)
            had_work = True
        return had_work

    async def _call_undetermined(self, due: Document, now: datetime, unproven: Unproven) -> bool:
        """One turn of the roll call, and whether that was work. With the last, once, an alert about ourselves,
        unless everybody has one."""
        judgement = self._planned.get(due["_id"])
        if judgement is not None:

            def undetermined(obligation: Document, region: str, deadline: Deadline) -> Document:
                return obligations.undetermined(obligation, region, deadline, now)

            if not await self._waited.call(judgement, undetermined):
                return True
        if await self._store.is_any_undetermined(due["period"], due["judge_at"]):
            period = date.fromisoformat(due["period"])
            raised = partial(cannot_evaluate.raised, period=period, at=now, unproven=unproven)
            await self._store.update(alerts.COLLECTION, cannot_evaluate.alert_id(period), raised)
            log.error("cannot_evaluate", judgement=due["_id"], reason=unproven.reason, **unproven.values)
        await self._store.keep_called_undetermined(due["_id"], True)
        return False

    async def _end_wait(self, judgement: Document, now: datetime) -> None:
        """End the alert about ourselves once every judgement of its period is judged. A step of its own, found by
        its mark, so that a death right after the judgement leaves no alert firing for ever."""
        if await self._store.open_judgements_of(judgement["period"]):
            return
        alert_id = cannot_evaluate.alert_id(date.fromisoformat(judgement["period"]))
        await self._store.update(alerts.COLLECTION, alert_id, lambda alert: cannot_evaluate.resolved(alert, now))
        await self._store.keep_called_undetermined(judgement["_id"], False)
