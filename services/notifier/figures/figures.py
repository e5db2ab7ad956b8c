"""Reads the figures that Prometheus is told of the database. Each replica does, so that none must be asked alone."""

from __future__ import annotations

from services.notifier.delivery.delivery_states import DEAD, HELD, PENDING
from services.notifier.figures.figures_store import FiguresStore
from services.notifier.figures.latest_period import latest_period
from services.notifier.verdicts.judging import DatabaseClock
from shared.election.calendar import Calendar
from shared.metrics import Metrics

EVERY_S = 15.0


class Figures:
    """`now` is the election's time by the database's clock."""

    def __init__(self, store: FiguresStore, calendar: Calendar, now: DatabaseClock, metrics: Metrics) -> None:
        self._store, self._calendar, self._now, self._metrics = store, calendar, now, metrics

    async def step(self) -> bool:
        """Read all of them; there is never more to do at once."""
        metrics, now = self._metrics, await self._now()
        oldest = await self._store.oldest_unjudged(now)
        metrics.oldest_open_obligation_seconds.set((now - oldest).total_seconds() if oldest else 0)
        for state in (PENDING, HELD, DEAD):
            metrics.deliveries_waiting.labels(state).set(await self._store.deliveries(state))
        for (rule, state), number in (await self._store.in_force()).items():
            metrics.alerts_in_force.labels(rule, state).set(number)
        latest = latest_period(self._calendar, now)
        if latest is not None:
            metrics.report_day_seconds.set(latest.day_s)
            metrics.reports_owed.set(latest.owed)
            metrics.reports_filed.set(await self._store.filed(latest.period.isoformat()))
        metrics.figures_at.set_to_current_time()
        return False
