"""`desk receivers`: how those who are told are doing, a test message, and told anew. Reads the receivers file."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from desk.console import fail, in_short, say, visible
from desk.options import Election, ReceiversFile, RosterFile, settings_with
from shared.settings import Settings

if TYPE_CHECKING:
    from datetime import datetime

    from services.notifier.routing.addresses import Address
    from services.notifier.routing.receivers import Receivers

T = TypeVar("T")

receivers = typer.Typer(help="Receivers of notices: list, test, enable.", no_args_is_help=True)
Name = Annotated[str, typer.Argument(help="A receiver's name in the receivers file.")]
NameOrTeam = Annotated[str, typer.Argument(help="A receiver's or a team's name in the receivers file.")]


@receivers.command("list")
def list_all(receivers: ReceiversFile = None) -> None:
    """Show whether each is told, what waits for it and what is dead."""
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    from desk.receivers import states

    settings = settings_with(receivers=receivers)
    found = _asked(states(settings, _addresses(settings)))
    whole = Column("name", no_wrap=True, overflow="fold")  # to be copied, on a narrow terminal too
    others = ("channel", "state", "breaker", "last success", "pending", "dead", "why")
    table = Table(whole, *(Column(name, overflow="fold") for name in others))
    for one in found:
        why = one["disabled_because"] or (one["last_problem"] if one["state"] != "ok" else "")
        row = [one["name"], one["channel"], one["state"], one["breaker"], _instant(one["last_success_at"])]
        row += [str(one["pending"]), str(one["dead"]), why or ""]
        table.add_row(*(Text(visible(cell)) for cell in row))
    Console().print(table)


@receivers.command("test")
def try_out(
    name: NameOrTeam, receivers: ReceiversFile = None, election: Election = None, roster: RosterFile = None
) -> None:
    """Send one marked test message through the real channel and say how it went. Status 1 if it did not arrive.

    To a team: one to each receiver of its members; status 1 if any did not arrive. Nothing is stored and nothing tried
    again; neither Kafka nor MongoDB is needed.
    """
    from desk.receivers import try_out as send
    from services.notifier.routing.routing import Routing
    from shared.election.loaded import load_calendar
    from shared.yaml_files import BadFile

    settings = settings_with(receivers=receivers, election=election, roster=roster)
    file = _file(settings)
    routing = Routing(file)
    addresses = routing.receivers_of(name) or (_chosen(file.receivers, name, [team.name for team in file.teams]),)
    try:
        calendar = load_calendar(settings.election, settings.roster, settings.obligations_from)
    except BadFile as error:
        raise fail(error, 2) from None
    is_all_delivered = True
    for address in addresses:
        tried = asyncio.run(send(settings, calendar, address))
        people = "".join(f", {person}" for team, person in routing.members(address.name) if team == name)
        who = f"{address.name} ({address.channel}{people})"
        if tried.is_delivered:
            typer.echo(f"{who}: delivered: {visible(tried.outcome)}")
        else:
            say(f"{who}: not delivered: {visible(tried.outcome)}")
            is_all_delivered = False
    if not is_all_delivered:
        raise typer.Exit(1)


@receivers.command()
def enable(name: Name, receivers: ReceiversFile = None) -> None:
    """Tell one again that wanted no more (410), or whose breaker is open. Dead deliveries stay dead."""
    from desk.receivers import enable as enable_it
    from desk.who import who

    settings = settings_with(receivers=receivers)
    _chosen(_addresses(settings), name)
    _asked(enable_it(settings, name, who()))
    say(f"{name} is told again, from now on")


def _addresses(settings: Settings) -> tuple[Address, ...]:
    """Ends the command with status 2 for a bad file."""
    return _file(settings).receivers


def _file(settings: Settings) -> Receivers:
    """Ends the command with status 2 for a bad file."""
    from services.notifier.routing.receivers import read_receivers
    from shared.yaml_files import BadFile

    try:
        return read_receivers(settings.receivers)
    except BadFile as error:
        raise fail(error, 2) from None


def _chosen(addresses: Sequence[Address], name: str, teams: Sequence[str] = ()) -> Address:
    """Ends the command with status 2 for a name that is none."""
    found = next((a for a in addresses if a.name == name), None)
    if found is None:
        beside = f", and the teams {', '.join(teams)}" if teams else ""
        raise fail(f"there is no receiver {name}; there are {', '.join(a.name for a in addresses)}{beside}", 2)
    return found


def _asked(asking: Coroutine[Any, Any, T]) -> T:
    """Ends the command with status 1 if the database does not answer."""
    from shared.mongo import DatabaseError, in_words

    try:
        return asyncio.run(asking)
    except DatabaseError as error:
        raise fail(f"MongoDB did not answer (DESK_MONGO names it): {in_short(in_words(error))}", 1) from None


def _instant(at: datetime | None) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC" if at else "never"
