"""From changes that wait in a digest to one message a receiver. Any replica may do any of it.

Dies anywhere: what is frozen is planned again under the same number, which changes no delivery that is there; nothing
is taken off the alerts before all of it is planned; what was never frozen waits on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, timedelta
from functools import partial

from services.notifier.alerts import alerts
from services.notifier.notices import notices
from services.notifier.routing.receivers import Receiver
from services.notifier.routing.routing import Routing
from services.notifier.routing.selection import concern_of
from services.notifier.rules import missing_report
from services.notifier.store import Store
from services.notifier.telling import digests
from services.notifier.telling.digest_store import DigestStore
from services.notifier.telling.digests import Changes, Standing
from services.notifier.telling.planned_deliveries import PlannedDeliveries
from shared.election.calendar import Calendar
from shared.election.roster import province_of
from shared.mongo import Document


class Digesting:
    def __init__(
        self,
        store: Store,
        planned: PlannedDeliveries,
        calendar: Calendar,
        routing: Routing,
        wait: timedelta,
        wake_senders: Callable[[], None],
    ) -> None:
        self._store, self._digests = store, DigestStore(store.database)
        self._planned, self._calendar, self._routing = planned, calendar, routing
        self._wait_s, self._wake_senders = wait.total_seconds(), wake_senders

    async def collect(self, alert: Document) -> None:
        """Leave what is to be told of an alert to its digest."""
        series = digests.series_of(alert)
        await self._store.update(alerts.COLLECTION, alert["_id"], lambda a: alerts.collected(a, series))

    async def step(self) -> bool:
        """Tell what has waited long enough; whether there was any."""
        due = await self._digests.due(self._wait_s)
        for digest in due:
            await self._tell(digest)
            self._wake_senders()
        return bool(due)

    async def _tell(self, digest: Document) -> None:
        frozen: Document | None = digest
        if digest["frozen"] is None:
            waiting = await self._digests.changed(digest["_id"])
            frozen = await self._digests.freeze(digest, digests.first_changes(waiting))
        if frozen is None:
            return
        await self._plan(frozen)
        for told in frozen["frozen"]:
            digested = partial(alerts.digested, up_to_revision=told["revision"])
            await self._store.update(alerts.COLLECTION, told["alert"], digested)
        await self._digests.close(frozen, is_more=len(frozen["frozen"]) >= digests.MOST_ALERTS)

    async def _plan(self, frozen: Document) -> None:
        known = await self._digests.alerts(told["alert"] for told in frozen["frozen"])
        for changed in digests.frozen_changes(frozen["frozen"], known).values():
            concerns = {alert["_id"]: concern_of(alert, self._calendar) for alert, _change in changed}
            await self._plan_besides(frozen, changed, self._routing.told_any(concerns.values()))
            for receiver in self._routing.told_any(concerns.values()):
                theirs = [(a, c) for a, c in changed if self._routing.tells(receiver.name, concerns[a["_id"]])]
                standing = await self._standing(receiver.name, theirs)
                series, number = frozen["_id"], frozen["number"]
                notice = digests.of_changes(series, number, theirs, standing, self._calendar)
                await self._planned.plan(notice, [receiver])

    async def _plan_besides(self, frozen: Document, changed: Changes, told: Sequence[Receiver]) -> None:
        """Those who were told of alarms by escalation are told of their ends, not of how all stand."""
        if changed[0][1]["change"] != alerts.RESOLVED:
            return
        besides = {alert["_id"]: await self._planned.told_besides([alert["_id"]], told) for alert, _change in changed}
        for receiver in {receiver.name: receiver for found in besides.values() for receiver in found}.values():
            theirs = [(alert, change) for alert, change in changed if receiver in besides[alert["_id"]]]
            notice = digests.of_changes(frozen["_id"], frozen["number"], theirs, None, self._calendar)
            await self._planned.plan(notice, [receiver])

    async def _standing(self, receiver: str, theirs: Changes) -> Standing:
        """How all stand whom a receiver is told of."""
        first = theirs[0][0]
        rule, period, province = first["rule"], first["period"], province_of(first["region"])
        if rule == missing_report.NAME:
            return await self._attendance(receiver, period, province)
        standing = await self._digests.standing(rule, period, province)
        concerns = {alert["region"]: concern_of(alert, self._calendar) for alert in standing}
        theirs_open = tuple(sorted(r for r, concern in concerns.items() if self._routing.tells(receiver, concern)))
        regencies = [region.code for region in self._calendar.roster.children(province)]
        is_whole = self._routing.covered(receiver, rule, regencies) == regencies
        return Standing(theirs_open, {"open": len(theirs_open)}, is_whole)

    async def _attendance(self, receiver: str, period: str, province: str) -> Standing:
        """How many of those who owe a report have given it, who has not, and who is excused."""
        owing = self._calendar.owing(date.fromisoformat(period)).below(province)
        covered = self._routing.covered(receiver, missing_report.NAME, owing)
        verdicts = await self._digests.verdicts(period, province)
        tally = notices.tally(covered, [], verdicts)
        return Standing(tally.missing, tally.counts, len(covered) == len(owing), tally.excused)
