"""Violation in the quiet period: told at once, one by one. Pure.

The category is a violation, and it occurred in the quiet period or was reported in it, in the region's zone; both
flags are shown. `dismissed` ends the alert, any other word after it makes it fire again (`incident_alert.py`).
"""

from __future__ import annotations

from functools import partial
from typing import Any

from services.notifier.rules import incident_alert
from services.notifier.rules.rule import AlertChange, Always, Rule, Severity
from shared.election import quiet_period
from shared.election.calendar import Calendar
from shared.election.quiet_period import QuietPeriodFlags
from shared.events.incident import IncidentEvent
from shared.events.incident_status import IncidentStatus, IncidentStatusEvent

Document = dict[str, Any]
NAME = "quiet-period-violation"
ENDS = (IncidentStatus.DISMISSED,)


RULE = Rule(NAME, Always(Severity.CRITICAL), rebuilt=incident_alert.rebuilt)


def alert_id(agency: str, event_id: str) -> str:
    return f"{NAME}:{agency}:{event_id}"


def raised(alert: Document, incident: IncidentEvent, flags: QuietPeriodFlags) -> Document:
    details = {
        "occurred_in_quiet_period": flags.occurred_in_quiet_period,
        "reported_in_quiet_period": flags.reported_in_quiet_period,
    }
    why = "occurred" if flags.occurred_in_quiet_period else "reported"
    return incident_alert.raised(alert, incident, why, details, ENDS)


def on_incident(calendar: Calendar, incident: IncidentEvent) -> AlertChange | None:
    flags = quiet_period.flags(calendar, incident)
    if not flags.is_quiet_period_violation:
        return None
    return AlertChange(alert_id(incident.agency, incident.id), partial(raised, incident=incident, flags=flags))


def on_status(event: IncidentStatusEvent) -> AlertChange:
    said_of = alert_id(event.data.incident_agency, event.data.incident_id)
    return AlertChange(said_of, partial(incident_alert.after_status, event=event, ends=ENDS))
