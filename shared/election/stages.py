"""In which stages of the election a region is at an instant, in its own zone. Pure."""

from __future__ import annotations

from datetime import datetime

from shared.election.calendar import Calendar, covers


def stages_at(calendar: Calendar, code: str, instant: datetime) -> frozenset[str]:
    """Several where they overlap (voting, and counting from that day on), none outside all of them."""

    def holds(begin: datetime, end: datetime) -> bool:
        return begin <= instant < end

    stages = calendar.at(code, instant).stages
    return frozenset(s.stage for s in stages if covers(s, code) and holds(*calendar.stage_bounds(code, s)))
