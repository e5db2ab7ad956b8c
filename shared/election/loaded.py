"""The election as a service holds it: the file, the roster and the calendar over both."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path

from shared.election.beside import read_beside
from shared.election.calendar import Calendar
from shared.election.clashes import first_clash
from shared.election.config import Amendment, Election, with_obligations_from
from shared.election.files import EXAMPLES, read_election, read_roster
from shared.election.roster import Roster
from shared.yaml_files import BadFile

DEFAULT_ROSTER = Path(__file__).resolve().parent.parent.parent / "deploy" / "roster" / "kaltim.csv"


def load_calendar(election_file: Path, roster_file: Path | None, obligations_from: date | None) -> Calendar:
    """The calendar of an election file, the elections it names beside its own, and its roster (the one the file names
    unless another is given). Raises BadFile, one clear line."""
    first = read_election(election_file)
    named = election_file.parent / first.roster if first.roster else DEFAULT_ROSTER
    roster = read_roster(roster_file or named)
    files = [(election_file, first), *read_beside(election_file, first, named)]
    for file, election in files:
        _check_regions(file, election, roster)
    judged = [e if obligations_from is None else with_obligations_from(e, obligations_from) for _, e in files]
    calendar = Calendar(judged[0], roster, judged[1:])
    _check_clashes(election_file, calendar)
    for period in calendar.all_periods():  # now, so that no call has to wait until who owes is worked out
        calendar.owing(period)
    return calendar


def _check_regions(file: Path, election: Election, roster: Roster) -> None:
    for key, code in _codes_in(election):
        if code not in roster:
            example = EXAMPLES["zones" if key == "zones" else "*.regions"]
            raise BadFile(file, f"{key}.{code}", "is no region of the roster", example)


def _check_clashes(file: Path, calendar: Calendar) -> None:
    clash = first_clash(calendar)
    if clash is not None:
        problem = (
            f"{clash.region} owes a report for {clash.period} under {' and under '.join(clash.elections)}; "
            "end one rule before, or name regions"
        )
        raise BadFile(file, "also", problem, 'reports: [{..., until: 2024-12-16, regions: ["64.02"]}]')


def _codes_in(election: Election) -> Iterator[tuple[str, str]]:
    """Every region that the file names: its key, and the region's code."""
    yield from (("regions", code) for code in election.regions or ())
    yield from (("zones", code) for code in election.zones)
    items = election.logistics.items.items()
    yield from ((f"logistics.items.{slug}.regions", code) for slug, item in items for code in item.regions or ())
    versions: list[tuple[str, Election | Amendment]] = [("", election)]
    versions.extend(("amendments.", amendment) for amendment in election.amendments)
    for at, version in versions:
        for key, entries in (("stages", version.stages), ("reports", version.reports)):
            yield from ((f"{at}{key}.regions", code) for entry in entries or () for code in entry.regions or ())
