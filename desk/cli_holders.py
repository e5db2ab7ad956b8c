"""What `desk agency` and `desk person` share: their options, the way to the database, the table."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, TypeVar
from zoneinfo import ZoneInfo

import typer

from desk.console import fail, in_short, say
from shared.access.holders import LONGEST_OVERLAP, OVERLAP, IssuedKey, KeyState, Refused, Sort
from shared.access.keys import Grant
from shared.clock import real
from shared.election.durations import format_duration, parse_duration
from shared.settings import Settings
from shared.strict import SLUG

if TYPE_CHECKING:
    from shared.access.registry import Registry
    from shared.election.calendar import Calendar

T = TypeVar("T")

Expires = Annotated[
    datetime | None,
    typer.Option(formats=["%Y-%m-%d"], help="The key's last day, in the election's zone. Without it: no end."),
]
Days = Annotated[int | None, typer.Option(min=1, max=36_500, help="The key ends in so many days.")]
USUAL_OVERLAP = format_duration(OVERLAP)
Overlap = Annotated[str, typer.Option(help="How long the old key still works: a number and s, m, h or d.")]
KeyPrefix = Annotated[str | None, typer.Option("--key", help="One key alone, as `list` shows it.")]

# What to do about a refusal, on this command line.
_REMEDIES = {
    "holder_exists": "desk {sort} rotate {name}",
    "holder_unknown": "desk {sort} list",
    "keys_two": "desk {sort} revoke {name} --key {older}",
    "key_unknown": "desk {sort} list",
}


def checked_name(name: str, example: str) -> str:
    """The name, if it can be one. Ends the command with status 2."""
    if not re.fullmatch(SLUG, name) or not name.strip("."):
        raise fail(f"{name!r} is no name; letters, digits, dot, dash and underscore only, for example {example}", 2)
    return name


def calendar_of(settings: Settings) -> Calendar:
    """Ends the command with status 2 for a bad election file or roster."""
    from shared.election.loaded import load_calendar
    from shared.yaml_files import BadFile

    try:
        return load_calendar(settings.election, settings.roster, None)
    except BadFile as error:
        raise fail(error, 2) from None


def expiry(settings: Settings, expires: datetime | None, days: int | None) -> datetime | None:
    """When a key ends. Ends the command with status 2 for a day that is over, and for both options."""
    if expires is not None and days is not None:
        raise fail("give --expires or --days, not both", 2)
    if days is not None:
        return real() + timedelta(days=days)
    if expires is None:
        return None
    ends = expires.replace(tzinfo=ZoneInfo(calendar_of(settings).election.zone)) + timedelta(days=1)
    if ends <= real():
        raise fail(f"--expires: {expires:%Y-%m-%d} is over already", 2)
    return ends


def with_registry(settings: Settings, sort: Sort, ask: Callable[[Registry], Awaitable[T]]) -> T:
    """The registry's answer. Ends the command with status 1 if it refuses or the database does not answer."""
    from desk.keys import open_keys
    from shared.mongo import DatabaseError, in_words

    async def asked() -> T:
        async with open_keys(settings) as keys:
            return await ask(keys)

    try:
        return asyncio.run(asked())
    except Refused as refused:
        raise fail(_in_words(refused, sort), 1) from None
    except DatabaseError as error:
        raise fail(f"MongoDB did not answer (DESK_MONGO names it): {in_short(in_words(error))}", 1) from None


def _in_words(refused: Refused, sort: Sort) -> str:
    from shared.texts import text

    said = text("problems", f"{refused.reason}_detail", "en", **refused.values)
    remedy = _REMEDIES.get(refused.reason, "").format(sort=sort.value, **refused.values)
    return f"{said} ({remedy})" if remedy else said


def add(settings: Settings, rights: Grant, expires_at: datetime | None, may: str) -> None:
    """Add a holder and print its key, alone on stdout."""
    from desk.who import who

    sort = Sort.AGENCY if rights.agency else Sort.PERSON
    issued = with_registry(settings, sort, lambda keys: keys.add(rights, who(), expires_at))
    until = f", until {_instant(expires_at)}" if expires_at else ""
    say(f"{rights.name} {may}{until}. This key is shown only now:")
    typer.echo(issued.key)


def rotate(settings: Settings, sort: Sort, name: str, overlap: str, expires_at: datetime | None) -> None:
    """Give a holder a second key and print it, alone on stdout."""
    from desk.who import who

    length = _overlap(overlap)
    issued = with_registry(settings, sort, lambda keys: keys.rotate(sort, name, who(), length, expires_at))
    for old in issued.holder.in_force(real())[:-1]:
        say(f"{old.prefix} works until {_instant(old.expires_at)}.")
    until = f"It ends {_instant(expires_at)}. " if expires_at else ""
    say(f"The new key of {name} has the same rights. {until}It is shown only now:")
    typer.echo(issued.key)


def _overlap(said: str) -> timedelta:
    try:
        length = parse_duration(said)
    except ValueError as error:
        raise fail(f"--overlap: {error}", 2) from None
    if length > LONGEST_OVERLAP:
        raise fail(f"--overlap: {said} is too long; {format_duration(LONGEST_OVERLAP)} at most", 2)
    return length


def revoke(settings: Settings, sort: Sort, name: str, prefix: str | None) -> None:
    """Revoke one or all keys of a holder. Ends the command with status 1 if none was in force."""
    from desk.who import who

    ended = with_registry(settings, sort, lambda keys: keys.revoke(sort, name, who(), prefix)).ended
    if not ended:
        raise fail(f"{prefix or name} has no key in force; `desk {sort.value} list` shows all", 1)
    say(f"Revoked {', '.join(ended)}. Every service knows within 30 seconds.")


def show(settings: Settings, sort: Sort, columns: Sequence[str], cells: Callable[[Grant], Iterable[str]]) -> None:
    """A table of all holders of a sort, a row a key."""
    from rich.console import Console
    from rich.table import Table

    now = real()
    table = Table(*columns, "key", "state", "made")
    for holder in with_registry(settings, sort, lambda keys: keys.listed(sort)):
        for nth, key in enumerate(holder.keys):
            about = list(cells(holder.rights)) if nth == 0 else [""] * len(columns)
            table.add_row(*about, key.prefix, state(key, now), f"{_instant(key.created_at)} by {key.created_by}")
    # A program that reads us gets whole lines, however wide its terminal is not.
    Console(width=None if sys.stdout.isatty() else 250).print(table)


def state(key: IssuedKey, now: datetime) -> str:
    """Whether a key works, in words."""
    match key.state_at(now):
        case KeyState.REVOKED:
            return f"revoked {_instant(key.revoked_at)} by {key.revoked_by}"
        case KeyState.EXPIRED:
            return f"expired {_instant(key.expires_at)}"
        case KeyState.IN_FORCE:
            return f"in force, expires {_instant(key.expires_at)}" if key.expires_at else "in force"


def _instant(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M %Z}" if at else ""
