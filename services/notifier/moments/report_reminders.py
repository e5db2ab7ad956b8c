"""Before a report is due: who has not reported is reminded, and no longer when it has.

Only before it is due: where the log is not provably read by then, the judgement comes next.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import date, datetime
from functools import cached_property, partial

from services.notifier.alerts import alerts
from services.notifier.excuses.excuse_store import ExcuseStore
from services.notifier.moments.moments import Moment
from services.notifier.rules import report_reminder
from services.notifier.rules.cannot_evaluate import Unproven
from services.notifier.store import Store
from services.notifier.verdicts import obligations
from services.notifier.verdicts.obligations import obligation_id
from shared.election.calendar import Calendar
from shared.election.owing import Deadline
from shared.exactly_once.cursors import empty
from shared.mongo import Document
from shared.topics import REPORTS

_AT_A_TIME = 500


class ReportReminders:
    topic = REPORTS.name

    def __init__(self, store: Store, calendar: Calendar) -> None:
        self._store, self._calendar = store, calendar
        self._excuses = ExcuseStore(store.database)

    @cached_property
    def _periods(self) -> dict[Moment, date]:
        return {
            Moment(report_reminder.NAME, period.isoformat(), deadline.remind_at): period
            for period in self._calendar.all_periods()
            for deadline in self._calendar.owing(period).deadlines()
            if deadline.remind_at is not None
        }

    def moments(self) -> Collection[Moment]:
        return self._periods.keys()

    async def look(self, moment: Moment, now: datetime) -> None:
        """Remind those who owe the report and are not excused, some at a time; those who were reminded before we died
        are left alone."""
        excuses = await self._excuses.of_period(self._periods[moment].isoformat())
        for owing in self._owing(moment):
            known = await self._known(moment, owing)
            reminders = [
                report_reminder.raised(empty(report_reminder.alert_id(moment.name, code)), code, deadline, now)
                for code, deadline in owing.items()
                if now < deadline.due_at
                and report_reminder.is_owed(known.get(code, {}))
                and excuses.of(code, deadline) is None
            ]
            await self._store.insert_new(alerts.COLLECTION, reminders)

    async def settle(self, moment: Moment, now: datetime) -> None:
        """End the reminders of those whose report was read while we looked."""
        for owing in self._owing(moment):
            for obligation in (await self._known(moment, owing)).values():
                if obligation["verdicts"] and obligation["verdicts"][-1]["judged_at"] >= moment.at:
                    await self._end(obligation)

    async def give_up(self, moment: Moment, now: datetime, unproven: Unproven) -> None:
        """Nobody needs to know: the judgement says so if it cannot be made either."""

    async def step(self) -> bool:
        """End some reminders of those who have reported or are judged; whether there were any."""
        waiting = await self._store.waiting(obligations.COLLECTION, "unended")
        for obligation in waiting:
            await self._end(obligation)
            await self._store.take_off(obligations.COLLECTION, obligation, "unended")
        return bool(waiting)

    async def _end(self, obligation: Document) -> None:
        reminder = report_reminder.alert_id(obligation["period"], obligation["region"])
        ended = partial(report_reminder.after_verdict, obligation=obligation)
        await self._store.update(alerts.COLLECTION, reminder, ended)

    def _owing(self, moment: Moment) -> Iterator[dict[str, Deadline]]:
        """Who is reminded at a moment, some at a time."""
        owing = self._calendar.owing(self._periods[moment]).items()
        reminded = [(code, deadline) for code, deadline in owing if deadline.remind_at == moment.at]
        for begin in range(0, len(reminded), _AT_A_TIME):
            yield dict(reminded[begin : begin + _AT_A_TIME])

    async def _known(self, moment: Moment, codes: Iterable[str]) -> dict[str, Document]:
        """Their obligations that have a document, by region."""
        found = await self._store.obligations([obligation_id(self._periods[moment], code) for code in codes])
        return {obligation["region"]: obligation for obligation in found.values()}
