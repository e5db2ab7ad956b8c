"""Incidents as the desks look at them: one document each, what was said and what came of it. Pure.

A document of the collection `incidents`, `_id` = the event's identity. The two flags of the quiet period are both
kept; whether the incident is a violation of it is the category's say as well (`shared/election/quiet_period.py`).
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from services.aggregator.instants import kept
from shared.election.quiet_period import QuietPeriodFlags
from shared.election.roster import regency_of
from shared.events.incident import IncidentEvent

COLLECTION = "incidents"

Document = dict[str, Any]


class Status(StrEnum):
    """How far an incident has come."""

    REPORTED = "reported"
    VERIFIED = "verified"
    DISMISSED = "dismissed"
    FORWARDED = "forwarded"
    RESOLVED = "resolved"


def after_incident(document: Document, incident: IncidentEvent, found: QuietPeriodFlags) -> Document:
    """The document of an incident that was just reported."""
    received_at = kept(incident.receivedat)
    return {
        **document,
        "agency": incident.agency,
        "id": incident.id,
        "region": incident.subject,
        "regency": regency_of(incident.subject),
        "received_at": received_at,
        **_said(incident),
        "status": Status.REPORTED.value,
        "history": [{"status": Status.REPORTED.value, "at": received_at, "by": incident.agency}],
        "is_violation": found.is_violation,
        "occurred_in_quiet_period": found.occurred_in_quiet_period,
        "reported_in_quiet_period": found.reported_in_quiet_period,
        "is_in_quiet_period": found.occurred_in_quiet_period or found.reported_in_quiet_period,
        "is_quiet_period_violation": found.is_quiet_period_violation,
    }


def _said(incident: IncidentEvent) -> Document:
    data = incident.data
    return {
        "category": data.category,
        "severity": data.severity.value,
        "occurred_at": kept(data.occurred_at),
        "description": data.description,
        "place": data.place,
        "polling_station": data.polling_station,
        "reported_party": data.reported_party,
        "evidence": [{"url": e.url, "sha256": e.sha256} for e in data.evidence],
        "source_office": data.source_office,
    }
