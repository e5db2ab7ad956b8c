"""From a judgement to its digests: one a province and receiver, with the names of the missing.

A province at a time, and of its regions codes and verdicts alone: there may be a million reporters.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime

from services.notifier.alerts.settling import Settling
from services.notifier.notices import notices
from services.notifier.notices.notices import MOST_ALERTS
from services.notifier.routing.routing import Routing
from services.notifier.routing.selection import Concern, concern_of
from services.notifier.rules import missing_report
from services.notifier.store import Store
from services.notifier.telling.planned_deliveries import PlannedDeliveries
from services.notifier.verdicts import obligations
from shared.election.calendar import Calendar
from shared.election.owing import Owing
from shared.election.roster import province_of
from shared.mongo import Document


class JudgementDigests:
    def __init__(self, store: Store, planned: PlannedDeliveries, calendar: Calendar, routing: Routing) -> None:
        self._store, self._planned, self._calendar, self._routing = store, planned, calendar, routing
        self._settling = Settling(store)
        self._reached: dict[str, str] = {}

    async def step(self) -> bool:
        """Plan the digests of one province of each of a few judgements; whether there was work."""
        closed = await self._store.judgements_to_notice()
        for judgement in closed:
            await self._plan_next(judgement)
        return bool(closed)

    async def _plan_next(self, judgement: Document) -> None:
        """How far it has come is this process's own business: planned again, a digest is the same one."""
        period = date.fromisoformat(judgement["period"])
        for province in _provinces(self._calendar.owing(period), self._reached.get(judgement["_id"])):
            is_any_missing = await self._plan(judgement, period, province)
            self._reached[judgement["_id"]] = province
            if is_any_missing:
                return
        await self._store.keep_noticed(judgement["_id"])
        self._reached.pop(judgement["_id"], None)

    async def _plan(self, judgement: Document, period: date, province: str) -> bool:
        """The digests of one province; whether anybody in it was missing."""
        found = await self._store.in_digest(judgement["period"], judgement["judge_at"], province)
        if not found:
            return False
        verdicts = await self._store.verdicts_below(judgement["period"], province)
        owing = self._calendar.owing(period).below(province)
        concerns = {code: self._concern(code, found_at) for code, found_at in found.items()}
        for receiver in self._routing.told_any(concerns.values()):
            theirs = [code for code in found if self._routing.tells(receiver.name, concerns[code])]
            covered = self._routing.covered(receiver.name, missing_report.NAME, owing)
            tally = notices.tally(covered, theirs, verdicts)
            standing = replace(tally, is_whole=len(covered) == len(owing))
            told = await self._raised(period, theirs[:MOST_ALERTS])
            digest = notices.of_judgement(judgement, province, standing, told, self._calendar)
            await self._planned.plan(digest, [receiver])
        return True

    def _concern(self, code: str, found_at: datetime) -> Concern:
        """What the alert of a missing region is about, without the alert: there may be thousands."""
        return concern_of({"rule": missing_report.NAME, "region": code, "raised_at": found_at}, self._calendar)

    async def _raised(self, period: date, regions: Sequence[str]) -> list[Document]:
        """Their alerts, which are raised by whoever comes first: us or the settling loop."""
        ids = [missing_report.alert_id(period, region) for region in regions]
        known = await self._store.alerts_by_id(ids)
        unsettled = [r for i, r in zip(ids, regions, strict=True) if i not in known]
        if unsettled:
            wanted = [obligations.obligation_id(period, region) for region in unsettled]
            await self._settling.settle((await self._store.obligations(wanted)).values())
            known = await self._store.alerts_by_id(ids)
        return [known[alert_id] for alert_id in ids]


def _provinces(owing: Owing, behind: str | None) -> Iterator[str]:
    """The provinces of those who owe, those behind one; looked up, since those who owe may be a million."""
    while True:
        first = next(iter(owing.after(behind and f"{behind}/", 1)), None)  # `/` is behind all that lies below
        if first is None:
            return
        behind = province_of(first)
        yield behind
