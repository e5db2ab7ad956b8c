"""What a person reads goes to stderr; stdout is for results that a program may read."""

from __future__ import annotations

from contextlib import suppress

import typer


def say(text: str) -> None:
    """One message for people. A reader that has gone away stops nothing."""
    with suppress(OSError):
        typer.echo(f"desk: {text}", err=True)


def fail(problem: object, status: int) -> typer.Exit:
    """Say what is wrong; to be raised."""
    say(str(problem))
    return typer.Exit(status)
