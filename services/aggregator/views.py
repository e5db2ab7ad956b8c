"""Documents as the API shows them. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from services.aggregator import region_state
from shared.election.calendar import Calendar
from shared.election.roster import Region

Document = dict[str, Any]

_NOT_SHOWN = ("_id", "rev", "cursors")
_SEEN = ("type", "region", "period", "received_at", "topic", "partition", "offset")


def region(calendar: Calendar, about: Region, document: Mapping[str, Any] | None, total: Document) -> Document:
    return {
        "code": about.code,
        "name": calendar.roster.name(about.code),
        "level": about.level.value,
        "parent": about.parent,
        "zone": calendar.zone(about.code).key,
        "own": (document or {}).get("own") or region_state.empty_state(),
        "total": total,
    }


def incident(document: Document) -> Document:
    return {field: value for field, value in document.items() if field not in _NOT_SHOWN}


def event(agency: str, event_id: str, entry: Document, is_folded: bool) -> Document:
    """What became of an event. `counted` is whether it is in its region's state, whatever else was sent under its
    id: of several contents the first one in the log counts."""
    others = entry.get("others", [])
    return {
        "agency": agency,
        "id": event_id,
        "status": status_of(entry, is_folded),
        "counted": is_folded and "dead" not in entry,
        **{field: entry[field] for field in _SEEN},
        "reason": entry.get("dead"),
        "others": others,
    }


def status_of(entry: Document, is_folded: bool) -> str:
    """`dead`: put aside; `accepted`: not counted yet; `conflict`: other content came under the same id, and does not
    count; `duplicate`: sent more than once, counted once; else `counted`."""
    others = entry.get("others", [])
    if "dead" in entry:
        return "dead"
    if not is_folded:
        return "accepted"
    if any(other["is_conflict"] for other in others):
        return "conflict"
    return "duplicate" if others else "counted"
