"""The state of a region: its latest report and its counts; a regency also keeps the counts of all below it. Pure.

A document of the collection `regions`, `_id` = the region's code:
- `own`: the tally of the region's own events, `latest_report` (the greatest by period, received_at, agency, id) and
  `last_event_at` (the latest receipt).
- `total`, in a regency's document only: the tally of the regency and everything below it. It only ever grows by
  addition, so an event changes two region documents at most.
The roll-up of a district sums `own` over the district, a province's sums its regencies' `total` and its own.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from services.aggregator.instants import kept
from shared.election.config import Level
from shared.election.quiet_period import QuietPeriodFlags
from shared.election.roster import ancestors_and_self, is_within, level_of, regency_of
from shared.events.envelope import Envelope
from shared.events.incident import IncidentEvent
from shared.events.report import ReportEvent

COLLECTION = "regions"

Document = dict[str, Any]
Tally = dict[str, Any]  # counters, nested; two tallies are added field by field
Report = dict[str, Any]

_TALLIED = ("reports", "incidents", "violations", "quiet_period_violations")


def empty_tally() -> Tally:
    return {
        "reports": {"count": 0, "by_condition": {}},
        "incidents": {"count": 0, "by_category": {}, "by_severity": {}},
        "violations": 0,
        "quiet_period_violations": 0,
    }


def empty_state() -> Document:
    """The own state of a region that has sent nothing."""
    return {**empty_tally(), "latest_report": None, "last_event_at": None}


def tally_of_report(report: ReportEvent) -> Tally:
    return {"reports": {"count": 1, "by_condition": {report.data.condition.value: 1}}}


def tally_of_incident(incident: IncidentEvent, found: QuietPeriodFlags) -> Tally:
    data = incident.data
    return {
        "incidents": {"count": 1, "by_category": {data.category: 1}, "by_severity": {data.severity.value: 1}},
        "violations": int(found.is_violation),
        "quiet_period_violations": int(found.is_quiet_period_violation),
    }


def add(one: Tally, other: Tally) -> Tally:
    """The sum, in a stable order of fields."""
    total: Tally = {}
    for key in sorted(one.keys() | other.keys()):
        left, right = one.get(key), other.get(key)
        if isinstance(left, dict) or isinstance(right, dict):
            total[key] = add(left or {}, right or {})
        else:
            total[key] = (left or 0) + (right or 0)
    return total


def documents_of(region: str) -> tuple[str, ...]:
    """The ids of the region documents that an event of a region changes."""
    return tuple(dict.fromkeys((region, regency_of(region))))


def after_report(document: Document, report: ReportEvent) -> Document:
    """A region document after a report of the region itself or of one below it."""
    changed = _after(document, report, tally_of_report(report))
    if document["_id"] == report.subject:
        rivals = (changed["own"]["latest_report"], _report_fields(report))
        changed["own"]["latest_report"] = max((r for r in rivals if r is not None), key=_rank)
    return changed


def after_incident(document: Document, incident: IncidentEvent, found: QuietPeriodFlags) -> Document:
    """A region document after an incident in the region itself or in one below it."""
    return _after(document, incident, tally_of_incident(incident, found))


def _after(document: Document, event: Envelope, tally: Tally) -> Document:
    code = document["_id"]
    level = level_of(code)
    changed = {**document, "level": level.value}
    if code == event.subject:
        own = document.get("own") or empty_state()
        received_at = kept(event.receivedat)
        changed["own"] = {
            **add(_tally_in(own), tally),
            "latest_report": own["latest_report"],
            "last_event_at": max(own["last_event_at"] or received_at, received_at),
        }
    if level is Level.REGENCY:
        changed["total"] = add(document.get("total") or empty_tally(), tally)
    return changed


def _tally_in(state: Document) -> Tally:
    return {field: state[field] for field in _TALLIED}


def _report_fields(report: ReportEvent) -> Report:
    data = report.data
    return {
        "period": data.period.isoformat(),
        "condition": data.condition.value,
        "summary": data.summary,
        "received_at": kept(report.receivedat),
        "submitted_at": kept(data.submitted_at),
        "agency": report.agency,
        "id": report.id,
        "replaces": data.replaces,
        "topics": dict(data.topics) if data.topics else None,
        "source_office": data.source_office,
    }


def _rank(report: Report) -> tuple[Any, ...]:
    return report["period"], report["received_at"], report["agency"], report["id"]


def roll_ups(codes: Iterable[str], documents: Iterable[Document]) -> dict[str, Tally]:
    """The tally of each region with everything below it, out of the documents that `sums_into` finds for them."""
    totals = {code: empty_tally() for code in codes}
    for document in documents:
        for code in ancestors_and_self(document["_id"]):
            part = contribution(document, code) if code in totals else None
            if part is not None:
                totals[code] = add(totals[code], part)
    return totals


def contribution(document: Document, code: str) -> Tally | None:
    """What a region document adds to the roll-up of the region `code`; None if nothing."""
    level = level_of(code)
    if not is_within(document["_id"], code):
        return None
    own = document.get("own")
    if level in (Level.PROVINCE, Level.REGENCY) and "total" in document:
        return dict(document["total"])
    if level is Level.REGENCY or (level is Level.PROVINCE and document["_id"] != code):
        return None  # it is in the regency's total already
    return _tally_in(own) if own else None
