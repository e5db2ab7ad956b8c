"""What the local stack shall run, checked before anything is started."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from desk.service_processes import Misconfigured, environment
from services.notifier.routing.receivers import check_stages, read_receivers
from shared.clock import parse_spec, real
from shared.election.cadence import PeriodDays
from shared.election.loaded import load_calendar
from shared.settings import Settings, read_settings


@dataclass(frozen=True)
class StackOptions:
    """What to run. None means: as DESK_* says, else the default; random free ports without `port_base`.

    Without `start_clock` a scenario clock stands at its start until the caller lets it run.
    """

    data_dir: Path
    port_base: int | None = None
    election: Path | None = None
    roster: Path | None = None
    receivers: Path | None = None
    clock: str | None = None
    start_clock: bool = True


def checked_settings(options: StackOptions) -> Settings:
    """The services' settings, their files read once as they will read them. Raises Misconfigured."""
    paths = {name: getattr(options, name) for name in ("election", "roster", "receivers", "data_dir")}
    absolute = {name: path.absolute() for name, path in paths.items() if path is not None}
    try:
        settings = read_settings(environment(os.environ, clock=options.clock, **absolute))
        calendar = load_calendar(settings.election, settings.roster, settings.obligations_from)
        check_stages(settings.receivers, read_receivers(settings.receivers), calendar)
        if settings.clock is not None:
            parse_spec(settings.clock)
    except ValueError as error:  # BadSettings, BadFile and a bad clock: each is one clear line
        raise Misconfigured(str(error)) from None
    return settings


def first_judged(settings: Settings) -> date:
    """The first of the election's periods that hold the clock's start (or now): nothing earlier is judged, so a first
    start is silent."""
    if settings.obligations_from is not None:
        return settings.obligations_from
    calendar = load_calendar(settings.election, settings.roster, None)
    begin = parse_spec(settings.clock)[0] if settings.clock else real()
    today = begin.astimezone(ZoneInfo(calendar.election.zone)).date()
    return min(PeriodDays([rule]).latest(today) for rule in calendar.election.reports)


def nothing_ahead(settings: Settings) -> str | None:
    """A line for a person if no period of the election is left to be judged; else None."""
    calendar = load_calendar(settings.election, settings.roster, first_judged(settings))
    if calendar.all_periods():
        return None
    last = max(rule.until for rule in calendar.election.reports)
    return (
        f"No period of {calendar.election.election} lies ahead (the last is {last}), so nobody will be missing. "
        "To see it judge, take a scenario clock, for example --clock 2024-11-18T20:00:00+08:00@600"
    )
