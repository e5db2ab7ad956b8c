"""From decisions to deliveries: a delivery for each receiver is written before anything is sent.

Planning twice changes nothing: a delivery's `_id` is the notice's id and the receiver's name.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime, timedelta

from services.notifier import alerts, notices
from services.notifier.notices import Notice
from services.notifier.receivers import Receiver, Receivers
from services.notifier.rules import missing_report
from services.notifier.settling import Settling
from services.notifier.store import PENDING, SUPPRESSED, Store
from shared.election.calendar import Calendar
from shared.mongo import Document


class Planning:
    def __init__(
        self,
        store: Store,
        calendar: Calendar,
        receivers: Receivers,
        now: Callable[[], Awaitable[datetime]],
        wake_senders: Callable[[], None],
    ) -> None:
        self._store, self._calendar, self._receivers = store, calendar, receivers
        self._now, self._wake_senders = now, wake_senders
        self._settling = Settling(store)

    async def step(self) -> bool:
        """Plan the notices of a few judgements and alerts; whether there was work."""
        judged = await self._store.some(self._store.judgements, {"is_noticed": False})
        for judgement in judged:
            await self._plan_judgement(judgement)
        changed = await self._store.some(self._store.alerts, {"to_notice.revision": {"$gte": 1}})
        for alert in changed:
            await self._plan_alert(alert)
        if judged or changed:
            self._wake_senders()
        return bool(judged or changed)

    async def _plan_judgement(self, judgement: Document) -> None:
        """One digest a province. The alerts are raised first, by whoever comes first: us or the settling loop."""
        for province, codes in judgement["missing"].items():
            missing = [await self._raised(judgement, code) for code in codes]
            for receiver in self._receivers.receivers:
                theirs = [alert for alert in missing if receiver.covers(alert["region"])]
                owed = sum(map(receiver.covers, judgement["owed"][province]))
                if theirs and missing_report.NAME in receiver.rules:
                    digest = notices.of_judgement(judgement, province, owed, theirs, self._calendar)
                    await self._plan(digest, [receiver])
        await self._store.set_fields(self._store.judgements, judgement["_id"], {"is_noticed": True})

    async def _raised(self, judgement: Document, region: str) -> Document:
        period = date.fromisoformat(judgement["period"])
        alert = await self._store.alerts.find_one({"_id": missing_report.alert_id(period, region)})
        if alert is None:
            obligation = await self._store.obligations.find_one({"_id": f"{judgement['period']}:{region}"})
            await self._settling.settle(obligation)
            alert = await self._store.alerts.find_one({"_id": missing_report.alert_id(period, region)})
        assert alert is not None
        return dict(alert)

    async def _plan_alert(self, alert: Document) -> None:
        for change in alert["to_notice"]:
            notice = notices.of_alert(alert, change, self._calendar)
            await self._plan(notice, [r for r in self._receivers.receivers if r.wants(notice)])
        await self._store.update(self._store.alerts, alert["_id"], lambda a: alerts.noticed(a, alert["revision"]))

    async def _plan(self, notice: Notice, receivers: Sequence[Receiver]) -> None:
        is_old = await self._now() - notice.at > self._max_age
        state = SUPPRESSED if is_old else PENDING
        await self._store.plan_deliveries(
            {
                "_id": f"{notice.id}|{receiver.name}",
                "receiver": receiver.name,
                "channel": receiver.channel,
                "notice": notice.id,
                "alerts": list(notice.alerts),
                "payload": notice.payload,
                "webhook_id": notices.webhook_id(f"{notice.id}|{receiver.name}"),
                "state": state,
            }
            for receiver in receivers
        )

    @property
    def _max_age(self) -> timedelta:
        return self._receivers.max_notice_age
