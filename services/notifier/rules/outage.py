"""Outage: a province or a regency is cut off, without power or internet say, and may be unable to report. Pure.

An incident of a category with `outage: true`, reported for a whole province or regency; one that concerns a village or
a polling station is an incident like others. `resolved` and `dismissed` end the alert, any other word after them makes
it fire again (`incident_alert.py`). What it silences below it is the receivers file's say.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from services.notifier.rules import incident_alert
from services.notifier.rules.rule import AlertChange, Always, Rule, Severity
from shared.election.calendar import Calendar
from shared.election.config import Level
from shared.election.roster import level_of
from shared.events.incident import IncidentEvent
from shared.events.incident_status import IncidentStatus, IncidentStatusEvent

Document = dict[str, Any]
NAME = "outage"
RULE = Rule(NAME, Always(Severity.WARNING), rebuilt=incident_alert.rebuilt)
ENDS = (IncidentStatus.RESOLVED, IncidentStatus.DISMISSED)
_WIDE = (Level.PROVINCE, Level.REGENCY)


def alert_id(agency: str, event_id: str) -> str:
    return f"{NAME}:{agency}:{event_id}"


def is_outage(calendar: Calendar, incident: IncidentEvent) -> bool:
    """Whether an incident alerts, by the rules in force when it was received."""
    if level_of(incident.subject) not in _WIDE:
        return False
    known = calendar.at(incident.subject, incident.receivedat).categories.get(incident.data.category)
    return known is not None and known.outage


def on_incident(calendar: Calendar, incident: IncidentEvent) -> AlertChange | None:
    if not is_outage(calendar, incident):
        return None
    raised = partial(incident_alert.raised, incident=incident, why="reported", details={}, ends=ENDS)
    return AlertChange(alert_id(incident.agency, incident.id), raised)


def on_status(event: IncidentStatusEvent) -> AlertChange:
    said_of = alert_id(event.data.incident_agency, event.data.incident_id)
    return AlertChange(said_of, partial(incident_alert.after_status, event=event, ends=ENDS))
