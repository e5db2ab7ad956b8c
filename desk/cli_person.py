"""`desk person`: people, their roles and their keys."""

from __future__ import annotations

from typing import Annotated

import typer

from desk import cli_holders
from desk.cli_holders import USUAL_OVERLAP, Days, Expires, KeyPrefix, Overlap
from desk.console import say
from desk.options import settings_with
from shared.access.holders import Sort
from shared.access.keys import Role

person = typer.Typer(
    help="People and their keys: add, list, rotate, revoke, change. Needs MongoDB only.", no_args_is_help=True
)
Name = Annotated[str, typer.Argument(help="A short name; it stands beside everything that the person does.")]
AnyRole = Annotated[
    Role, typer.Option(help="viewer reads; operator also acknowledges, silences, excuses; admin also makes keys.")
]


@person.command()
def add(name: Name, role: AnyRole, expires: Expires = None, days: Days = None) -> None:
    """Make a new person and print their first key, this once: only its hash is kept."""
    from desk.keys import person_grant

    settings = settings_with()
    cli_holders.checked_name(name, "ani")
    ends = cli_holders.expiry(settings, expires, days)
    cli_holders.add(settings, person_grant(name, role), ends, f"has the role {role.value}")


@person.command("list")
def list_all() -> None:
    """Show all people, their roles and their keys, as far as these may be shown."""
    cli_holders.show(settings_with(), Sort.PERSON, ("person", "role"), lambda r: (r.name, r.role or ""))


@person.command()
def rotate(name: Name, overlap: Overlap = USUAL_OVERLAP, expires: Expires = None, days: Days = None) -> None:
    """Make a second key with the same role and print it, this once. The old one ends after the overlap."""
    settings = settings_with()
    cli_holders.rotate(settings, Sort.PERSON, name, overlap, cli_holders.expiry(settings, expires, days))


@person.command()
def revoke(name: Name, key: KeyPrefix = None) -> None:
    """Revoke all keys of a person, or one. Every service knows within 30 seconds."""
    cli_holders.revoke(settings_with(), Sort.PERSON, name, key)


@person.command()
def change(name: Name, role: AnyRole) -> None:
    """Give a person another role; their keys stay."""
    cli_holders.with_registry(settings_with(), Sort.PERSON, lambda keys: keys.change(Sort.PERSON, name, role=role))
    say(f"{name} has the role {role.value}. Every service knows within 30 seconds.")
