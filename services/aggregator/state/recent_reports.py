"""Which report of a region is the newest, and whether it was withdrawn. Pure.

Kept in the region's own state (`region_state.py`), small, since the document is written with every event:
- `recent_reports`: the newest report by (period, received_at, agency, id), with whether it was withdrawn; a list of
  one, empty before the first. Earlier versions kept ten, and read this as well;
- `withdrawn`: which reports were withdrawn, read or not, as far as they can still become the newest;
  `MOST_WITHDRAWN` at most, those of the latest periods.

In force is the newest that was not withdrawn (`services/aggregator/in_force.py`). If the newest was, that one
is asked of the collection `reports`: which of the older ones still holds can change back, and all of them stand there,
each with what it said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from shared.events.report import ReportEvent
from shared.events.withdrawal import WithdrawalEvent

MOST_WITHDRAWN = 20

State = dict[str, Any]
Report = dict[str, Any]
Mark = dict[str, str]  # what a report and its withdrawal both say: period, agency, id


def no_reports() -> State:
    return {"recent_reports": [], "withdrawn": []}


def newest_of(own: Mapping[str, Any]) -> Report | None:
    """The newest report of a region, withdrawn or not, out of what this or an earlier version kept."""
    recent = own.get("recent_reports")
    return recent[-1] if recent else None


def as_kept(own: State) -> State:
    """The own state of a region that an earlier version wrote, as this one would have."""
    newest = own.get("recent_reports", [])[-1:]
    more = {field: value for field, value in own.items() if field != "latest_report"}
    return {**more, "recent_reports": newest, "withdrawn": _marks(newest, own.get("withdrawn", ()))}


def after_report(own: State, report: ReportEvent, received_at: datetime) -> State:
    """What changes of the own state of a region with a report of its own; `received_at` as it is kept."""
    data, recent, withdrawn = report.data, own["recent_reports"], own["withdrawn"]
    period, agency = data.period.isoformat(), report.agency
    newest = {
        "period": period,
        "agency": agency,
        "id": report.id,
        "received_at": received_at,
        "condition": data.condition.value,
        "is_withdrawn": bool(withdrawn) and _mark(period, agency, report.id) in withdrawn,
    }
    if recent and _rank(newest) < _rank(recent[-1]):
        return {}
    return {"recent_reports": [newest], "withdrawn": withdrawn and _marks([newest], withdrawn)}


def after_withdrawal(own: State, withdrawal: WithdrawalEvent) -> State:
    """What changes with a withdrawal of one of its reports, known or not. One that names another period than its
    report did meets no report."""
    mark = _mark(withdrawal.data.period.isoformat(), withdrawal.agency, withdrawal.data.report)
    recent = [{**entry, "is_withdrawn": True} if _is_of(entry, mark) else entry for entry in own["recent_reports"]]
    others = [other for other in own["withdrawn"] if other != mark]
    return {"recent_reports": recent, "withdrawn": _marks(recent, [*others, mark])}


def _marks(newest: list[Report], withdrawn: Iterable[Mark]) -> list[Mark]:
    """Those that are kept. A mark stays when its report has come: what is kept must not tell which came first."""
    since = newest[0]["period"] if newest else date.min.isoformat()
    marks = (mark for mark in withdrawn if mark["period"] >= since)
    return sorted(marks, key=lambda m: (m["period"], m["agency"], m["id"]))[-MOST_WITHDRAWN:]


def _mark(period: str, agency: str, report_id: str) -> Mark:
    return {"period": period, "agency": agency, "id": report_id}


def _is_of(entry: Report, mark: Mark) -> bool:
    return all(entry[field] == value for field, value in mark.items())


def _rank(entry: Report) -> tuple[Any, ...]:
    return entry["period"], entry["received_at"], entry["agency"], entry["id"]
