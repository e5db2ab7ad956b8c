"""Violation in the quiet period: told at once, one by one. Pure.

The category is a violation, and it occurred in the quiet period or was reported in it, in the region's zone; both
flags are shown.
"""

from __future__ import annotations

from typing import Any

from services.notifier import alerts
from shared.election.quiet_period import QuietPeriodFlags
from shared.events.incident import IncidentEvent

Document = dict[str, Any]
NAME = "quiet-period-violation"


def alert_id(agency: str, event_id: str) -> str:
    return f"{NAME}:{agency}:{event_id}"


def raised(alert: Document, incident: IncidentEvent, flags: QuietPeriodFlags) -> Document:
    """The alert of a violation. Raised at the moment the incident was received: never when it was folded."""
    data = incident.data
    return alerts.raised(
        alert,
        region=incident.subject,
        period=None,
        at=incident.receivedat,
        why="occurred" if flags.occurred_in_quiet_period else "reported",
        details={
            "occurred_in_quiet_period": flags.occurred_in_quiet_period,
            "reported_in_quiet_period": flags.reported_in_quiet_period,
            "event": {"agency": incident.agency, "id": incident.id},
            "category": data.category,
            "severity": data.severity.value,
            "occurred_at": data.occurred_at,
            "received_at": incident.receivedat,
            "place": data.place,
            "description": data.description,
        },
    )
