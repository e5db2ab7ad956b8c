"""What one event does to the aggregator's documents, by a table. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from services.aggregator.state import alerts, attendance, hand_overs, incidents, logistics, region_state, reports
from shared.election import quiet_period, stock_statements
from shared.election.calendar import Calendar
from shared.events.alert import AlertEvent
from shared.events.envelope import SYSTEM, Envelope
from shared.events.incident import IncidentEvent
from shared.events.incident_status import IncidentStatusEvent
from shared.events.logistics import LogisticsEvent
from shared.events.report import ReportEvent
from shared.events.verdict import VerdictEvent
from shared.events.withdrawal import WithdrawalEvent
from shared.exactly_once.cursors import Apply, Change
from shared.exactly_once.sightings import Sighting

# In the order they are written. Regions come last: a region's cursor says that all of an event is there.
COLLECTIONS = (
    reports.COLLECTION,
    incidents.COLLECTION,
    logistics.COLLECTION,
    attendance.COLLECTION,
    alerts.COLLECTION,
    region_state.COLLECTION,
)

Target = tuple[str, str, Apply]  # collection, document id, what to do to it


def changes_of(calendar: Calendar) -> Callable[[Sighting], Sequence[Change]]:
    """The aggregator's changes under an election's calendar. Raises ValueError for an event that names no region."""
    table: dict[type[Envelope], Callable[[Calendar, Any], list[Target]]] = {
        ReportEvent: _report,
        WithdrawalEvent: _withdrawal,
        IncidentEvent: _incident,
        IncidentStatusEvent: _incident_status,
        LogisticsEvent: _stock,
        VerdictEvent: _verdict,
        AlertEvent: _alert,
    }

    def changes(sighting: Sighting) -> Sequence[Change]:
        targets = table[type(sighting.event)](calendar, sighting.event)
        return [
            Change(collection, document_id, sighting.position, apply) for collection, document_id, apply in targets
        ]

    return changes


def _report(_calendar: Calendar, report: ReportEvent) -> list[Target]:
    region = _region_of(report)
    return [
        (reports.COLLECTION, report.identity, partial(reports.after_report, report=report)),
        *_regions(region, partial(region_state.after_report, report=report)),
    ]


def _withdrawal(_calendar: Calendar, withdrawal: WithdrawalEvent) -> list[Target]:
    region = _region_of(withdrawal)
    return [
        (reports.COLLECTION, withdrawal.report_identity, partial(reports.after_withdrawal, withdrawal=withdrawal)),
        *_regions(region, partial(region_state.after_withdrawal, withdrawal=withdrawal)),
    ]


def _incident(calendar: Calendar, incident: IncidentEvent) -> list[Target]:
    region = _region_of(incident)
    found = quiet_period.flags(calendar, incident)
    due_at = hand_overs.due_at(calendar, region, incident.data.category, incident.receivedat)
    after = partial(incidents.after_incident, hand_over_due_at=due_at)
    return [
        (incidents.COLLECTION, incident.identity, _with(after, incident, found)),
        *_regions(region, _with(region_state.after_incident, incident, found)),
    ]


def _incident_status(_calendar: Calendar, status: IncidentStatusEvent) -> list[Target]:
    region = _region_of(status)
    return [
        (incidents.COLLECTION, status.incident_identity, partial(incidents.after_status, event=status)),
        (region_state.COLLECTION, region, partial(region_state.after_untallied, event=status)),
    ]


def _stock(_calendar: Calendar, statement: LogisticsEvent) -> list[Target]:
    region = _region_of(statement)
    stock = stock_statements.stock_id(region, statement.data.item)
    return [
        (logistics.COLLECTION, stock, partial(stock_statements.after_statement, statement=statement)),
        (region_state.COLLECTION, region, partial(region_state.after_untallied, event=statement)),
    ]


def _verdict(_calendar: Calendar, verdict: VerdictEvent) -> list[Target]:
    attended = attendance.attendance_id(verdict.data.period, _region_of(verdict))
    return [(attendance.COLLECTION, attended, partial(attendance.after_verdict, event=verdict))]


def _alert(_calendar: Calendar, alert: AlertEvent) -> list[Target]:
    return [(alerts.COLLECTION, alert.data.alert, partial(alerts.after_alert, event=alert))]


def _with(after: Callable[..., dict[str, Any]], incident: IncidentEvent, found: Any) -> Apply:
    return partial(after, incident=incident, found=found)


def _regions(region: str, apply: Apply) -> list[Target]:
    return [(region_state.COLLECTION, code, apply) for code in region_state.documents_of(region)]


def _region_of(event: Envelope) -> str:
    if event.subject == SYSTEM:
        raise ValueError(f"a {type(event).__name__} needs a region, not `{SYSTEM}`")
    return event.subject
