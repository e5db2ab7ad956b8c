"""`desk replay`: is the read model what the log amounts to? And if not, exchange it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Annotated

import typer

from desk.console import fail, in_short, say
from desk.options import Election, RosterFile, settings_with

if TYPE_CHECKING:
    from desk.replay.run import Errand
    from shared.settings import Settings

_CANNOT = 2


def replay(
    verify: Annotated[bool, typer.Option("--verify", help="Compare the model in use with the shadow.")] = False,
    switch: Annotated[bool, typer.Option("--switch", help="Make the shadow the model in use.")] = False,
    go_on: Annotated[
        bool, typer.Option("--go-on", help="Go on with the shadow that is there, instead of an empty one.")
    ] = False,
    accept_loss: Annotated[
        bool, typer.Option("--accept-loss", help="Exchange also where the log no longer holds everything.")
    ] = False,
    abandon: Annotated[
        bool, typer.Option("--abandon", help="Let the aggregators go on after a --switch that died.")
    ] = False,
    database: Annotated[str, typer.Option(help="The shadow's name.")] = "desk_aggregator_shadow",
    election: Election = None,
    roster: RosterFile = None,
) -> None:
    """Build the aggregator's read model once more, out of the log, into a database beside it.

    Nothing is sent or told. --verify says how the model in use differs, document by document, at the same positions of
    the log, also while events keep coming. --switch exchanges it: the aggregators stop reading by themselves for that
    time, and go on afterwards; with --verify, only if they differ. Whatever kills it, call it again.

    Exit status: 0 the same, or done; 1 different; 2 it cannot be done, and why.
    """
    from aiokafka.errors import KafkaError

    from desk.replay.run import Errand, Refused
    from desk.replay.shadow import NoShadow
    from desk.replay.switching import CannotAbandon, OthersFence, StillReading
    from desk.replay.verifying import CannotTell
    from shared.exactly_once.guard import OtherLog
    from shared.kafka.whole_topic import TopicUnread
    from shared.mongo import DatabaseError, in_words

    settings = settings_with(election=election, roster=roster)
    errand = Errand(database, verify, switch, go_on, accept_loss)
    try:
        status = _run(errand, settings, abandon)
    except (NoShadow, CannotTell, Refused, StillReading, CannotAbandon, OthersFence, TopicUnread) as error:
        raise fail(error, _CANNOT) from None
    except OtherLog as error:
        raise fail(f"{error} (docs/runbooks/other-log.md)", _CANNOT) from None
    except DatabaseError as error:
        raise fail(f"MongoDB did not do it (DESK_MONGO names it): {in_short(in_words(error))}", _CANNOT) from None
    except (KafkaError, TimeoutError, OSError) as error:
        raise fail(f"Kafka did not do it (DESK_KAFKA names it): {in_short(error)}", _CANNOT) from None
    raise typer.Exit(status)


def _run(errand: Errand, settings: Settings, abandons: bool) -> int:
    """Ends the command with status 2 for a bad election file."""
    from desk.demo.interrupts import run_until_signal
    from desk.replay.run import open_replay
    from shared import logs
    from shared.election.loaded import load_calendar
    from shared.yaml_files import BadFile

    logs.configure("replay", "CRITICAL", "text")  # what was put aside when it was first read is no news
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    try:
        calendar = load_calendar(settings.election, settings.roster, settings.obligations_from)
    except BadFile as error:
        raise fail(error, _CANNOT) from None

    async def run() -> int:
        async with open_replay(errand, settings, calendar, say, typer.echo) as opened:
            if abandons:
                await opened.switch.abandon()
                say("the aggregators go on with what they had")
                return 0
            return await opened.run()

    return run_until_signal(run())
