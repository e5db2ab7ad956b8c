"""What one event does to the aggregator's documents, by a table. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from services.aggregator import alerts, attendance, incidents, region_state
from shared.election import quiet_period
from shared.election.calendar import Calendar
from shared.events.alert import AlertEvent
from shared.events.envelope import SYSTEM, Envelope
from shared.events.incident import IncidentEvent
from shared.events.report import ReportEvent
from shared.events.verdict import VerdictEvent
from shared.exactly_once.cursors import Apply, Change
from shared.exactly_once.records import Sighting

# In the order they are written. Regions come last: a region's cursor says that all of an event is there.
COLLECTIONS = (incidents.COLLECTION, attendance.COLLECTION, alerts.COLLECTION, region_state.COLLECTION)

Target = tuple[str, str, Apply]  # collection, document id, what to do to it


def changes_of(calendar: Calendar) -> Callable[[Sighting], Sequence[Change]]:
    """The aggregator's changes under an election's calendar. Raises ValueError for an event that names no region."""
    table: dict[type[Envelope], Callable[[Calendar, Any], list[Target]]] = {
        ReportEvent: _report,
        IncidentEvent: _incident,
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
    attended = attendance.attendance_id(report.data.period, region)
    return [
        (attendance.COLLECTION, attended, partial(attendance.after_report, report=report)),
        *_regions(region, partial(region_state.after_report, report=report)),
    ]


def _incident(calendar: Calendar, incident: IncidentEvent) -> list[Target]:
    region = _region_of(incident)
    found = quiet_period.flags(calendar, incident)
    return [
        (incidents.COLLECTION, incident.identity, _with(incidents.after_incident, incident, found)),
        *_regions(region, _with(region_state.after_incident, incident, found)),
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
