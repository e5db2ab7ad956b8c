"""The judge: gathers what a judgement needs, lets the pure rules decide, writes. Any replica may do any of it.

Dies anywhere: the judgement stays open, verdicts that were written stay, the rest is judged by whoever comes next.
"""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, timedelta
from functools import partial
from typing import Protocol

from services.notifier import alerts, judgements, obligations, proof
from services.notifier.judgements import judgement_id
from services.notifier.proof import LogOffsets
from services.notifier.rules import cannot_evaluate
from services.notifier.rules.cannot_evaluate import Unproven
from services.notifier.store import Store
from shared.clock import Clock
from shared.election.calendar import Calendar
from shared.election.owing import Deadline
from shared.election.roster import Region, province_of
from shared.logs import get_logger
from shared.mongo import Document
from shared.topics import REPORTS

log = get_logger(__name__)


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
        self._clock, self._database_now = clock, database_now
        self._patience = timedelta(seconds=undetermined_after_s)
        self._planned = judgements.planned(calendar)

    async def plan(self) -> None:
        """Write down all judgements to come; idempotent."""
        await self._store.plan_judgements(map(judgements.to_document, self._planned.values()))

    def _owed(self, judgement: str) -> list[tuple[Region, Deadline]]:
        """Who is judged in a judgement; nobody in one that another election file planned."""
        known = self._planned.get(judgement)
        return list(judgements.owed_in(self._calendar, known)) if known else []

    async def step(self) -> bool:
        """Judge what is due and provable; whether there was any."""
        real_now = await self._database_now()
        now = self._clock.at(real_now)
        had_work = False
        for due in await self._store.due_judgements(now):
            judgement = await self._store.first_seen(due["_id"])
            unproven = await self._unproven(judgement)
            if unproven is None:
                await self._judge(judgement, now)
                had_work = True
            elif real_now - judgement["first_seen_at"] > self._patience:
                await self._call_undetermined(judgement, now, unproven)
        had_work |= await self._judge_the_withdrawn(now)
        for ended in await self._store.ended_waits():
            await self._end_wait(ended, now)
        return had_work

    async def _unproven(self, judgement: Document) -> Unproven | None:
        return await proof.unproven(self._offsets, REPORTS.name, judgement, self._store.keep_ends)

    async def _judge(self, judgement: Document, now: datetime) -> None:
        owed = self._owed(judgement["_id"])
        missing: dict[str, list[str]] = defaultdict(list)
        decided = await self._decided(judgement["period"])
        for region, deadline in owed:
            if await self._is_missing(region, deadline, now, decided.get(region.code)):
                missing[province_of(region.code)].append(region.code)
        await self._store.close_judgement(judgement["_id"], missing)
        log.info("judged", judgement=judgement["_id"], owed=len(owed), missing=sum(map(len, missing.values())))

    async def _decided(self, period: str) -> dict[str, bool]:
        """By region that needs no write of its own any more: whether it was missing, be it that we died half-way."""
        decided = await self._store.decided(period)
        return {o["region"]: obligations.is_told_by_digest(o) for o in decided}

    async def _is_missing(self, region: Region, deadline: Deadline, now: datetime, known: bool | None) -> bool:
        """Whether it was missing at the moment of judgement; what came after it may have been read since."""
        if known is not None:
            return known
        document_id = obligations.obligation_id(deadline.period, region.code)
        judged = await self._store.update(
            obligations.COLLECTION, document_id, lambda o: obligations.missed(o, region.code, deadline, now)
        )
        return obligations.is_told_by_digest(judged)

    async def _judge_the_withdrawn(self, now: datetime) -> bool:
        """Judge those who became pending again after their judgement: all that they reported was withdrawn before it,
        and the withdrawal was read after it. Its digest is out, so they are told of alone."""
        had_work = False
        for obligation in await self._store.pending_again(now):
            period, judge_at = date.fromisoformat(obligation["period"]), obligation["judge_at"]
            if not await self._store.is_closed(judgement_id(self._calendar.election.election, period, judge_at)):
                continue  # it is judged with all the others
            region, deadline = (
                obligation["region"],
                Deadline(period, obligation["due_at"], judge_at, obligation["election"]),
            )
            missed = partial(obligations.missed, region=region, deadline=deadline, now=now, is_in_digest=False)
            await self._store.update(obligations.COLLECTION, obligation["_id"], missed)
            had_work = True
        return had_work

    async def _call_undetermined(self, judgement: Document, now: datetime, unproven: Unproven) -> None:
        """Once: the verdict of everyone who has none, and one alert about ourselves."""
        if judgement["is_called_undetermined"]:
            return
        owed = self._owed(judgement["_id"])
        for region, deadline in owed:
            await self._undetermined(region, deadline, now)
        if owed:
            period = owed[0][1].period
            await self._store.update(
                alerts.COLLECTION,
                cannot_evaluate.alert_id(period),
                lambda alert: cannot_evaluate.raised(alert, period, now, unproven),
            )
        await self._store.keep_called_undetermined(judgement["_id"], True)
        log.error("cannot_evaluate", judgement=judgement["_id"], reason=unproven.reason, **unproven.values)

    async def _undetermined(self, region: Region, deadline: Deadline, now: datetime) -> None:
        await self._store.update(
            obligations.COLLECTION,
            obligations.obligation_id(deadline.period, region.code),
            lambda obligation: obligations.undetermined(obligation, region.code, deadline, now),
        )

    async def _end_wait(self, judgement: Document, now: datetime) -> None:
        """End the alert about ourselves once every judgement of its period is judged. A step of its own, found by
        its mark, so that a death right after the judgement leaves no alert firing for ever."""
        if await self._store.open_judgements_of(judgement["period"]):
            return
        alert_id = cannot_evaluate.alert_id(date.fromisoformat(judgement["period"]))
        await self._store.update(alerts.COLLECTION, alert_id, lambda alert: cannot_evaluate.resolved(alert, now))
        await self._store.keep_called_undetermined(judgement["_id"], False)
