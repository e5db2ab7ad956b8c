"""`desk agency`: agencies, their rights and their keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from desk import cli_holders
from desk.cli_holders import USUAL_OVERLAP, Days, Expires, KeyPrefix, Overlap
from desk.console import fail, say
from desk.options import settings_with
from shared.access.holders import Sort
from shared.access.keys import EVERYWHERE, MOST_EVENTS_PER_MINUTE, Grant, Kind

if TYPE_CHECKING:
    from shared.election.roster import Roster
    from shared.settings import Settings

agency = typer.Typer(
    help="Agencies and their keys: add, list, rotate, revoke, change. Needs MongoDB only.", no_args_is_help=True
)
Name = Annotated[str, typer.Argument(help="The agency's short name: letters, digits, dot, dash, underscore.")]
_REGION = "A region's code; everything below it too. Several times; '*' for all."
_KIND = "What it may send. Several times."


@agency.command()
def add(
    name: Name,
    region: Annotated[list[str], typer.Option(help=_REGION)],
    kind: Annotated[list[Kind], typer.Option(help=_KIND)],
    expires: Expires = None,
    days: Days = None,
    events_per_minute: Annotated[
        int | None, typer.Option(min=1, max=MOST_EVENTS_PER_MINUTE, help="If not as many as the setting says.")
    ] = None,
) -> None:
    """Make a new agency and print its first key, this once: only its hash is kept."""
    from desk.keys import agency_grant

    settings = settings_with()
    cli_holders.checked_name(name, "bawaslu-samarinda")
    _check_regions(settings, region)
    rights = agency_grant(name, kind, region, events_per_minute)
    may = f"may send {', '.join(sorted(kind))} for {', '.join(region)}"
    cli_holders.add(settings, rights, cli_holders.expiry(settings, expires, days), may)


@agency.command("list")
def list_all() -> None:
    """Show all agencies, their rights and their keys, as far as these may be shown."""
    cli_holders.show(settings_with(), Sort.AGENCY, ("agency", "may send", "for", "a minute"), _cells)


def _cells(rights: Grant) -> tuple[str, ...]:
    rate = str(rights.events_per_minute) if rights.events_per_minute else "default"
    return rights.name, ", ".join(sorted(rights.kinds)), ", ".join(rights.regions), rate


@agency.command()
def rotate(name: Name, overlap: Overlap = USUAL_OVERLAP, expires: Expires = None, days: Days = None) -> None:
    """Make a second key with the same rights and print it, this once. The old one ends after the overlap."""
    settings = settings_with()
    cli_holders.rotate(settings, Sort.AGENCY, name, overlap, cli_holders.expiry(settings, expires, days))


@agency.command()
def revoke(name: Name, key: KeyPrefix = None) -> None:
    """Revoke all keys of an agency, or one. Every service knows within 30 seconds."""
    cli_holders.revoke(settings_with(), Sort.AGENCY, name, key)


@agency.command()
def change(
    name: Name,
    region: Annotated[list[str] | None, typer.Option(help=_REGION)] = None,
    kind: Annotated[list[Kind] | None, typer.Option(help=_KIND)] = None,
    events_per_minute: Annotated[
        int | None, typer.Option(min=0, max=MOST_EVENTS_PER_MINUTE, help="0: as many as the setting says.")
    ] = None,
) -> None:
    """Give an agency other rights; its keys stay. What is left out stays too."""
    settings = settings_with()
    _check_regions(settings, region or [])
    rights: dict[str, Any] = {}
    if region:
        rights["regions"] = tuple(dict.fromkeys(region))
    if kind:
        rights["kinds"] = frozenset(kind)
    if events_per_minute is not None:
        rights["events_per_minute"] = events_per_minute or None
    if not rights:
        raise fail("nothing to change: give --region, --kind or --events-per-minute", 2)
    holder = cli_holders.with_registry(settings, Sort.AGENCY, lambda keys: keys.change(Sort.AGENCY, name, **rights))
    kinds, regions = sorted(holder.rights.kinds), holder.rights.regions
    say(f"{name} may send {', '.join(kinds)} for {', '.join(regions)}. Every service knows within 30 seconds.")


def _check_regions(settings: Settings, regions: list[str]) -> None:
    """Ends the command with status 2 for a code that the roster does not have."""
    roster = cli_holders.calendar_of(settings).roster
    for code in regions:
        if code != EVERYWHERE and code not in roster:
            near = _meant(roster, code) or ", ".join(roster.nearest(code)) or "64.72, or '*' for all"
            raise fail(f"--region: {code} is no region of the roster; for example {near}", 2)


def _meant(roster: Roster, said: str) -> str:
    """The codes, with their names, of whoever says `Samarinda` or `6472`; nothing if it is neither."""
    from shared.election.roster import display_name

    meant = [r for r in roster if said.casefold() in r.name.casefold() or r.code.replace(".", "") == said]
    return ", ".join(f"{r.code} ({display_name(r)})" for r in meant[:3])
