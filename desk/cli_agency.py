"""`desk agency`: keys of agencies."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import Annotated, TypeVar

import typer

from desk.console import fail, in_short, say
from desk.options import settings_with
from shared.access.keys import EVERYWHERE, Kind, new_key
from shared.settings import Settings
from shared.strict import SLUG

T = TypeVar("T")

agency = typer.Typer(help="Agencies' keys: add, list, revoke. Needs MongoDB only.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="The agency's short name: letters, digits, dot, dash, underscore.")]


@agency.command()
def add(
    name: Name,
    region: Annotated[
        list[str], typer.Option(help="A region's code; everything below it too. Several times; '*' for all.")
    ],
    kind: Annotated[list[Kind], typer.Option(help="What it may send. Several times.")],
) -> None:
    """Make a key for an agency and print it, this once: only its hash is kept."""
    from desk.keys import agency_grant

    settings = settings_with()
    if not re.fullmatch(SLUG, name) or not name.strip("."):
        raise fail(f"{name!r} is no agency's name; write for example bawaslu-samarinda", 2)
    _check_regions(settings, region)
    key = new_key(name)
    _with_keys(settings, lambda keys: keys.put(key, agency_grant(name, kind, region)))
    say(f"{name} may send {', '.join(sorted(kind))} for {', '.join(region)}. This key is shown only now:")
    typer.echo(key)


@agency.command("list")
def list_all() -> None:
    """Show all keys and their rights, without the keys themselves."""
    from rich.console import Console
    from rich.table import Table

    table = Table("agency or person", "may send", "for", "role", "until", "state", "hash")
    for key in _with_keys(settings_with(), lambda keys: keys.list_all()):
        table.add_row(
            key["agency"] or key["name"],
            ", ".join(key["kinds"]),
            ", ".join(key["regions"]),
            key["role"] or "",
            f"{key['expires_at']:%Y-%m-%d %H:%M %Z}" if key["expires_at"] else "",
            "revoked" if key["is_revoked"] else "in force",
            key["_id"],
        )
    Console().print(table)


@agency.command()
def revoke(name: Name) -> None:
    """Revoke all keys of an agency. Every service knows within 30 seconds."""
    count = _with_keys(settings_with(), lambda keys: keys.revoke(name))
    if count == 0:
        raise fail(f"{name} has no key in force; `desk agency list` shows all", 1)
    say(f"Revoked {count} {'key' if count == 1 else 'keys'} of {name}.")


def _check_regions(settings: Settings, regions: list[str]) -> None:
    """Ends the command with status 2 for a code that the roster does not have."""
    from shared.election.loaded import load_calendar
    from shared.yaml_files import BadFile

    try:
        roster = load_calendar(settings.election, settings.roster, None).roster
    except BadFile as error:
        raise fail(error, 2) from None
    for code in regions:
        if code != EVERYWHERE and code not in roster:
            near = ", ".join(roster.nearest(code)) or "64.72, or '*' for all"
            raise fail(f"--region: {code} is no region of the roster; for example {near}", 2)


def _with_keys(settings: Settings, ask: Callable[..., Awaitable[T]]) -> T:
    """The answer of the database's keys. Ends the command with status 1 if the database does not answer."""
    from desk.keys import open_keys
    from shared.mongo import DatabaseError

    async def asked() -> T:
        async with open_keys(settings) as keys:
            return await ask(keys)

    try:
        return asyncio.run(asked())
    except DatabaseError as error:
        raise fail(f"MongoDB did not answer: {in_short(error)}", 1) from None
