"""From a judgement to its digests: one a province and receiver, with the names of the missing."""

from __future__ import annotations

from datetime import date

from services.notifier import notices, obligations
from services.notifier.planned_deliveries import PlannedDeliveries
from services.notifier.routing import Routing
from services.notifier.rules import missing_report
from services.notifier.selection import concern_of
from services.notifier.settling import Settling
from services.notifier.store import Store
from shared.election.calendar import Calendar
from shared.mongo import Document


class JudgementDigests:
    def __init__(self, store: Store, planned: PlannedDeliveries, calendar: Calendar, routing: Routing) -> None:
        self._store, self._planned, self._calendar, self._routing = store, planned, calendar, routing
        self._settling = Settling(store)

    async def step(self) -> bool:
        """Plan the digests of a few judgements; whether there was work."""
        closed = await self._store.judgements_to_notice()
        for judgement in closed:
            await self._plan(judgement)
        return bool(closed)

    async def _plan(self, judgement: Document) -> None:
        """One digest a province. The alerts are raised first, by whoever comes first: us or the settling loop."""
        period = date.fromisoformat(judgement["period"])
        verdicts = {o["region"]: o["verdicts"][-1]["verdict"] for o in await self._store.decided(judgement["period"])}
        owing = self._calendar.owing(period)
        for province, codes in judgement["missing"].items():
            missing = [await self._raised(judgement, code) for code in codes]
            concerns = [(alert, concern_of(alert, self._calendar)) for alert in missing]
            for receiver in self._routing.told_any(concern for _alert, concern in concerns):
                theirs = [alert for alert, concern in concerns if self._routing.tells(receiver.name, concern)]
                covered = self._routing.covered(receiver.name, missing_report.NAME, owing.below(province))
                standing = notices.tally(covered, [alert["region"] for alert in theirs], verdicts)
                digest = notices.of_judgement(judgement, province, standing, theirs, self._calendar)
                await self._planned.plan(digest, [receiver])
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
