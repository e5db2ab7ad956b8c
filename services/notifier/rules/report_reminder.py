"""Report reminder: a region has not reported, and its report is due before long. Pure.

Told to whoever is told of the region, its own desk first of all. It ends without a word when the region reports, is
judged or excused: that is told by others, or no news. If it ends while it waits to be told, nobody is told of it.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.notifier.alerts import alerts
from services.notifier.rules.rule import Always, Rule, Severity
from services.notifier.verdicts import verdicts
from shared.election.calendar import Calendar
from shared.election.owing import Deadline
from shared.events.alert import AlertState

Document = dict[str, Any]
NAME = "report-reminder"
REPORTED, JUDGED = "reported", "judged"


def alert_id(period: str, region: str) -> str:
    return f"{NAME}:{period}:{region}"


def is_owed(obligation: Document) -> bool:
    """Whether a report is still awaited; an obligation without a document is pending."""
    return verdicts.current(obligation) in verdicts.UNDECIDED


def raised(alert: Document, region: str, deadline: Deadline, at: datetime) -> Document:
    return alerts.raised(
        alert,
        region=region,
        period=deadline.period,
        at=at,
        why=verdicts.NOTHING_RECEIVED,
        details={"due_at": deadline.due_at},
    )


def after_verdict(alert: Document, obligation: Document) -> Document:
    """The alert, ended once the report is there or its absence is judged."""
    if is_owed(obligation) or not alerts.exists(alert) or alert["state"] == AlertState.RESOLVED:
        return alert
    last = obligation["verdicts"][-1]
    resolution = REPORTED if last["verdict"] in verdicts.REPORTED else JUDGED
    ended = alerts.resolved(alert, at=last["judged_at"], resolution=resolution, why=last["reason"], is_told=False)
    return alerts.unsaid(ended)


def _values(alert: Document, calendar: Calendar) -> Document:
    due = alert["details"]["due_at"].astimezone(calendar.zone(alert["region"]))
    return {"due": f"{due:%d-%m-%Y %H:%M} {due:%Z}"}


def _is_past(alert: Document, now: datetime) -> bool:
    """Once the report is due, the judgement comes next."""
    return bool(now >= alert["details"]["due_at"])


RULE = Rule(NAME, Always(Severity.INFO), is_digested=True, values_of=_values, is_past=_is_past)
