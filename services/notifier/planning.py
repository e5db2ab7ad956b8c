"""From decisions to deliveries: a delivery for each receiver is written before anything is sent.

Planning twice changes nothing: a delivery's `_id` is the notice's id and the receiver's name.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from datetime import date, datetime

from services.notifier import alerts, notices, obligations
from services.notifier.delivery_store import PENDING, SUPPRESSED, DeliveryStore
from services.notifier.notices import Notice
from services.notifier.receivers import Receiver, Receivers
from services.notifier.rules import missing_report
from services.notifier.settling import Settling
from services.notifier.store import Store
from shared.election.calendar import Calendar
from shared.mongo import Document


class Planning:
    def __init__(
        self,
        store: Store,
        deliveries: DeliveryStore,
        calendar: Calendar,
        receivers: Receivers,
        now: Callable[[], Awaitable[datetime]],
        wake_senders: Callable[[], None],
    ) -> None:
        self._store, self._deliveries = store, deliveries
        self._calendar, self._receivers = calendar, receivers
        self._now, self._wake_senders = now, wake_senders
        self._settling = Settling(store)

    async def step(self) -> bool:
        """Plan the notices of a few judgements and alerts; whether there was work."""
        closed = await self._store.judgements_to_notice()
        for judgement in closed:
            await self._plan_judgement(judgement)
        changed = await self._store.alerts_to_notice()
        for alert in changed:
            await self._plan_alert(alert)
        if closed or changed:
            self._wake_senders()
        return bool(closed or changed)

    async def _plan_judgement(self, judgement: Document) -> None:
        """One digest a province. The alerts are raised first, by whoever comes first: us or the settling loop."""
        period = date.fromisoformat(judgement["period"])
        verdicts = {o["region"]: o["verdicts"][-1]["verdict"] for o in await self._store.decided(judgement["period"])}
        owing = self._calendar.owing(period)
        for province, codes in judgement["missing"].items():
            missing = [await self._raised(judgement, code) for code in codes]
            for receiver in self._receivers.receivers:
                theirs = [alert for alert in missing if receiver.covers(alert["region"])]
                if theirs and missing_report.NAME in receiver.rules:
                    covered = [code for code in owing.below(province) if receiver.covers(code)]
                    standing = notices.tally(covered, [alert["region"] for alert in theirs], verdicts)
                    digest = notices.of_judgement(judgement, province, standing, theirs, self._calendar)
                    await self._plan(digest, [receiver])
        await self._store.keep_noticed(judgement["_id"])

    async def _raised(self, judgement: Document, region: str) -> Document:
        period = date.fromisoformat(judgement["period"])
        alert_id, obligation_id = missing_report.alert_id(period, region), obligations.obligation_id(period, region)
        alert = await self._store.alert(alert_id)
        if alert is None:
            await self._settling.settle((await self._store.obligations([obligation_id]))[obligation_id])
            alert = await self._store.alert(alert_id)
        assert alert is not None
        return alert

    async def _plan_alert(self, alert: Document) -> None:
        for change in alert["to_notice"]:
            notice = notices.of_alert(alert, change, self._calendar)
            await self._plan(notice, [r for r in self._receivers.receivers if r.wants(notice)])
        await self._store.update(alerts.COLLECTION, alert["_id"], lambda a: alerts.noticed(a, alert["revision"]))

    async def _plan(self, notice: Notice, receivers: Sequence[Receiver]) -> None:
        is_old = await self._now() - notice.at > self._receivers.max_notice_age
        state = SUPPRESSED if is_old else PENDING
        await self._deliveries.plan(
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
