"""A whole nation down to its villages: about 90,000 regions, of which all but the provinces owe reports.

The provinces and regencies are the real ones; districts and villages are made up in their real numbers and codes of
the real form, spread evenly. (The real ones are 84,000 lines that nobody needs in this repository.)
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

from shared.election.calendar import Calendar
from shared.election.config import Election, Level, ReportRule
from shared.election.files import read_election, read_roster
from shared.election.roster import Region, Roster

DISTRICTS, VILLAGES = 7_277, 83_762
_DEPLOY = Path(__file__).resolve().parent.parent / "deploy"
_FROM, _UNTIL = date(2024, 9, 30), date(2024, 12, 16)


def regions(districts: int = DISTRICTS, villages: int = VILLAGES) -> Iterator[Region]:
    """Every region, parents first."""
    above = read_roster(_DEPLOY / "roster" / "nasional.csv")
    yield from above
    regencies = above.at_level(Level.REGENCY)
    made = []
    for n in range(districts):
        number, regency = divmod(n, len(regencies))
        code = f"{regencies[regency].code}.{number + 1:02}"
        made.append(Region(code, regencies[regency].code, Level.DISTRICT, f"Kecamatan {n}"))
    yield from made
    for n in range(villages):
        number, district = divmod(n, districts)
        yield Region(f"{made[district].code}.{2001 + number}", made[district].code, Level.VILLAGE, f"Desa {n}")


def election(*levels: Level) -> Election:
    """East Kalimantan's election, in which these levels owe a report every Monday from 11 November on."""
    rules = (ReportRule.model_validate({"level": level, "from": _FROM, "until": _UNTIL}) for level in levels)
    known = read_election(_DEPLOY / "elections" / "kaltim-2024.yaml")
    return known.model_copy(update={"reports": tuple(rules)})


def calendar() -> Calendar:
    """Of the whole nation, in which everybody but the provinces owes."""
    return Calendar(election(Level.REGENCY, Level.DISTRICT, Level.VILLAGE), Roster(regions()))
