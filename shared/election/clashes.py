"""Elections that ask the same report of the same region twice. Pure.

A report says its region and its day, not its election: so a region owes at most one a day, for one election.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from itertools import combinations

from shared.election.cadence import days_of
from shared.election.calendar import Calendar, covers
from shared.election.several import Duty


@dataclass(frozen=True, slots=True)
class Clash:
    region: str
    period: date
    elections: tuple[str, str]


def first_clash(calendar: Calendar) -> Clash | None:
    """The first region and day that two elections ask a report of. (Of two rules of one election the first holds.)"""
    for one, other in combinations(calendar.duties, 2):
        if one.election != other.election and one.rule.level is other.rule.level:
            common = _days(one) & _days(other)
            if common:
                regions = (region.code for region in calendar.roster.at_level(one.rule.level))
                both = next((code for code in regions if covers(one.rule, code) and covers(other.rule, code)), None)
                if both is not None:
                    return Clash(both, min(common), (one.election, other.election))
    return None


def _days(duty: Duty) -> set[date]:
    return set(days_of(duty.rule, duty.rule.from_))
