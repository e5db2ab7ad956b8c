"""The election as a service holds it: the file, the roster and the calendar over both."""

from __future__ import annotations

from pathlib import Path

from shared.election.calendar import Calendar
from shared.election.config import with_obligations_from
from shared.election.files import BadFile, read_election, read_roster
from shared.settings import Settings

DEFAULT_ROSTER = Path(__file__).resolve().parent.parent.parent / "deploy" / "roster" / "kaltim.csv"


def load_calendar(settings: Settings) -> Calendar:
    """The calendar of the files that the settings name. Raises BadFile, one clear line."""
    election = read_election(settings.election)
    if settings.obligations_from is not None:
        election = with_obligations_from(election, settings.obligations_from)
    named = settings.election.parent / election.roster if election.roster else DEFAULT_ROSTER
    roster = read_roster(settings.roster or named)
    unknown = next((code for code in election.zones if code not in roster), None)
    if unknown is not None:
        raise BadFile(
            settings.election, f"zones.{unknown}", "is no region of the roster", 'zones: {"64.72": Asia/Jakarta}'
        )
    return Calendar(election, roster)
