"""What is sent: the lines of a file, each with an id if it could be given one."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from desk.submit.ids import Ids
from services.intake.batch.lines import Line, LineCutter

# What a refused line says of itself in a file of refused lines; left out when that file is sent.
PROBLEM, PROBLEM_LINE = "problem", "problem_line"
PROBLEM_FIELDS = (PROBLEM, PROBLEM_LINE)
# Longer lines than intake takes, so that it says what is wrong with them, and yet not a whole disk.
LONGEST_LINE = 1024 * 1024
_PIECE = 64 * 1024


@dataclass(frozen=True, slots=True)
class Item:
    """A line of the file: its number, its bytes as they were, and as they are sent, without an end."""

    number: int
    raw: bytes
    wire: bytes


class FileFormat(Protocol):
    """How a sort of file is read and sent. `items` first: a CSV file's header stands in it."""

    media_type: str
    suffix: str

    def items(self, pieces: Iterable[bytes], ids: Ids) -> Iterator[Item]:
        """The submissions in a file; blank lines are none. Raises UnreadableFile."""

    def head(self) -> bytes:
        """What every batch begins with, whole lines."""

    def refused_head(self) -> bytes:
        """What a file of refused lines begins with."""

    def refused(self, item: Item, problem: str) -> bytes:
        """A refused line as it was, and why: whole lines of a file that can be mended and sent."""


class UnreadableFile(Exception):
    """Why nothing of a file can be sent: a key of submit.yaml with its values."""

    def __init__(self, reason: str, **values: object) -> None:
        super().__init__(reason)
        self.reason, self.values = reason, values


def lines_of(pieces: Iterable[bytes]) -> Iterator[Line]:
    """All lines, the blank ones too. Raises UnreadableFile for one that nobody can have meant."""
    cutter = LineCutter(LONGEST_LINE)
    for lines in itertools.chain((cutter.feed(piece) for piece in pieces), [cutter.end()]):
        for line in lines:
            if line.raw is None:
                raise UnreadableFile("long_line", number=line.number)
            yield line


def pieces_of(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            yield piece
