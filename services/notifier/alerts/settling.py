"""From verdicts to alerts: an obligation whose verdicts may concern an alert is settled, idempotently."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from functools import partial

from services.notifier import causes
from services.notifier.alerts import alerts
from services.notifier.excuses.excuse_store import ExcuseStore
from services.notifier.rules import missing_report
from services.notifier.store import Store
from services.notifier.verdicts import obligations, verdicts
from shared.election.owing import Deadline
from shared.events.verdict import Verdict
from shared.mongo import Document
from shared.tracing.places import place_in


class Settling:
    def __init__(self, store: Store) -> None:
        self._store, self._excuses = store, ExcuseStore(store.database)

    async def step(self) -> bool:
        """Bring alerts up to the verdicts of some obligations; whether there was work."""
        waiting = await self._store.waiting(obligations.COLLECTION, "unsettled")
        await self.settle(waiting)
        return bool(waiting)

    async def settle(self, waiting: Iterable[Document]) -> None:
        """The marks are taken off only if no verdict came in between; a repeat changes nothing."""
        excused = [await self._excused(obligation) for obligation in waiting]
        changes = {missing_report.alert_id_of(o): partial(_alert_after, obligation=o) for o in excused}
        if changes:
            await self._store.update_all(alerts.COLLECTION, changes)
            await self._store.take_off_all(obligations.COLLECTION, excused, "unsettled")

    async def _excused(self, obligation: Document) -> Document:
        """The obligation. One that is missing because its report was withdrawn after the judgement may be excused
        since: nobody has asked for it."""
        if verdicts.current(obligation) is not Verdict.MISSING or obligation["verdicts"][-1]["is_in_digest"]:
            return obligation
        period = date.fromisoformat(obligation["period"])
        deadline = Deadline(period, obligation["due_at"], obligation["judge_at"], obligation["election"])
        excuse = (await self._excuses.of_period(obligation["period"])).of(obligation["region"], deadline)
        if excuse is None:
            return obligation
        at = obligation["verdicts"][-1]["judged_at"]
        change = partial(obligations.excused, excuse=excuse, now=at)
        return await self._store.update(obligations.COLLECTION, obligation["_id"], change)


def _alert_after(alert: Document, obligation: Document) -> Document:
    """The alert goes on in the trace of the report that the obligation knows last."""
    return causes.marked(alert, missing_report.alert_after(alert, obligation), place_in(obligation.get("trace")))
