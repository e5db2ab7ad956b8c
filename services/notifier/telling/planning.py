"""From decisions to deliveries: who is told of a judgement, and of each change of an alert, alone or in a digest."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from datetime import datetime

from services.notifier import rules
from services.notifier.alerts import alerts
from services.notifier.delivery.delivery_store import DeliveryStore
from services.notifier.holding.muting import Muting
from services.notifier.notices import notices
from services.notifier.routing.receivers import Receivers
from services.notifier.routing.routing import Routing
from services.notifier.routing.selection import concern_of
from services.notifier.store import Store
from services.notifier.telling.digesting import Digesting
from services.notifier.telling.judgement_digests import JudgementDigests
from services.notifier.telling.planned_deliveries import PlannedDeliveries
from shared.election.calendar import Calendar
from shared.mongo import Document

_SHARE = 50


class Planning:
    """Digests are told by a loop of their own (`digesting.step`), so that what presses does not wait for them."""

    def __init__(
        self,
        store: Store,
        deliveries: DeliveryStore,
        calendar: Calendar,
        receivers: Receivers,
        muting: Muting,
        now: Callable[[], Awaitable[datetime]],
        wake_senders: Callable[[], None],
    ) -> None:
        self._store, self._calendar, self._routing = store, calendar, Routing(receivers)
        self._planned = PlannedDeliveries(deliveries, muting, self._routing, now, receivers.max_notice_age)
        self._judgements = JudgementDigests(store, self._planned, calendar, self._routing)
        self.digesting = Digesting(store, self._planned, calendar, self._routing, receivers.digest_wait, wake_senders)
        self._wake_senders = wake_senders

    async def step(self) -> bool:
        """Plan the notices of a few judgements and alerts; whether there was work."""
        had_work = await self._judgements.step()
        changed = await self._store.alerts_to_notice()
        # Every replica sees the same first alerts: each takes a share by chance, so that few plan the same one.
        for alert in random.sample(changed, min(_SHARE, len(changed))):
            await self._plan_alert(alert)
        had_work |= bool(changed)
        if had_work:
            self._wake_senders()
        return had_work

    async def _plan_alert(self, alert: Document) -> None:
        if rules.is_digested(alert["rule"]):
            await self.digesting.collect(alert)
            return
        told = self._routing.told(concern_of(alert, self._calendar))
        for change in alert["to_notice"]:
            is_end = change["change"] == alerts.RESOLVED
            others = await self._planned.told_besides([alert["_id"]], told) if is_end else []
            await self._planned.plan(notices.of_alert(alert, change, self._calendar), [*told, *others])
        await self._store.update(alerts.COLLECTION, alert["_id"], lambda a: alerts.noticed(a, alert["revision"]))
