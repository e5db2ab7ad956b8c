"""The election as a service holds it: the file, the roster and the calendar over both."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from shared.election.calendar import Calendar
from shared.election.config import with_obligations_from
from shared.election.files import read_election, read_roster
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
    unknown = next((code for code in election.zones if code not in roster), None)
    if unknown is not None:
        raise BadFile(
            election_file, f"zones.{unknown}", "is no region of the roster", 'zones: {"64.72": Asia/Jakarta}'
        )
    return Calendar(election, roster)
