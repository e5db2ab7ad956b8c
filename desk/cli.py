"""The command line: each command is a thin wrapper that turns what may go wrong into one clear line and a status.

Status 0: done. 1: something did not answer, could not be started or was refused. 2: a setting, an option or a file is
wrong. 128 + n: ended by signal n. What a command needs is imported when it runs: `desk --help` answers at once.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from desk.cli_agency import agency
from desk.cli_backup import backup, restore
from desk.cli_continue_log import continue_log
from desk.cli_dead_letters import dead_letters
from desk.cli_doctor import doctor
from desk.cli_partitions import partitions
from desk.cli_person import person
from desk.cli_receivers import receivers as receivers_commands
from desk.cli_replay import replay
from desk.cli_submit import submit
from desk.console import Commands, fail, in_short, say
from desk.options import Clock, Election, PortBase, ReceiversFile, RosterFile, settings_with

main = typer.Typer(
    name="desk",
    cls=Commands,
    help="Desk Pilkada: weekly reports, incidents and alerts for Indonesia's regional election desks.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,  # it would show local variables, keys among them
    add_completion=False,
)
main.add_typer(agency, name="agency")
main.add_typer(person, name="person")
main.add_typer(dead_letters, name="dead-letters")
main.add_typer(receivers_commands, name="receivers")
main.command()(submit)
main.command()(partitions)
main.command()(doctor)
main.command()(replay)
main.command()(backup)
main.command()(restore)
main.command()(continue_log)


@main.command()
def up(
    data_dir: Annotated[Path, typer.Option(help="Where the stack keeps its data, logs and keys.")] = Path(".data/up"),
    port_base: PortBase = None,
    election: Election = None,
    roster: RosterFile = None,
    clock: Clock = None,
    receivers: ReceiversFile = None,
) -> None:
    """Run broker, database and services here, without Docker, until Ctrl-C.

    Stdout gets one JSON line with addresses and keys when all is ready; everything else goes to stderr. What dies is
    started again on its port. Exit status: 130 after Ctrl-C, 143 after SIGTERM, 2 for a bad setting or file, 1 for
    anything else that keeps the stack from starting.
    """
    from desk.running import Misconfigured, StackError, StackOptions
    from desk.up import up as run

    try:
        run(StackOptions(data_dir, port_base, election, roster, receivers, clock))
    except Misconfigured as error:
        raise fail(error, 2) from None
    except StackError as error:
        raise fail(error, 1) from None


@main.command()
def demo(
    data_dir: Annotated[Path | None, typer.Option(help="Where to keep data; a fresh place by default.")] = None,
    port_base: PortBase = None,
    plain: Annotated[bool, typer.Option(help="Plain lines, without colours and boxes.")] = False,
) -> None:
    """Replay East Kalimantan's November 2024 and show what happens."""
    from desk.demo.run import run_demo

    raise typer.Exit(run_demo(data_dir, port_base, plain))


@main.command()
def init(
    stack_keys: Annotated[Path | None, typer.Option(hidden=True)] = None,
) -> None:
    """Prepare Kafka and MongoDB: replica set, topics, indexes, the first admin key (DESK_ADMIN_KEY), and with
    DESK_USERS_DIR the services' users and rights.

    Waits for both, up to two minutes each. Running it again changes nothing.
    """
    from desk.init import InitFailed, initialise
    from desk.replica_set import NotAReplicaSet
    from shared.mongo import DatabaseError, in_words
    from shared.production import refuse_unsafe
    from shared.settings import BadSettings

    settings = settings_with()
    try:
        refuse_unsafe(settings)
        initialise(settings, say, stack_keys)
    except BadSettings as error:
        raise fail(error, 2) from None
    except (InitFailed, NotAReplicaSet) as error:
        raise fail(error, 1) from None
    except (DatabaseError, TimeoutError) as error:
        raise fail(f"MongoDB did not answer (DESK_MONGO names it): {in_short(in_words(error))}", 1) from None


@main.command()
def check(
    election: Election = None,
    roster: RosterFile = None,
    receivers: ReceiversFile = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Say who would be told of what, and nothing else.")
    ] = False,
) -> None:
    """Read the election file, the roster and the receivers file, and say in words what they say."""
    from desk.checking import describe
    from desk.explaining import explain as explained
    from services.notifier.routing.receivers import check_stages, read_receivers
    from shared.election.loaded import load_calendar
    from shared.yaml_files import BadFile

    settings = settings_with(election=election, roster=roster, receivers=receivers)
    try:
        calendar = load_calendar(settings.election, settings.roster, settings.obligations_from)
        told = read_receivers(settings.receivers)
        check_stages(settings.receivers, told, calendar)
    except BadFile as error:
        raise fail(error, 2) from None
    lines = explained(calendar, told) if explain else describe(calendar, told, settings.journal_retention)
    for line in lines:
        typer.echo(line)


@main.command()
def settings() -> None:
    """Print the table of all settings (environment variables), in Markdown."""
    from shared.settings import as_table

    typer.echo(as_table())
