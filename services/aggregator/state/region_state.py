"""The state of a region: its newest report and its counts; a regency also keeps the counts of all below it. Pure.

A document of the collection `regions`, `_id` = the region's code:
- `own`: the tally of the region's own events, `last_event_at` (the latest receipt of any event of its own), and what
  `recent_reports.py` keeps: which of its reports is the newest.
- `total`, in a regency's document only: the tally of the regency and everything below it. It only ever grows by
  addition, so an event changes two region documents at most.
The roll-up of a district sums `own` over the district, a province's sums its regencies' `total` and its own.

A tally counts what arrived: a withdrawn report stays in `reports`, and `withdrawals` counts the withdrawals that came,
orphans too. Every event, also one that is counted in no tally, changes its region's document: the cursor there says
that the event is counted.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from services.aggregator.state import recent_reports
from shared.election.config import Level
from shared.election.quiet_period import QuietPeriodFlags
from shared.election.roster import ancestors_and_self, is_within, level_of, regency_of
from shared.events.envelope import Envelope
from shared.events.incident import IncidentEvent
from shared.events.report import ReportEvent
from shared.events.withdrawal import WithdrawalEvent
from shared.instants import kept

COLLECTION = "regions"

Document = dict[str, Any]
Tally = dict[str, Any]  # counters, nested; two tallies are added field by field

_TALLIED = ("reports", "withdrawals", "incidents", "violations", "quiet_period_violations")


def empty_tally() -> Tally:
    return {
        "reports": {"count": 0, "by_condition": {}},
        "withdrawals": 0,
        "incidents": {"count": 0, "by_category": {}, "by_severity": {}},
        "violations": 0,
        "quiet_period_violations": 0,
    }


def empty_state() -> Document:
    """The own state of a region that has sent nothing."""
    return {**empty_tally(), **recent_reports.no_reports(), "last_event_at": None}


_OWN_FIELDS = frozenset(empty_state())


def tally_of_incident(incident: IncidentEvent, found: QuietPeriodFlags) -> Tally:
    data = incident.data
    return {
        "incidents": {"count": 1, "by_category": {data.category: 1}, "by_severity": {data.severity.value: 1}},
        "violations": int(found.is_violation),
        "quiet_period_violations": int(found.is_quiet_period_violation),
    }


def add(one: Tally, other: Tally) -> Tally:
    """The sum, in an order of fields that does not tell the order of adding. Looks at `other`'s fields only, which are
    few: it is called for every event."""
    total = dict(one)
    for key, right in other.items():
        total[key] = add(one.get(key, {}), right) if isinstance(right, dict) else one.get(key, 0) + right
    return total if len(total) == len(one) else dict(sorted(total.items()))


def tally_in(state: Document) -> Tally:
    """The tally in a region's own state; what an earlier version did not count yet is left out."""
    return {field: state[field] for field in _TALLIED if field in state}


def documents_of(region: str) -> tuple[str, ...]:
    """The ids of the region documents that an event of a region changes."""
    regency = regency_of(region)
    return (region,) if regency == region else (region, regency)


def after_report(document: Document, report: ReportEvent) -> Document:
    """A region document after a report of the region itself or of one below it.

    Nearly all events are reports: spelled out, what `_after` does with any tally costs a third of it."""
    condition = report.data.condition.value
    level = level_of(document["_id"])
    changed = {**document, "level": level.value}
    if document["_id"] == report.subject:
        own, at = _own(document), kept(report.receivedat)
        counted = {"reports": _one_more(own["reports"], condition), "last_event_at": _latest(own, at)}
        changed["own"] = {**own, **counted, **recent_reports.after_report(own, report, at)}
    if level is Level.REGENCY:
        total = document.get("total") or empty_tally()
        changed["total"] = {**total, "reports": _one_more(total["reports"], condition)}
    return changed


def _one_more(reports: Tally, condition: str) -> Tally:
    """As `add` would."""
    by_condition = {**reports["by_condition"], condition: reports["by_condition"].get(condition, 0) + 1}
    if len(by_condition) != len(reports["by_condition"]):
        by_condition = dict(sorted(by_condition.items()))
    return {"count": reports["count"] + 1, "by_condition": by_condition}


def after_withdrawal(document: Document, withdrawal: WithdrawalEvent) -> Document:
    """A region document after the withdrawal of a report of the region itself or of one below it."""
    changed = _after(document, withdrawal, {"withdrawals": 1})
    if document["_id"] == withdrawal.subject:
        changed["own"] |= recent_reports.after_withdrawal(changed["own"], withdrawal)
    return changed


def after_incident(document: Document, incident: IncidentEvent, found: QuietPeriodFlags) -> Document:
    """A region document after an incident in the region itself or in one below it."""
    return _after(document, incident, tally_of_incident(incident, found))


def after_untallied(document: Document, event: Envelope) -> Document:
    """The region's own document after an event that is counted elsewhere: an incident's status, a stock."""
    return _after(document, event, {})


def _after(document: Document, event: Envelope, tally: Tally) -> Document:
    code = document["_id"]
    level = level_of(code)
    changed = {**document, "level": level.value}
    if code == event.subject:
        own = _own(document)
        changed["own"] = {**own, **_added(own, tally), "last_event_at": _latest(own, kept(event.receivedat))}
    if level is Level.REGENCY:
        total = document.get("total") or empty_tally()
        changed["total"] = add(total, tally)
    return changed


def _latest(own: Document, received_at: datetime) -> datetime:
    last_event_at: datetime | None = own["last_event_at"]
    return last_event_at if last_event_at is not None and last_event_at > received_at else received_at


def _own(document: Document) -> Document:
    """The own state of a region document; what an earlier version did not keep yet is empty."""
    own: Document | None = document.get("own")
    if own is None:
        return empty_state()
    return own if own.keys() == _OWN_FIELDS else recent_reports.as_kept({**empty_state(), **own})


def as_kept(document: Document) -> Document:
    """A region document that an earlier version wrote, as this one would have."""
    return {**document, "own": _own(document)} if "own" in document else document


def _added(state: Document, tally: Tally) -> Tally:
    """The fields of a tally, added to what a region's own state has of them."""
    return {k: add(state[k], more) if isinstance(more, dict) else state[k] + more for k, more in tally.items()}


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
    return tally_in(own) if own else None
