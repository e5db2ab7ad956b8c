"""What one event does to the notifier's documents, by a table. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from services.notifier import alerts, filing, obligations
from services.notifier.rules import quiet_period_violation
from shared.election import quiet_period
from shared.election.calendar import Calendar
from shared.events.envelope import Envelope
from shared.events.incident import IncidentEvent
from shared.events.report import ReportEvent
from shared.exactly_once.cursors import Change, Document
from shared.exactly_once.records import Sighting

COLLECTIONS = (obligations.COLLECTION, alerts.COLLECTION)


def changes_of(calendar: Calendar) -> Callable[[Sighting], Sequence[Change]]:
    """The notifier's changes under an election's calendar."""
    table: dict[type[Envelope], Callable[[Calendar, Sighting, Any], list[Change]]] = {
        ReportEvent: _report,
        IncidentEvent: _incident,
    }

    def changes(sighting: Sighting) -> Sequence[Change]:
        return table[type(sighting.event)](calendar, sighting, sighting.event)

    return changes


def _report(calendar: Calendar, sighting: Sighting, report: ReportEvent) -> list[Change]:
    region = calendar.roster.get(report.subject)
    deadline = calendar.owed(region, report.data.period) if region else None
    if deadline is None:
        return []  # a report nobody owed is welcome, and no obligation
    finding = filing.finding_of(report, deadline, calendar.election)

    def apply(obligation: Document) -> Document:
        return obligations.filed(obligation, report, deadline, finding)

    document_id = obligations.obligation_id(report.data.period, report.subject)
    return [Change(obligations.COLLECTION, document_id, sighting.position, apply)]


def _incident(calendar: Calendar, sighting: Sighting, incident: IncidentEvent) -> list[Change]:
    found = quiet_period.flags(calendar, incident)
    if not found.is_quiet_period_violation:
        return []

    def apply(alert: Document) -> Document:
        return quiet_period_violation.raised(alert, incident, found)

    document_id = quiet_period_violation.alert_id(incident.agency, incident.id)
    return [Change(alerts.COLLECTION, document_id, sighting.position, apply)]
