"""`desk backup` and `desk restore`: MongoDB in one file, and back."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Annotated

import typer

from desk.console import fail, in_short, say
from desk.options import settings_with

if TYPE_CHECKING:
    from shared.settings import Settings

File = Annotated[Path, typer.Argument(help="The file; `-` is stdout, or stdin.")]
_REFUSED, _FAILED = 2, 1
_STREAM = Path("-")


def backup(file: File) -> None:
    """Write all four databases into one file, as of one moment, while everything runs.

    With compose: `docker compose run --rm -T init desk backup - > FILE`. The file holds personal data and hashes of
    keys. What comes after that moment stands in Kafka, and is read again after a restore.

    Exit status: 0 done; 1 MongoDB did not do it, or the file could not be written; 2 it cannot be done, and why.
    """
    from desk.backup.taking import CannotBackUp, connected, take

    settings = settings_with()
    with _told(), _new_file(file) as out, connected(settings.mongo) as client:
        try:
            head = take(client, out)
        except CannotBackUp as error:
            raise fail(error, _REFUSED) from None
    say(f"backed up as of {head.as_of}: about {head.documents:,} documents")


def restore(
    file: Annotated[Path | None, typer.Argument(help="The file; `-` is stdin.")] = None,
    replace: Annotated[
        bool, typer.Option("--replace", help="Put it in the place of what is there, all of it.")
    ] = False,
    stopped: Annotated[
        bool, typer.Option("--stopped", help="Kafka cannot be asked, and the services are stopped.")
    ] = False,
    abandon: Annotated[bool, typer.Option("--abandon", help="Let things be as before a restore that died.")] = False,
) -> None:
    """Bring a backup back, whole or not at all: until the file is read and right nothing changes.

    Stop intake, aggregators and notifiers first. `docker compose run --rm -T init desk restore - < FILE` with compose.
    Start them afterwards: they read on in Kafka from where the backup was. Whatever kills it, call it again.

    Exit status: 0 done; 1 MongoDB did not do it, or the file could not be opened; 2 it is refused, and why.
    """
    from desk.backup.archive import BadArchive
    from desk.backup.restoring import NotEmpty, Restoring, StillReading
    from desk.backup.taking import connected
    from desk.init import make_indexes
    from desk.who import who

    settings = settings_with()
    with _told():
        _found(settings)
        with connected(settings.mongo) as client:
            restoring = Restoring(client, who(), _readers(settings, stopped))
            try:
                if restoring.is_half_done():
                    say("an earlier restore died half-way: ending it")
                    restoring.finish()
                elif abandon:
                    restoring.abandon()
                    say("all is as it was")
                    return
                else:
                    with _old_file(file) as source:
                        head = restoring.run(source, replace)
                    say(f"restored as of {head.as_of}; what came afterwards is read from Kafka when the services run")
            except (BadArchive, NotEmpty, StillReading) as error:
                raise fail(f"{file}: {error}" if isinstance(error, BadArchive) else error, _REFUSED) from None
        asyncio.run(make_indexes(settings, timeout_s=3_600))


@contextmanager
def _told() -> Iterator[None]:
    """Ends the command where a peer or the disk fails."""
    from aiokafka.errors import KafkaError
    from pymongo.errors import PyMongoError

    from shared.mongo import in_words

    try:
        yield
    except PyMongoError as error:
        raise fail(f"MongoDB did not do it (DESK_MONGO names it): {in_short(in_words(error))}", _FAILED) from None
    except (KafkaError, TimeoutError) as error:
        told = f"Kafka, which knows who runs, did not answer: {in_short(error)}; --stopped if nobody does"
        raise fail(told, _REFUSED) from None
    except OSError as error:
        raise fail(f"{error.filename or 'the file'}: {error.strerror or error}", _FAILED) from None


@contextmanager
def _new_file(path: Path) -> Iterator[IO[bytes]]:
    """Under its name only when it is complete and on the disk."""
    if path == _STREAM:
        if sys.stdout.isatty():
            raise fail("a backup is no text for a terminal: name a file, or redirect", _REFUSED)
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    if path.exists():
        raise fail(f"{path} is there already", _REFUSED)
    part = path.with_name(path.name + ".part")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        try:
            yield out
        except BaseException:
            part.unlink()
            raise
        out.flush()
        os.fsync(out.fileno())
    part.rename(path)


@contextmanager
def _old_file(path: Path | None) -> Iterator[IO[bytes]]:
    if path is None:
        raise fail("name the file, or `-` for stdin", _REFUSED)
    if path == _STREAM:
        yield sys.stdin.buffer
        return
    with path.open("rb") as source:
        yield source


def _found(settings: Settings) -> None:
    """A database that was lost is no replica set yet."""
    from desk.init import InitFailed, keep_trying
    from desk.replica_set import NotAReplicaSet, NotYetPrimary, found_replica_set
    from shared.mongo import DatabaseError

    try:
        keep_trying("MongoDB", lambda: found_replica_set(settings.mongo), (DatabaseError, NotYetPrimary), say)
    except (InitFailed, NotAReplicaSet) as error:
        raise fail(error, _FAILED) from None


def _readers(settings: Settings, stopped: bool) -> Callable[[], Sequence[str]]:
    from shared.kafka.group_members import group_members
    from shared.kafka.security import security_of
    from shared.topics import AGGREGATOR_GROUP, NOTIFIER_GROUP

    async def ask() -> list[str]:
        logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
        found = []
        for group in (AGGREGATOR_GROUP, NOTIFIER_GROUP):
            members = await group_members(settings.kafka, group, security_of(settings))
            found += [f"{group.removeprefix('desk.')} at {member}" for member in members]
        return found

    return list if stopped else lambda: asyncio.run(ask())
