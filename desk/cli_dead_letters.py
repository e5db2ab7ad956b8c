"""`desk dead-letters`: records that a service could not take, and what to do with them."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from desk.console import fail, in_short, say, visible
from desk.options import settings_with

if TYPE_CHECKING:
    from desk.dead_letters import Resolver
    from shared.exactly_once.letters import Letter

T = TypeVar("T")

LINES = "\n\t"

dead_letters = typer.Typer(
    help="Records that a service put aside: list, show, retry, drop. Needs Kafka only.", no_args_is_help=True
)
Id = Annotated[str, typer.Argument(help="A letter's id, as `desk dead-letters list` shows it.")]
Ids = Annotated[list[str] | None, typer.Argument(help="Letters' ids, as `desk dead-letters list` shows them.")]
All = Annotated[bool, typer.Option("--all", help="All that are open.")]
Why = Annotated[str, typer.Option(help="Why; kept beside the letter.")]


@dead_letters.command("list")
def list_all(
    every: Annotated[bool, typer.Option("--all", help="Those that were retried or dropped too.")] = False,
) -> None:
    """Show what was put aside and why."""
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    letters = [one for one in _read() if every or one.resolved is None]
    if not letters:
        say("no dead letters" if every else "no open dead letters; --all shows those that are resolved")
        return
    whole = Column("id", no_wrap=True, overflow="fold")  # to be copied, on a narrow terminal too
    table = Table(whole, *(Column(name, overflow="fold") for name in ("since", "bytes", "why", "state")), box=SIMPLE)
    for one in letters:
        row = (one.id, f"{one.at:%Y-%m-%d %H:%M:%S} UTC", str(one.size), in_short(one.reason), _state(one))
        table.add_row(*(Text(visible(cell)) for cell in row))
    Console().print(table)


@dead_letters.command()
def show(
    letter_id: Id, raw: Annotated[bool, typer.Option(help="The record's bytes alone, to stdout.")] = False
) -> None:
    """Show one: where it stood, why it was put aside, and its bytes."""
    (letter,) = _chosen([letter_id], every=False)
    if raw:
        sys.stdout.buffer.write(letter.value)
        return
    about = {
        "id": letter.id,
        "since": f"{letter.at:%Y-%m-%d %H:%M:%S} UTC",
        "state": _state(letter),
        "reason": letter.reason,
        "trace": letter.place.trace_id if letter.place else "-",
        "key": (letter.key or b"").decode("utf-8", "backslashreplace"),
        "bytes": f"{letter.size}{' (the beginning only is kept)' if letter.is_truncated else ''}",
    }
    for name, told in about.items():
        typer.echo(f"{name + ':':7} {visible(told)}")
    typer.echo(f"\n{visible(letter.value.decode('utf-8', 'backslashreplace'), kept=LINES)}")


@dead_letters.command()
def retry(letter_ids: Ids = None, every: All = False, why: Why = "") -> None:
    """Send them again, where they were: after a mend, or a new version that understands them. Each is counted once, by
    whoever has not counted it; one that fails again becomes a dead letter again."""
    _resolve(_chosen(letter_ids or [], every), lambda resolver, letter: resolver.retry(letter, why), "sent again")


@dead_letters.command()
def drop(why: Why, letter_ids: Ids = None, every: All = False) -> None:
    """Put them away for good, with a reason. They stay in the topic until its retention ends."""
    if not why.strip():
        raise fail("--why: say why, for whoever looks at it later", 2)
    _resolve(_chosen(letter_ids or [], every), lambda resolver, letter: resolver.drop(letter, why), "dropped")


def _state(letter: Letter) -> str:
    done = letter.resolved
    if done is None:
        return "open"
    return f"{done.resolution.value} {done.at:%Y-%m-%d %H:%M} UTC by {done.by}{f': {done.why}' if done.why else ''}"


def _chosen(letter_ids: Sequence[str], every: bool) -> list[Letter]:
    """The letters named, or all that are open. Ends the command with status 2 for an id that is none."""
    if bool(letter_ids) is every:
        raise fail("name letters by their ids, or take --all", 2)
    letters = {one.id: one for one in _read()}
    if every:
        return [one for one in letters.values() if one.resolved is None]
    unknown = next((one for one in letter_ids if one not in letters), None)
    if unknown is not None:
        raise fail(f"there is no dead letter {unknown}; `desk dead-letters list --all` shows them", 2)
    return [letters[one] for one in letter_ids]


def _read() -> Sequence[Letter]:
    from desk.dead_letters import read_letters

    return _run(read_letters(settings_with()))


def _resolve(letters: Sequence[Letter], resolve: Callable[[Resolver, Letter], Awaitable[None]], done: str) -> None:
    """One after the other, each said; what fails stops nothing that was done."""
    from desk.dead_letters import open_resolver
    from desk.who import who

    async def all_of_them() -> None:
        async with open_resolver(settings_with(), who()) as resolver:
            for letter in letters:
                await resolve(resolver, letter)
                say(f"{done}: {letter.id}")

    if not letters:
        say("there is nothing to do")
        return
    _run(all_of_them())


def _run(asked: Coroutine[Any, Any, T]) -> T:
    """Ends the command with status 1 if Kafka does not answer."""
    from aiokafka.errors import KafkaError

    from desk.dead_letters import Unsendable
    from shared.kafka.producer import PublishFailed
    from shared.kafka.whole_topic import TopicUnread

    try:
        return asyncio.run(asked)
    except (TopicUnread, Unsendable) as error:
        raise fail(error, 1) from None
    except (KafkaError, PublishFailed, TimeoutError, OSError) as error:
        raise fail(f"Kafka did not answer (DESK_KAFKA names it): {in_short(error)}", 1) from None
