"""Report reminder: a region has not reported, and its report is due before long. Pure.

Told to whoever is told of the region, its own desk first of all. It ends without a word when the region reports, is
judged or excused: that is told by others, or no news.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.notifier import alerts, obligations
from services.notifier.rules.rule import Rule, Severity, always
from shared.election.calendar import Calendar
from shared.election.owing import Deadline
from shared.events.alert import AlertState
from shared.events.verdict import Verdict

Document = dict[str, Any]
NAME = "report-reminder"
NOTHING_RECEIVED = "nothing_received"
REPORTED, JUDGED = "reported", "judged"
_STILL_OWED = (Verdict.PENDING, Verdict.UNDETERMINED)


def alert_id(period: str, region: str) -> str:
    return f"{NAME}:{period}:{region}"


def is_owed(obligation: Document) -> bool:
    """Whether a report is still awaited; an obligation without a document is pending."""
    return obligations.current(obligation) in _STILL_OWED


def raised(alert: Document, region: str, deadline: Deadline, at: datetime) -> Document:
    return alerts.raised(
        alert,
        region=region,
        period=deadline.period,
        at=at,
        why=NOTHING_RECEIVED,
        details={"due_at": deadline.due_at},
    )


def after_verdict(alert: Document, obligation: Document) -> Document:
    """The alert, ended once the report is there or its absence is judged."""
    if is_owed(obligation) or not alerts.exists(alert) or alert["state"] == AlertState.RESOLVED:
        return alert
    last = obligation["verdicts"][-1]
    resolution = REPORTED if last["verdict"] in obligations.REPORTED else JUDGED
    return alerts.resolved(alert, at=last["judged_at"], resolution=resolution, why=last["reason"], is_told=False)


def _values(alert: Document, calendar: Calendar) -> Document:
    due = alert["details"]["due_at"].astimezone(calendar.zone(alert["region"]))
    return {"due": f"{due:%d-%m-%Y %H:%M} {due:%Z}"}


def _is_past(alert: Document, now: datetime) -> bool:
    """Once the report is due, the judgement comes next."""
    return bool(now >= alert["details"]["due_at"])


RULE = Rule(NAME, always(Severity.INFO), is_digested=True, values_of=_values, is_past=_is_past)
