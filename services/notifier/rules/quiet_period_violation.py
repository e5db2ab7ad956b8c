"""Violation in the quiet period: told at once, one by one. Pure.

The category is a violation, and it occurred in the quiet period or was reported in it, in the region's zone; both
flags are shown. `dismissed` ends the alert, any other word after it makes it fire again (`incident_alert.py`).
"""

from __future__ import annotations

from typing import Any

from services.notifier.rules import incident_alert
from services.notifier.rules.rule import Rule, Severity, always
from shared.election.quiet_period import QuietPeriodFlags
from shared.events.incident import IncidentEvent
from shared.events.incident_status import IncidentStatus, IncidentStatusEvent

Document = dict[str, Any]
NAME = "quiet-period-violation"
ENDS = (IncidentStatus.DISMISSED,)


RULE = Rule(NAME, always(Severity.CRITICAL), rebuilt=incident_alert.rebuilt)


def alert_id(agency: str, event_id: str) -> str:
    return f"{NAME}:{agency}:{event_id}"


def raised(alert: Document, incident: IncidentEvent, flags: QuietPeriodFlags) -> Document:
    details = {
        "occurred_in_quiet_period": flags.occurred_in_quiet_period,
        "reported_in_quiet_period": flags.reported_in_quiet_period,
    }
    why = "occurred" if flags.occurred_in_quiet_period else "reported"
    return incident_alert.raised(alert, incident, why, details, ENDS)


def after_status(alert: Document, event: IncidentStatusEvent) -> Document:
    return incident_alert.after_status(alert, event, ENDS)
