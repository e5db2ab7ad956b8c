"""Documents as the API shows them, field by field: what is kept for folding alone is never shown. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from operator import itemgetter
from typing import Any

from services.aggregator.state import hand_overs, incidents, region_state, reports
from shared.election.calendar import Calendar
from shared.election.categories import Category
from shared.election.frozen import Text
from shared.election.roster import Region

Document = dict[str, Any]


def _fields(*names: str) -> Callable[[Mapping[str, Any]], Document]:
    """Shows these fields of a document, in this order; one that it lacks is null. A list shows 200 documents: they are
    taken in one go from those that lack none, which are nearly all."""
    taken = itemgetter(*names)

    def shown(document: Mapping[str, Any]) -> Document:
        try:
            return dict(zip(names, taken(document), strict=True))
        except KeyError:
            return {name: document.get(name) for name in names}

    return shown


_LATEST_REPORT = (
    "period",
    "condition",
    "summary",
    "received_at",
    "submitted_at",
    "agency",
    "id",
    "replaces",
    "topics",
    "source_office",
)
_latest_report = _fields(*_LATEST_REPORT)
_report = _fields("region", *_LATEST_REPORT, "withdrawn")
_incident = _fields(
    "agency",
    "id",
    "region",
    "regency",
    "received_at",
    "category",
    "severity",
    "occurred_at",
    "description",
    "place",
    "polling_station",
    "reported_party",
    "evidence",
    "source_office",
    "is_violation",
    "occurred_in_quiet_period",
    "reported_in_quiet_period",
    "is_in_quiet_period",
    "is_quiet_period_violation",
    "status",
    "forwarded_to",
)
_stock = _fields("required", "received", "as_of", "received_at", "agency", "id", "source_office", "statements")
_SEEN = ("type", "region", "period", "received_at", "topic", "partition", "offset")


def region(
    calendar: Calendar,
    about: Region,
    document: Mapping[str, Any] | None,
    latest_report: Document | None,
    total: Document,
) -> Document:
    """`latest_report` is the document of the report in force."""
    own = (document or {}).get("own") or {}
    return {
        "code": about.code,
        "name": calendar.roster.name(about.code),
        "level": about.level.value,
        "parent": about.parent,
        "zone": calendar.zone(about.code).key,
        "own": {
            **region_state.add(region_state.empty_tally(), region_state.tally_in(own)),
            "latest_report": _latest_report(latest_report) if latest_report else None,
            "last_event_at": own.get("last_event_at"),
        },
        "total": total,
    }


def report(document: Document) -> Document:
    """A report with its withdrawals; of a stub everything that the report itself says is null."""
    withdrawals = [{**w, "is_orphan": not reports.is_meant(w, document)} for w in document["withdrawals"]]
    return {**_report(document), "withdrawals": withdrawals}


def incident(calendar: Calendar, document: Document, now: datetime) -> Document:
    """An incident with its history; of a stub everything that the incident itself says is null. `label`, `legal_basis`
    and `hand_over` are the election file's, as it stood at receipt."""
    category = hand_overs.category_of(calendar, document)
    shown = _incident(document)
    shown["label"] = _both(category.label) if category else None
    shown["legal_basis"] = _both(category.legal_basis) if category else None
    shown["hand_over"] = _hand_over(category, document, now)
    shown["history"] = incidents.history(document)
    return shown


def _hand_over(category: Category | None, document: Document, now: datetime) -> Document | None:
    if category is None or category.hand_over is None:
        return None
    return {
        "to": _both(category.hand_over.to),
        "due_at": document.get(hand_overs.DUE_AT),
        "is_overdue": hand_overs.is_overdue(document, now),
    }


def _both(text: Text | None) -> Document | None:
    return {"id": text.id, "en": text.en} if text else None


def stock(calendar: Calendar, document: Document) -> Document:
    item = calendar.election.logistics.items.get(document["item"])
    return {
        "region": document["region"],
        "name": calendar.roster.name(document["region"]),
        "item": document["item"],
        "label": _both(item.label if item else None),
        **_stock(document),
        "complete": document["received"] >= document["required"],
    }


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
        "trace": entry.get("trace"),
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
