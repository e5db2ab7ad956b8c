"""An alert about one incident: raised when it is received, ended and raised again by what agencies say of it. Pure.

What they say is in force by (received_at, agency, id), in whatever order it is read: if the last word is one of those
that end the alert it is resolved, with the word as its resolution; any later one makes it fire again. Other words
alone change nothing, and what is said of the incident in another region is an orphan.

`statuses` in the alert's document holds the last word for each region, since a status may be read before its incident:
at most `MOST_REGIONS` of them, and only the incident's own once there is an alert. A word that is read after a later
one leaves no trace here: the state does not depend on the order of reading, the alert's history does.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from services.notifier.alerts import alerts
from shared.events.envelope import AGENCIES
from shared.events.incident import IncidentEvent
from shared.events.incident_status import IncidentStatus, IncidentStatusEvent
from shared.instants import kept

Document = dict[str, Any]
Ends = Collection[IncidentStatus]  # the words that end a rule's alerts
MOST_REGIONS = 20


def rebuilt(alert: Document) -> Document:
    """With the last word that its alert tells of, so that the words before it are not heard a second time."""
    last = alert["details"].get("last_status")
    return {**alert, "statuses": [{**last, "region": alert["region"]}] if last else []}


def raised(alert: Document, incident: IncidentEvent, why: str, details: Document, ends: Ends) -> Document:
    """The alert of an incident. Raised at the moment the incident was received: never when it was folded. One of which
    an ending word was read before it is raised and resolved, so that its history shows both."""
    if alerts.exists(alert):
        return alert
    own = [status for status in alert.get("statuses", ()) if status["region"] == incident.subject]
    fresh = alerts.raised(
        {**alert, "statuses": own},
        region=incident.subject,
        period=None,
        at=incident.receivedat,
        why=why,
        details={**details, **_details(incident)},
    )
    return _following(fresh, own[0], ends) if own else fresh


def _details(incident: IncidentEvent) -> Document:
    data = incident.data
    return {
        "event": {"agency": incident.agency, "id": incident.id},
        "category": data.category,
        "severity": data.severity.value,
        "occurred_at": data.occurred_at,
        "received_at": incident.receivedat,
        "place": data.place,
        "description": data.description,
    }


def after_status(alert: Document, event: IncidentStatusEvent, ends: Ends) -> Document:
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
    return _following(changed, said, ends) if alerts.exists(alert) else changed


def _following(alert: Document, said: Document, ends: Ends) -> Document:
    """The alert as the last word on its incident has it."""
    told = {name: said[name] for name in ("status", "agency", "id", "at", "note")}
    why, by = said["status"], f"{AGENCIES}{said['agency']}"
    last = {"last_status": told}
    if said["status"] in ends:
        return alerts.resolved(alert, at=said["at"], resolution=why, why=why, details=last, by=by)
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
