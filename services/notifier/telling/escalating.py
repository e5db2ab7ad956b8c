"""Alerts that nobody acknowledges press: others are told step by step, and those who know are told again.

An alert says itself when to look at it again (`look_at`). What is due is planned first, under ids made of the moments
that the receivers file sets, and then noted in the alert: a death in between plans the same once more, which changes
nothing. Alerts of a rule that is told by digest press together, by period and province.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import partial

from services.notifier import rules
from services.notifier.alerts import alerts
from services.notifier.holding.held_store import HeldStore
from services.notifier.notices import notices, pressing_notices
from services.notifier.notices.naming import Text
from services.notifier.routing.routing import Routing
from services.notifier.routing.selection import concern_of
from services.notifier.store import Store
from services.notifier.telling import escalation
from services.notifier.telling.escalation import Press, Repeats, Steps
from services.notifier.telling.planned_deliveries import PlannedDeliveries
from shared.election.calendar import Calendar
from shared.election.durations import format_duration
from shared.election.roster import province_of
from shared.instants import kept
from shared.mongo import Document, below

_LOOK_AGAIN = timedelta(minutes=1)  # at an alert that nobody is told of yet


class Escalating:
    """`now` is the election's time by the database's clock."""

    def __init__(
        self,
        store: Store,
        held: HeldStore,
        planned: PlannedDeliveries,
        calendar: Calendar,
        routing: Routing,
        now: Callable[[], Awaitable[datetime]],
        max_age: timedelta,
        wake_senders: Callable[[], None],
    ) -> None:
        self._store, self._held, self._planned = store, held, planned
        self._calendar, self._routing = calendar, routing
        self._now, self._max_age = now, max_age
        self._wake_senders = wake_senders

    async def step(self) -> bool:
        """Look at some alerts whose moment has come; whether there were any."""
        now = kept(await self._now())
        seen: set[str] = set()
        found = await self._store.alerts_to_look_at(now)
        for alert in found:
            if alert["_id"] not in seen:
                together = await self._pressing_with(alert, now)
                seen |= {one["_id"] for one in together}
                await self._look(together, now)
        if found:
            self._wake_senders()
        return bool(found)

    async def _pressing_with(self, alert: Document, now: datetime) -> list[Document]:
        """All that are to be looked at together with an alert, itself among them."""
        if not rules.is_digested(alert["rule"]):
            return [alert]
        same = {"rule": alert["rule"], "period": alert["period"], "region": below(province_of(alert["region"]))}
        return await self._store.alerts_to_look_at(now, same) or [alert]

    async def _look(self, together: list[Document], now: datetime) -> None:
        looks = [(alert, *await self._since(alert, now)) for alert in together]
        made = {alert["_id"]: self._due(alert, since, now) for alert, since, _look_at in looks}
        presses: dict[Press, list[Document]] = defaultdict(list)
        for alert in together:
            for press in made[alert["_id"]]:
                presses[press].append(alert)
        for press, told in presses.items():
            await self._plan(press, told)
        for alert, since, look_at in looks:
            note = partial(_noted, seen=alert, made=made[alert["_id"]], since=since, look_at=look_at, now=now)
            await self._store.update(alerts.COLLECTION, alert["_id"], note)

    async def _since(self, alert: Document, now: datetime) -> tuple[datetime | None, datetime | None]:
        """When the alarm was told first, None if it is not, and when to look at the alert again."""
        steps, repeats = self._ways(alert)
        is_old = now - alert["fired_at"] > self._max_age and alert["told_since"] is None
        if not (steps or repeats) or is_old or rules.is_past(alert, now):
            return None, None
        since = alert["told_since"]
        if since is None:
            alarms = escalation.alarms_of(alert["fired_at"], await self._held.about(alert["_id"]))
            told_at = escalation.first_told(alarms)
            if told_at is None:
                return None, now + _LOOK_AGAIN if escalation.may_yet_be_told(alarms) else None
            # Whole seconds, so that those who were told together press together.
            since = max(told_at, alert["fired_at"]).replace(microsecond=0)
        return since, escalation.next_at(since, now, steps, repeats)

    def _due(self, alert: Document, since: datetime | None, now: datetime) -> list[Press]:
        if since is None:
            return []
        upto = alert["look_at"] - timedelta(milliseconds=1) if alert["told_since"] else since
        return escalation.due(since, upto, now, *self._ways(alert))

    def _ways(self, alert: Document) -> tuple[Steps, Repeats]:
        concern = concern_of(alert, self._calendar)
        steps = [(step.after, tuple(r.name for r in step.receivers)) for step in self._routing.steps(concern)]
        return steps, self._routing.repeats(concern)

    async def _plan(self, press: Press, told: list[Document]) -> None:
        said = None if rules.is_digested(told[0]["rule"]) else await self._said(told[0])
        notice = pressing_notices.of_press(press, told, said, self._calendar)
        await self._planned.plan(notice, [r for name in press.receivers for r in self._routing.receivers_of(name)])

    async def _said(self, alert: Document) -> Text:
        """What the alarm said; after the database was lost, what it would say now."""
        alarms = escalation.alarms_of(alert["fired_at"], await self._held.about(alert["_id"]))
        if not alarms:
            change = {"change": alerts.RAISED, "at": alert["fired_at"], "details": alert["details"]}
            return notices.in_words(notices.key_of(alert, change), alert, change, self._calendar)
        found: Text = alarms[-1]["payload"]["data"]["text"]
        return found


def _noted(
    alert: Document,
    *,
    seen: Document,
    made: list[Press],
    since: datetime | None,
    look_at: datetime | None,
    now: datetime,
) -> Document:
    """The alert with what it pressed for, unless another replica has noted it already."""
    noted = alerts.looked_at(alert, seen, look_at=look_at, told_since=since)
    if noted is alert:
        return alert
    for press in made:
        noted = alerts.pressed(noted, at=now, what=press.change, why=format_duration(press.after))
    return noted
