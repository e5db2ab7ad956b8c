"""From decisions to deliveries: who is told of a judgement, and of each change of an alert, alone or in a digest."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from types import MappingProxyType

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
from services.notifier.telling.planned_deliveries import PlannedDeliveries, PlansAndSends
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
        at_once: Mapping[str, PlansAndSends] = MappingProxyType({}),
    ) -> None:
        self._store, self._calendar, self._routing = store, calendar, Routing(receivers)
        self._planned = PlannedDeliveries(deliveries, muting, self._routing, now, receivers.max_notice_age, at_once)
        self._judgements = JudgementDigests(store, self._planned, calendar, self._routing)
        self.digesting = Digesting(store, self._planned, calendar, self._routing, receivers.digest_wait, wake_senders)
        self._wake_senders = wake_senders

    async def step(self) -> bool:
        """Plan the notices of a few alerts, which may press, and judgements; whether there was work."""
        changed = await self._store.alerts_to_notice()
        # Every replica sees the same first alerts: each takes a share by chance, so that few plan the same one.
        is_waiting = [await self._plan_alert(a) for a in random.sample(changed, min(_SHARE, len(changed)))]
        has_judged = await self._judgements.step()
        if has_judged or any(is_waiting):
            self._wake_senders()
        return has_judged or bool(changed)

    async def _plan_alert(self, alert: Document) -> bool:
        """Whether something waits for the senders then."""
        if rules.is_digested(alert["rule"]):
            await self.digesting.collect(alert)
            return False
        told = self._routing.told(concern_of(alert, self._calendar))
        is_waiting = False
        for change in alert["to_notice"]:
            is_end = change["change"] == alerts.RESOLVED
            others = await self._planned.told_besides([alert["_id"]], told) if is_end else []
            is_waiting |= await self._planned.plan(notices.of_alert(alert, change, self._calendar), [*told, *others])
        await self._store.update(alerts.COLLECTION, alert["_id"], lambda a: alerts.noticed(a, alert["revision"]))
        return is_waiting
