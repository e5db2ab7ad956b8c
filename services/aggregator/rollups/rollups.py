"""What of a region and everything below it can change back: incidents by status, what is open, logistics, attendance.
Pure: sums over what `rollup_store.py` has asked for (docs/decisions/0014).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from services.aggregator.periods import periods
from services.aggregator.rollups.flags import Standing
from services.aggregator.rollups.stocks import Stocks
from services.aggregator.state import incidents
from shared.election.calendar import Calendar
from shared.election.config import Level
from shared.election.logistics_line import Line, has_line
from shared.election.needed_items import needed_items
from shared.election.owing import Owing
from shared.election.roster import level_of

Document = dict[str, Any]
# Of each status that occurs: `count`, and of these `violations`, `quiet` and `overdue`.
ByStatus = Mapping[str, Mapping[str, int]]


def incidents_by_status(found: ByStatus) -> dict[str, int]:
    """Of every status there is."""
    return {status.value: found.get(status, {}).get("count", 0) for status in incidents.Status}


def still_open(found: ByStatus) -> dict[str, int]:
    """What still asks for somebody's doing."""
    rows = [found[status] for status in incidents.OPEN if status in found]
    names = {
        "incidents": "count",
        "violations": "violations",
        "quiet_period_violations": "quiet",
        "overdue_hand_overs": "overdue",
    }
    return {name: sum(row[field] for row in rows) for name, field in names.items()}


def holding(calendar: Calendar, code: str) -> list[str]:
    """The regions whose statements on logistics make up a region's: of a province its regencies, else its own."""
    if level_of(code) is Level.PROVINCE:
        return sorted(child.code for child in calendar.roster.children(code))
    return [code]


def expected_logistics(calendar: Calendar, codes: Iterable[str]) -> int:
    """How many items these regions must have by the line, taken together: the regencies and cities that vote."""
    regencies = (code for code in codes if code in calendar.roster and level_of(code) is Level.REGENCY)
    return sum(len(needed_items(calendar, code)) for code in regencies if has_line(calendar, code))


def logistics(calendar: Calendar, line: Line, codes: Sequence[str], by_item: Mapping[str, Stocks]) -> Document:
    """Against the line. `expected`, `stated`, `complete`, `required` and `received` are of the items that must be
    there; what was stated of others is listed."""
    needed = calendar.election.logistics.items
    held = {slug: by_item.get(slug, Stocks()) for slug in needed}
    others = {slug: stocks for slug, stocks in sorted(by_item.items()) if slug not in needed}
    return {
        "line_at": line.at,
        "expected": expected_logistics(calendar, codes),
        **{name: sum(getattr(stocks, name) for stocks in held.values()) for name in _SUMS},
        "items": [_item(calendar, slug, stocks) for slug, stocks in {**held, **others}.items()],
    }


_SUMS = ("stated", "complete", "required", "received")


def _item(calendar: Calendar, slug: str, stocks: Stocks) -> Document:
    known = calendar.election.logistics.items.get(slug)
    sums = {name: getattr(stocks, name) for name in _SUMS}
    return {"item": slug, "label": known.label.model_dump() if known else None, **sums}


def gaps(calendar: Calendar, line: Line, expected: int, complete: int, now: datetime) -> int:
    """What must be there by the line and is not, once that counts."""
    counts = now >= line.before(calendar.election.logistics.warn_from)
    return max(expected - complete, 0) if counts else 0


def attendance(period: date, owed: Owing, judged: periods.Judged) -> Document:
    """How often each verdict holds: of those who owe the period's report, and of whoever was judged for it."""
    return {"period": period.isoformat(), "counts": periods.verdict_counts(owed, judged)}


def standing(open_counts: Mapping[str, int], gaps: int) -> Standing:
    return Standing(open_counts["violations"], open_counts["quiet_period_violations"], gaps)
