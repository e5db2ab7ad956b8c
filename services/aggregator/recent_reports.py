"""Which report of a region is in force: the newest that was not withdrawn. Pure.

Kept in the region's own state (`region_state.py`), small, since the document is written with every event:
- `recent_reports`: the newest `MOST` by (period, received_at, agency, id), each with whether it was withdrawn;
- `withdrawn`: which reports were withdrawn, read or not, as far as they can still be among the newest;
  `MOST_WITHDRAWN` at most, those of the latest periods;
- `latest_report`: the one in force, or None. What it said stands in the collection `reports`.

If the newest `MOST` reports are all withdrawn, none is in force, though there may be older ones.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from shared.events.report import ReportEvent
from shared.events.withdrawal import WithdrawalEvent
from shared.instants import kept

MOST = 10
MOST_WITHDRAWN = 20

State = dict[str, Any]
Report = dict[str, Any]
Mark = dict[str, str]  # what a report and its withdrawal both say: period, agency, id


def no_reports() -> State:
    return {"recent_reports": [], "withdrawn": [], "latest_report": None}


def after_report(own: State, report: ReportEvent) -> State:
    """The own state of a region after a report of its own."""
    data, recent, withdrawn = report.data, own["recent_reports"], own["withdrawn"]
    entry = {
        "period": data.period.isoformat(),
        "agency": report.agency,
        "id": report.id,
        "received_at": kept(report.receivedat),
        "condition": data.condition.value,
        "is_withdrawn": bool(withdrawn) and _mark(data.period, report.agency, report.id) in withdrawn,
    }
    newest = [*recent, entry]
    if recent and _rank(entry) < _rank(recent[-1]):
        newest.sort(key=_rank)
    elif not withdrawn:  # as nearly all are: the newest report, and none withdrawn
        return {**own, "recent_reports": newest[-MOST:], "latest_report": _pointer(entry)}
    return _settled(own, newest[-MOST:], withdrawn)


def after_withdrawal(own: State, withdrawal: WithdrawalEvent) -> State:
    """The own state after a withdrawal of one of its reports, known or not. One that names another period than its
    report did meets no report."""
    mark = _mark(withdrawal.data.period, withdrawal.agency, withdrawal.data.report)
    recent = [{**entry, "is_withdrawn": True} if _is_of(entry, mark) else entry for entry in own["recent_reports"]]
    withdrawn = [*(other for other in own["withdrawn"] if other != mark), mark]
    return _settled(own, recent, withdrawn)


def _settled(own: State, recent: list[Report], withdrawn: list[Mark]) -> State:
    """What follows from both. A mark stays when its report has come: what is kept must not tell which came first."""
    if withdrawn:
        oldest = recent[0]["period"] if len(recent) == MOST else ""
        marks = (m for m in withdrawn if m["period"] >= oldest)
        withdrawn = sorted(marks, key=lambda m: (m["period"], m["agency"], m["id"]))[-MOST_WITHDRAWN:]
    in_force = next((entry for entry in reversed(recent) if not entry["is_withdrawn"]), None)
    pointer = _pointer(in_force) if in_force else None
    return {**own, "recent_reports": recent, "withdrawn": withdrawn, "latest_report": pointer}


def _pointer(entry: Report) -> Report:
    return {
        "period": entry["period"],
        "received_at": entry["received_at"],
        "agency": entry["agency"],
        "id": entry["id"],
        "condition": entry["condition"],
    }


def _mark(period: date, agency: str, report_id: str) -> Mark:
    return {"period": period.isoformat(), "agency": agency, "id": report_id}


def _is_of(entry: Report, mark: Mark) -> bool:
    return all(entry[field] == value for field, value in mark.items())


def _rank(entry: Report) -> tuple[Any, ...]:
    return entry["period"], entry["received_at"], entry["agency"], entry["id"]
