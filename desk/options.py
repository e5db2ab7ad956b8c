"""Options that several commands share, and the settings under them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from desk.console import fail
from shared.settings import PREFIX, BadSettings, Settings, read_settings

PortBase = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=65_000,
        help="First of six ports in a row: intake, aggregator, notifier, Kafka, MongoDB, "
        "Kafka's controller. Random free ones by default.",
    ),
]
Election = Annotated[Path | None, typer.Option(help="The election file (default: DESK_ELECTION).")]
RosterFile = Annotated[Path | None, typer.Option(help="The roster, if not the one the election file names.")]
ReceiversFile = Annotated[
    Path | None, typer.Option(help="Who is told of what (default: DESK_RECEIVERS, else the console alone).")
]
Clock = Annotated[
    str | None,
    typer.Option(
        help="A scenario clock, <start>@<rate>, for example 2024-11-18T08:00:00+08:00@60: it stands until "
        "all is ready, then runs at <rate> seconds a second."
    ),
]


def settings_with(**given: Path | None) -> Settings:
    """The environment's settings, with the options that were given put over them. Ends the command with status 2."""
    over = {PREFIX + name.upper(): str(path) for name, path in given.items() if path is not None}
    try:
        return read_settings({**os.environ, **over})
    except BadSettings as error:
        raise fail(error, 2) from None
