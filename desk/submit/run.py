"""`desk submit` from its first line to its last."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import itertools
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import aiohttp

from desk.submit.call import Never, Target
from desk.submit.csv_file import CsvFile
from desk.submit.ids import Ids
from desk.submit.items import FileFormat, Item, UnreadableFile, pieces_of
from desk.submit.ndjson_file import NdjsonFile
from desk.submit.progress_file import Progress, load_progress, progress_path, remove_progress, save_progress
from desk.submit.refused_file import new_refused_path, write_refused
from desk.submit.screen import Screen, summary
from desk.submit.sending import Became, Final, GaveUp, Patience, Sender
from shared.texts import text

ALL_ACCEPTED, SOME_REFUSED, MISUSED, GAVE_UP = 0, 1, 2, 3
LINES, BYTES = 500, 512 * 1024  # of one call

_JSON_SUFFIXES = (".ndjson", ".jsonl", ".json")
_WORKBOOKS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")  # .xlsx and .ods, .xls


class Misused(Exception):
    """The file or its place cannot be used; the message is for people."""


@dataclass(frozen=True)
class Errand:
    """What to send. With `is_anew` an interrupted sending is forgotten."""

    file: Path
    target: Target
    is_anew: bool
    give_up_after_s: float


class Submission:
    """One run over a file."""

    def __init__(self, errand: Errand, today: date) -> None:
        self._errand, self._target, self._today = errand, errand.target, today
        self._form = _form_of(errand.file, errand.target.kind)
        self._path = progress_path(errand.file)
        self._total, self._sha256 = self._survey()
        self._screen = Screen(errand.target.language, self._total)
        self._progress, self._is_resumed = self._begin()

    async def run(self) -> int:
        """The exit status."""
        try:
            with self._screen.counting(self._progress.done):
                await self._send()
        except Never as error:
            if not self._progress.done:
                remove_progress(self._path)
            self._screen.say("never", problem=error)
            return MISUSED
        except GaveUp as error:
            self._screen.say("gave_up", problem=error)
            return GAVE_UP
        except asyncio.CancelledError:
            self._screen.say("interrupted")
            raise
        remove_progress(self._path)
        sys.stdout.write(summary(self._progress, self._target.language, self._target.is_dry_run) + "\n")
        return SOME_REFUSED if self._progress.refused else ALL_ACCEPTED

    async def _send(self) -> None:
        patience = Patience(
            self._errand.give_up_after_s,
            lambda problem, wait_s: self._screen.say("waiting", problem=problem, seconds=round(wait_s)),
            lambda _: self._screen.count_one(),
        )
        was_tried = self._is_resumed  # what was on its way when the last run ended
        items = self._form.items(pieces_of(self._errand.file), Ids(self._progress.began))
        async with aiohttp.ClientSession() as session:
            sender = Sender(session, self._target, self._form, patience, LINES)
            for batch in _batches(itertools.islice(items, self._progress.done, None)):
                self._keep(await sender.deliver(batch, was_tried))
                was_tried = False

    def _keep(self, finals: Sequence[Final]) -> None:
        """Write down what became of a batch: the refused lines first, so that none is lost if we die in between."""
        sent = self._progress
        refused = [final for final in finals if final.became is Became.REFUSED]
        sent.refused_bytes = write_refused(self._refused_path, self._form, refused, sent.refused_bytes)
        sent.done += len(finals)
        sent.accepted += sum(final.became is Became.ACCEPTED for final in finals)
        sent.duplicates += sum(final.became is Became.DUPLICATE for final in finals)
        for final in refused:
            sent.refused[final.reason] = sent.refused.get(final.reason, 0) + 1
        if not self._target.is_dry_run:
            save_progress(self._path, sent)

    @property
    def _refused_path(self) -> Path:
        return self._errand.file.with_name(self._progress.refused_file)

    def _survey(self) -> tuple[int, str]:
        """How many items the file has, and its SHA-256. Raises UnreadableFile, OSError."""
        digest = hashlib.sha256()

        def pieces() -> Iterator[bytes]:
            for piece in pieces_of(self._errand.file):
                digest.update(piece)
                yield piece

        total = sum(1 for _ in self._form.items(pieces(), Ids(self._today)))
        if total == 0:
            raise UnreadableFile("empty")
        return total, digest.hexdigest()

    def _begin(self) -> tuple[Progress, bool]:
        """Where to begin, and whether an earlier run is gone on with. Raises OSError if nothing can be written."""
        file, target, sha256 = self._errand.file, self._target, self._sha256
        if target.is_dry_run:
            path = file.with_name(f"{file.stem}.refused-dry-run{self._form.suffix}")
            path.unlink(missing_ok=True)
            return self._fresh(path), False
        if not self._errand.is_anew:
            found = load_progress(self._path, sha256, target.url, target.kind, self._today)
            if found is not None:
                self._screen.say("resuming", began=found.began, done=found.done, total=self._total)
                return found, True
        fresh = self._fresh(new_refused_path(file, self._form.suffix))
        save_progress(self._path, fresh)
        return fresh, False

    def _fresh(self, refused_path: Path) -> Progress:
        return Progress(
            sha256=self._sha256,
            url=self._target.url,
            kind=self._target.kind,
            began=self._today,
            refused_file=refused_path.name,
        )


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    batch: list[Item] = []
    size = 0
    for item in items:
        if batch and (len(batch) == LINES or size + len(item.wire) > BYTES):
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += len(item.wire)
    if batch:
        yield batch


def _form_of(file: Path, kind: str | None) -> FileFormat:
    """By the file's name, else by its first letter. Raises OSError, UnreadableFile."""
    first = next(pieces_of(file), b"")
    if first.startswith(_WORKBOOKS):  # whatever its name says
        raise UnreadableFile("workbook")
    suffix = file.suffix.lower()
    if suffix in _JSON_SUFFIXES:
        return NdjsonFile(kind)
    if suffix != ".csv" and first.lstrip(b"\xef\xbb\xbf \r\n\t").startswith(b"{"):
        return NdjsonFile(kind)
    return CsvFile(kind)


@contextmanager
def _alone(file: Path) -> Iterator[None]:
    """One process a file. Raises BlockingIOError."""
    with file.open("rb") as opened:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield


async def submit(errand: Errand, today: date) -> int:
    """Send a file; the exit status. `today` is the sender's own. Raises Misused."""
    language, path = errand.target.language, errand.file
    try:
        with _alone(path):
            return await Submission(errand, today).run()
    except UnreadableFile as error:
        raise Misused(text("submit", error.reason, language, path=path, **error.values)) from None
    except BlockingIOError:
        raise Misused(text("submit", "in_use", language, path=path)) from None
    except OSError as error:
        key = "no_file" if error.filename == str(path) else "no_place"
        raise Misused(text("submit", key, language, path=path, problem=error.strerror)) from None
