"""Whether a notice waits, asked of what is known now: silences, alerts that inhibit it, its reader's quiet hours."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from datetime import datetime

from services.notifier import rules
from services.notifier.holding import holding
from services.notifier.holding.holding import Hold
from services.notifier.holding.silence_store import SilenceStore
from services.notifier.routing.routing import Routing
from services.notifier.store import Store
from shared.election.calendar import Calendar
from shared.election.roster import ancestors_and_self
from shared.events.alert import AlertState
from shared.mongo import Document

_STILL = [AlertState.FIRING.value, AlertState.ACKNOWLEDGED.value]


class Muting:
    """`now` is the election's time."""

    def __init__(self, store: Store, silences: SilenceStore, calendar: Calendar, routing: Routing) -> None:
        self._store, self._silences, self._calendar, self._routing = store, silences, calendar, routing

    async def hold(self, payload: Document, now: datetime) -> Hold | None:
        """What holds a notice, whoever is to be told; None if nothing does."""
        return (await self.hold_later(payload, now))(now)

    async def hold_later(self, payload: Document, since: datetime) -> Callable[[datetime], Hold | None]:
        """As `hold`, at any time from `since` on: asked before anybody knows what time it is."""
        told = holding.told_alerts(payload)
        inhibitable = () if holding.is_end(payload) else told  # an alarm's end is good news
        silences, inhibiting = await asyncio.gather(self._silences.not_over(since), self._inhibiting_all(inhibitable))
        first = inhibiting[0] if inhibiting and None not in inhibiting else None
        by_alert = Hold(f"{holding.INHIBITION}:{first}", None) if first else None
        return lambda now: holding.silenced(told, silences, now) or by_alert

    async def _inhibiting_all(self, told: Iterable[Document]) -> list[str | None]:
        return [await self._inhibiting(alert) for alert in told]

    async def _inhibiting(self, alert: Document) -> str | None:
        """The alert that holds back another one."""
        by = self._routing.muted_by(alert["rule"])
        if not by:
            return None
        above = list(ancestors_and_self(alert["region"]))
        wanted = {"rule": {"$in": list(by)}, "region": {"$in": above}, "state": {"$in": _STILL}}
        found = await self._store.alerts(wanted, None, 1)
        return str(found[0]["_id"]) if found else None

    def quiet_hours(self, payload: Document, receiver: str, now: datetime) -> Hold | None:
        """The quiet hours of a receiver's team that hold a notice, in the zone of its region."""
        hours = self._routing.quiet_hours(receiver)
        if hours is None:
            return None
        severity = max(rules.severity_of(alert) for alert in holding.told_alerts(payload))
        until = hours.until(severity, now, self._calendar.zone(payload["data"]["region"]))
        return Hold(f"{holding.QUIET_HOURS}:{receiver}", until) if until else None

    async def ended(self, holders: list[str], now: datetime) -> list[str]:
        """Those of the holders that hold nothing any more, whatever was planned for them."""
        lasting = {f"{holding.SILENCE}:{s['_id']}" for s in await self._silences.not_over(now)}
        return [holder for holder in holders if holder not in lasting and await self._is_over(holder)]

    async def _is_over(self, holder: str) -> bool:
        """Quiet hours have their planned end, and no other."""
        kind, which = holding.holder_of(holder)
        if kind == holding.INHIBITION:
            alert = await self._store.alert(which)
            return alert is None or alert["state"] == AlertState.RESOLVED
        return kind == holding.SILENCE
