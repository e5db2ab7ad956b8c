"""What a person reads goes to stderr; stdout is for results that a program may read."""

from __future__ import annotations

import textwrap
from contextlib import suppress
from typing import Any

import typer
from typer.core import TyperGroup

LONGEST = 240


class Commands(TyperGroup):
    """The commands and those below them. What is wrong with an option is said without the words that pydantic puts in
    front of it."""

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except typer.BadParameter as error:
            error.message = error.message.removeprefix("Value error, ")
            raise


def say(text: str) -> None:
    """One message for people. A reader that has gone away stops nothing."""
    with suppress(OSError):
        typer.echo(f"desk: {text}", err=True)


def in_short(error: Exception | str) -> str:
    """The first thing an error says: drivers append pages on their timeouts and topologies."""
    text = str(error).partition(" (configured timeouts")[0]
    return textwrap.shorten(text, LONGEST, placeholder=" ...") or type(error).__name__


def visible(text: str, kept: str = "") -> str:
    """What others wrote, for a terminal: what it would obey, or show to nobody, is written out."""
    return "".join(char if char.isprintable() or char in kept else ascii(char)[1:-1] for char in text)


def fail(problem: object, status: int) -> typer.Exit:
    """Say what is wrong; to be raised."""
    say(str(problem))
    return typer.Exit(status)
