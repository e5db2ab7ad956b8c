"""Violation in the quiet period: told at once, one by one. Pure.

The category is a violation, and it occurred in the quiet period or was reported in it, in the region's zone; both
flags are shown. What agencies say of the incident is in force by (received_at, agency, id), in whatever order it is
read: if the last word is `dismissed` the alert is resolved, any later one makes it fire again. Other words alone
change nothing, and what is said of the incident in another region is an orphan.

`statuses` in the alert's document holds the last word for each region, since a status may be read before its incident:
at most `MOST_REGIONS` of them, and only the incident's own once there is an alert. A word that is read after a later
one leaves no trace here: the state does not depend on the order of reading, the alert's history does.
"""

from __future__ import annotations

from typing import Any

from services.notifier import alerts
from services.notifier.rules.rule import Rule, Severity, always
from shared.election.quiet_period import QuietPeriodFlags
from shared.events.envelope import AGENCIES
from shared.events.incident import IncidentEvent
from shared.events.incident_status import IncidentStatus, IncidentStatusEvent
from shared.instants import kept

Document = dict[str, Any]
NAME = "quiet-period-violation"
DISMISSED = "dismissed"
MOST_REGIONS = 20


def rebuilt(alert: Document) -> Document:
    """With the last word that its alert tells of, so that the words before it are not heard a second time."""
    last = alert["details"].get("last_status")
    return {**alert, "statuses": [{**last, "region": alert["region"]}] if last else []}


RULE = Rule(NAME, always(Severity.CRITICAL), rebuilt=rebuilt)


def alert_id(agency: str, event_id: str) -> str:
    return f"{NAME}:{agency}:{event_id}"


def raised(alert: Document, incident: IncidentEvent, flags: QuietPeriodFlags) -> Document:
    """The alert of a violation. Raised at the moment the incident was received: never when it was folded. One that was
    dismissed before it was read is raised and resolved, so that its history shows both."""
    if alerts.exists(alert):
        return alert
    own = [status for status in alert.get("statuses", ()) if status["region"] == incident.subject]
    fresh = alerts.raised(
        {**alert, "statuses": own},
        region=incident.subject,
        period=None,
        at=incident.receivedat,
        why="occurred" if flags.occurred_in_quiet_period else "reported",
        details=_details(incident, flags),
    )
    return _following(fresh, own[0]) if own else fresh


def _details(incident: IncidentEvent, flags: QuietPeriodFlags) -> Document:
    data = incident.data
    return {
        "occurred_in_quiet_period": flags.occurred_in_quiet_period,
        "reported_in_quiet_period": flags.reported_in_quiet_period,
        "event": {"agency": incident.agency, "id": incident.id},
        "category": data.category,
        "severity": data.severity.value,
        "occurred_at": data.occurred_at,
        "received_at": incident.receivedat,
        "place": data.place,
        "description": data.description,
    }


def after_status(alert: Document, event: IncidentStatusEvent) -> Document:
    """The alert, or the stub of one that may come, after a word on its incident."""
    said, statuses = _said(event), alert.get("statuses", [])
    is_orphan = alerts.exists(alert) and said["region"] != alert["region"]
    known = next((status for status in statuses if status["region"] == said["region"]), None)
    if is_orphan or (known is not None and _rank(known) >= _rank(said)):
        return alert
    if known is None and len(statuses) >= MOST_REGIONS:
        return alert
    kept_statuses = [*(status for status in statuses if status is not known), said]
    changed = {**alert, "statuses": kept_statuses}
    return _following(changed, said) if alerts.exists(alert) else changed


def _following(alert: Document, said: Document) -> Document:
    """The alert as the last word on its incident has it."""
    told = {name: said[name] for name in ("status", "agency", "id", "at", "note")}
    why, by = said["status"], f"{AGENCIES}{said['agency']}"
    last = {"last_status": told}
    if said["status"] == IncidentStatus.DISMISSED:
        return alerts.resolved(alert, at=said["at"], resolution=DISMISSED, why=why, details=last, by=by)
    return alerts.raised_again(alert, at=said["at"], why=why, details={**alert["details"], **last}, by=by)


def _said(event: IncidentStatusEvent) -> Document:
    return {
        "status": event.data.status.value,
        "agency": event.agency,
        "id": event.id,
        "region": event.subject,
        "at": kept(event.receivedat),
        "note": event.data.note,
    }


def _rank(said: Document) -> tuple[Any, ...]:
    return said["at"], said["agency"], said["id"]
