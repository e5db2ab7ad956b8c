"""The oracle's alerts beside missing reports and violations: outages, logistics, reminders. From the text of the rules
alone, as `oracle.py`. No submission of these tests states a stock, so that every regency lacks everything.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from tests.e2e.oracle import Accepted, Oracle

State = tuple[str, str | None]  # state and resolution
FIRING: State = ("firing", None)
OUTAGES = frozenset({"power_internet"})
STEPS = (("D-7", timedelta(days=7)), ("D-3", timedelta(days=3)), ("D-1", timedelta(days=1)), ("line", timedelta()))


class Beside:
    """At the horizon `now`."""

    def __init__(self, oracle: Oracle, accepted: Iterable[Accepted], now: datetime) -> None:
        once: dict[tuple[str, str], Accepted] = {}
        for event in accepted:
            once.setdefault(event.identity, event)
        self._oracle, self._now = oracle, now
        self._events = sorted(once.values(), key=lambda e: e.received_at)

    def outages(self) -> dict[str, State]:
        """Incidents for a whole province or regency; ended by the last word in its own region, if that says so."""
        found = {}
        for incident in self._events:
            is_wide = incident.region.count(".") <= 1
            if incident.kind == "incident" and incident.category in OUTAGES and is_wide:
                said = [
                    e.status
                    for e in self._events
                    if e.kind == "status" and e.about == incident.identity and e.region == incident.region
                ]
                is_over = bool(said) and said[-1] in ("resolved", "dismissed")
                state = ("resolved", said[-1]) if is_over else FIRING
                found[f"outage:{incident.agency}:{incident.id}"] = state
        return found

    def logistics(self) -> dict[str, State]:
        """Of each regency the last step that has come fires, those before it are superseded."""
        found: dict[str, State] = {}
        for code in self._owing():
            line = self._oracle.midnight(code, self._oracle.rules.quiet_to + timedelta(days=1))
            come = [name for name, before in STEPS if line - before <= self._now]
            for name in come:
                found[f"logistics:{code}:{name}"] = FIRING if name == come[-1] else ("resolved", "superseded")
        return found

    def reminders(self) -> dict[str, str]:
        """Who may have been reminded, and the state of it now. A scenario's clock that leaps may leave some out."""
        before = self._oracle.rules.remind_before
        if before is None:
            return {}
        found = {}
        for period in self._oracle.periods(self._now):
            for code in self._owing():
                due, judged_at = self._oracle.due(code, period), self._oracle.judged_at(code, period)
                about = [e for e in self._events if self._is_about(e, code, period.isoformat())]
                if due - before <= self._now and not _stands(about, due - before - timedelta(microseconds=1)):
                    moments = [e.received_at for e in about if due - before <= e.received_at <= self._now]
                    is_over = judged_at <= self._now or any(_stands(about, at) for at in moments)
                    found[f"report-reminder:{period}:{code}"] = "resolved" if is_over else "firing"
        return found

    def _owing(self) -> list[str]:
        return [r.code for r in self._oracle.regions.values() if r.level == self._oracle.rules.level]

    def _is_about(self, event: Accepted, code: str, period: str) -> bool:
        is_filed = event.kind in ("report", "withdrawal") and event.region == code
        return is_filed and self._oracle.period_of(event).isoformat() == period


def _stands(about: Sequence[Accepted], at: datetime) -> bool:
    """Whether something was reported by then and not withdrawn by then."""
    withdrawn = {e.about for e in about if e.kind == "withdrawal" and e.received_at <= at}
    return any(e.kind == "report" and e.received_at <= at and e.identity not in withdrawn for e in about)
