"""Incidents as the desks look at them: one document each, what was said and what came of it. Pure.

A document of the collection `incidents`, `_id` = the incident's identity. The two flags of the quiet period are both
kept; whether the incident is a violation of it is the category's say as well (`shared/election/quiet_period.py`).
`hand_over_due_at` is by when it is to be handed over (`hand_overs.py`), None where no time is known.

`statuses` holds what agencies said of it, by (received_at, agency, id). A status for the incident's own region is in
force if it is the latest of them; one for another region is an orphan: it changes nothing and is shown in the history.
A status may be read before its incident. The document is a stub then, with the status `orphan` and the region and
receipt of the earliest status, and nothing that the incident says; it becomes the incident when that comes.

Of more than `MOST_STATUSES` those of the incident's own region stay first, the latest of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from operator import itemgetter
from typing import Any

from shared.election.quiet_period import QuietPeriodFlags
from shared.election.roster import regency_of
from shared.events.incident import IncidentEvent
from shared.events.incident_status import IncidentStatusEvent
from shared.instants import kept

COLLECTION = "incidents"
MOST_STATUSES = 200

Document = dict[str, Any]
Said = dict[str, Any]  # one entry of `statuses`


class Status(StrEnum):
    """How far an incident has come; `orphan` is a status whose incident nobody knows."""

    REPORTED = "reported"
    VERIFIED = "verified"
    DISMISSED = "dismissed"
    FORWARDED = "forwarded"
    RESOLVED = "resolved"
    ORPHAN = "orphan"


# What still asks for somebody's doing.
OPEN = (Status.REPORTED.value, Status.VERIFIED.value, Status.FORWARDED.value)


def after_incident(
    document: Document, incident: IncidentEvent, found: QuietPeriodFlags, hand_over_due_at: datetime | None = None
) -> Document:
    """The document of an incident that was just reported; its statuses may be there already."""
    about = {
        "agency": incident.agency,
        "id": incident.id,
        "region": incident.subject,
        "regency": regency_of(incident.subject),
        "received_at": kept(incident.receivedat),
        **_said(incident),
        "is_violation": found.is_violation,
        "occurred_in_quiet_period": found.occurred_in_quiet_period,
        "reported_in_quiet_period": found.reported_in_quiet_period,
        "is_in_quiet_period": found.occurred_in_quiet_period or found.reported_in_quiet_period,
        "is_quiet_period_violation": found.is_quiet_period_violation,
        "hand_over_due_at": hand_over_due_at,
    }
    return _settled({**document, **about}, document.get("statuses", []))


def after_status(document: Document, event: IncidentStatusEvent) -> Document:
    """The document after one more status of the incident, known or not."""
    statuses = sorted([*document.get("statuses", ()), _status(event)], key=_rank)
    if is_known(document):
        return _settled(document, statuses)
    first = statuses[0]
    stub = {
        "agency": event.data.incident_agency,
        "id": event.data.incident_id,
        "region": first["region"],
        "regency": regency_of(first["region"]),
        "received_at": first["at"],
    }
    return _settled({**document, **stub}, statuses)


def is_known(document: Mapping[str, Any]) -> bool:
    """Whether the incident itself has come."""
    return "category" in document


def is_orphan(status: Said, document: Document) -> bool:
    """Whether a status speaks of no incident that is known, or of one elsewhere."""
    return not is_known(document) or status["region"] != document["region"]


def history(document: Document) -> list[Document]:
    """What became of the incident, in order: its report, then each status, with who said it where and whether it is
    an orphan."""
    statuses = document.get("statuses", ())
    if not is_known(document):
        return [{**status, "is_orphan": True} for status in statuses]
    reported = {
        "status": Status.REPORTED.value,
        "at": document["received_at"],
        "by": document["agency"],
        "id": document["id"],
        "region": document["region"],
        "note": None,
        "forwarded_to": None,
        "is_orphan": False,
    }
    said = [{**status, "is_orphan": is_orphan(status, document)} for status in statuses]
    return sorted([reported, *said], key=_at) if said else [reported]  # stable: of one instant the report stays first


def _settled(document: Document, statuses: list[Said]) -> Document:
    """The document with these statuses, in order, and what follows from them."""
    valid = [status for status in statuses if not is_orphan(status, document)]
    orphans = [status for status in statuses if is_orphan(status, document)]
    before_any = Status.REPORTED if is_known(document) else Status.ORPHAN
    to_whom = [status["forwarded_to"] for status in valid if status["forwarded_to"] is not None]
    return {
        **document,
        "status": valid[-1]["status"] if valid else before_any.value,
        "forwarded_to": to_whom[-1] if to_whom else None,
        "statuses": sorted([*orphans, *valid][-MOST_STATUSES:], key=_rank),
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


def _status(event: IncidentStatusEvent) -> Said:
    data = event.data
    return {
        "status": data.status.value,
        "at": kept(event.receivedat),
        "by": event.agency,
        "id": event.id,
        "region": event.subject,
        "note": data.note,
        "forwarded_to": data.forwarded_to,
    }


_at = itemgetter("at")


def _rank(status: Said) -> tuple[Any, ...]:
    return status["at"], status["by"], status["id"]
