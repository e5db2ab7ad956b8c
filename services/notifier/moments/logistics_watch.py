"""From statements on logistics to alerts: a look at each step towards a line, and what each statement changes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import cached_property, partial

from services.notifier.alerts import alerts
from services.notifier.moments import stocks
from services.notifier.moments.logistics_steps import Step, steps_of
from services.notifier.moments.moment_store import MomentStore
from services.notifier.moments.moments import Moment
from services.notifier.rules import cannot_evaluate, logistics
from services.notifier.rules.cannot_evaluate import Unproven
from services.notifier.store import Store
from shared.election.calendar import Calendar
from shared.election.needed_items import needed_items, voting_regencies
from shared.mongo import Document
from shared.topics import LOGISTICS


class LogisticsWatch:
    """`now` is the election's time by the database's clock."""

    topic = LOGISTICS.name

    def __init__(
        self, store: Store, moments: MomentStore, calendar: Calendar, now: Callable[[], Awaitable[datetime]]
    ) -> None:
        self._store, self._moments, self._calendar, self._now = store, moments, calendar, now

    @cached_property
    def _steps(self) -> dict[Moment, list[tuple[str, Step]]]:
        """Which regions are looked at in which moment."""
        found: dict[Moment, list[tuple[str, Step]]] = {}
        for region in voting_regencies(self._calendar):
            for step in steps_of(self._calendar, region.code):
                found.setdefault(step.moment, []).append((region.code, step))
        return found

    @cached_property
    def _regencies(self) -> frozenset[str]:
        return frozenset(region for looked_at in self._steps.values() for region, _ in looked_at)

    def moments(self) -> Collection[Moment]:
        return self._steps.keys()

    async def look(self, moment: Moment, now: datetime) -> None:
        """Raise what each region lacked by the moment. Nobody is told of a step if the next one has come as well."""
        for region, step in self._steps[moment]:
            lacking = stocks.lacking(self._held(await self._store.stocks_of(region), region, step, by=step.at))
            if lacking:
                known = steps_of(self._calendar, region)
                is_past = any(step.at < later.at <= now for later in known if later.line == step.line)
                lacked = partial(
                    logistics.lacked, region=region, step=step, lacking=lacking, at=now, is_told=not is_past
                )
                await self._store.update(alerts.COLLECTION, logistics.alert_id(region, step), lacked)

    async def settle(self, moment: Moment, now: datetime) -> None:
        await self._follow(region for region, _ in self._steps[moment])
        waited = cannot_evaluate.moment_alert_id(moment.id)
        await self._store.update(alerts.COLLECTION, waited, lambda alert: cannot_evaluate.resolved(alert, now))

    async def give_up(self, moment: Moment, now: datetime, unproven: Unproven) -> None:
        waits = cannot_evaluate.moment_alert_id(moment.id)
        raised = partial(cannot_evaluate.raised, period=None, at=now, unproven=unproven)
        await self._store.update(alerts.COLLECTION, waits, raised)

    async def step(self) -> bool:
        """Bring alerts up to a few statements; whether there were any. What is stated of a district, say, is no
        regency's stock."""
        waiting = await self._store.waiting(stocks.COLLECTION, "unsettled")
        if waiting:
            await self._follow({stock["region"] for stock in waiting} & self._regencies)
        for stock in waiting:
            await self._store.take_off(stocks.COLLECTION, stock, "unsettled")
        return bool(waiting)

    async def _follow(self, regions: Iterable[str]) -> None:
        """Of each line the alert of the latest step that was looked at is as the statements have it; earlier ones have
        ended."""
        closed, now = await self._moments.closed(logistics.NAME), await self._now()
        for region in regions:
            looked_at = [step for step in steps_of(self._calendar, region) if step.moment.id in closed]
            for line in dict.fromkeys(step.line for step in looked_at):
                steps = [step for step in looked_at if step.line == line]
                await self._follow_line(region, steps, now)

    async def _follow_line(self, region: str, steps: Sequence[Step], now: datetime) -> None:
        found = await self._store.stocks_of(region)
        for step, later in zip(steps, [*steps[1:], None], strict=True):
            held = self._held(found, region, step, by=later.at if later else None)
            lacking, stated_at = stocks.lacking(held), stocks.last_stated_at(held)
            if later is None:
                change = partial(logistics.following, region=region, step=step, lacking=lacking, stated_at=stated_at)
            else:
                change = partial(logistics.superseded, lacking=lacking, stated_at=stated_at, at=now)
            await self._store.update(alerts.COLLECTION, logistics.alert_id(region, step), change)

    def _held(
        self, found: Mapping[str, Document], region: str, step: Step, by: datetime | None
    ) -> dict[str, Document | None]:
        return stocks.held(found, needed_items(self._calendar, region), step.line.since, by)
