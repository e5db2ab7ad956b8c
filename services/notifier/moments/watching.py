"""Puts together what looks at moments: the judge, the other rules about what has not come, and their loops."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from services.notifier.moments.logistics_watch import LogisticsWatch
from services.notifier.moments.looking import Looking
from services.notifier.moments.moment_store import MomentStore
from services.notifier.moments.proof import LogOffsets
from services.notifier.moments.report_reminders import ReportReminders
from services.notifier.store import Store
from services.notifier.verdicts.judging import DatabaseClock, Judge
from shared.clock import Clock
from shared.election.calendar import Calendar
from shared.loops import Loop
from shared.metrics import Metrics

_FOLLOW_S = 0.25


@dataclass(frozen=True)
class Watching:
    judge: Judge
    looking: Looking
    loops: list[Loop]

    async def plan(self) -> None:
        """Write down all moments to come, before the loops turn; idempotent."""
        await self.judge.plan()
        await self.looking.plan()


def build_watching(
    store: Store,
    calendar: Calendar,
    offsets: LogOffsets,
    clock: Clock,
    database_now: DatabaseClock,
    undetermined_after_s: float,
    metrics: Metrics,
) -> Watching:
    async def now() -> datetime:
        return clock.at(await database_now())

    moments = MomentStore(store.database)
    logistics, reminders = LogisticsWatch(store, moments, calendar, now), ReportReminders(store, calendar)
    looking = Looking(moments, [logistics, reminders], offsets, clock, database_now, undetermined_after_s)
    judge = Judge(store, calendar, offsets, clock, database_now, undetermined_after_s)
    loops = [
        Loop("judge", judge.step, metrics),
        Loop("look", looking.step, metrics),
        Loop("logistics", logistics.step, metrics, _FOLLOW_S),
        Loop("reminders", reminders.step, metrics, _FOLLOW_S),
    ]
    return Watching(judge, looking, loops)
