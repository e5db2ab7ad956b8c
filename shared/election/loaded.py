"""The election as a service holds it: the file, the roster and the calendar over both."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

from shared.election.calendar import Calendar
from shared.election.config import Amendment, Election, with_obligations_from
from shared.election.files import EXAMPLES, read_election, read_roster
from shared.yaml_files import BadFile

DEFAULT_ROSTER = Path(__file__).resolve().parent.parent.parent / "deploy" / "roster" / "kaltim.csv"


def load_calendar(election_file: Path, roster_file: Path | None, obligations_from: date | None) -> Calendar:
    """The calendar of an election file and its roster (the one the file names unless another is given).
    Raises BadFile, one clear line."""
    election = read_election(election_file)
    if obligations_from is not None:
        election = with_obligations_from(election, obligations_from)
    named = election_file.parent / election.roster if election.roster else DEFAULT_ROSTER
    roster = read_roster(roster_file or named)
    for key, code in _codes_in(election):
        if code not in roster:
            raise BadFile(
                election_file, f"{key}.{code}", "is no region of the roster", EXAMPLES[key.partition(".")[0]]
            )
    calendar = Calendar(election, roster)
    for period in calendar.all_periods():  # now, so that no call has to wait until who owes is worked out
        calendar.owing(period)
    return calendar


def _codes_in(election: Election) -> Iterator[tuple[str, str]]:
    """Every region that the file names: its key, and the region's code."""
    yield from (("zones", code) for code in election.zones)
    versions: list[tuple[str, Election | Amendment]] = [("", election)]
    versions.extend(("amendments.", amendment) for amendment in election.amendments)
    for at, version in versions:
        for key, entries in (("stages", version.stages), ("reports", version.reports)):
            yield from ((f"{at}{key}.regions", code) for entry in entries or () for code in entry.regions or ())
