"""Records of the log, and where they stand: what the broker's side and the readers' side both speak of. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple


# Named tuples, since each event makes one of each: a frozen dataclass takes three times as long to make.
class Position(NamedTuple):
    """Where a record stands in the log."""

    topic: str
    partition: int
    offset: int

    @property
    def log(self) -> str:
        """The partition's name as a MongoDB key: `reports:3` for partition 3 of `desk.reports`."""
        return log_name(self.topic, self.partition)


@cache  # a handful of names, asked for several times an event
def log_name(topic: str, partition: int) -> str:
    return f"{topic.removeprefix('desk.')}:{partition}"


# By a partition's name, the next offset to read, or the one where to stop.
Places = Mapping[str, int]


class Record(NamedTuple):
    """A record as it came from the broker; `headers` are raw, since anyone may have written them."""

    position: Position
    key: bytes | None
    value: bytes
    headers: tuple[tuple[str, bytes], ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """What a partition holds: `beginning`, the first offset still kept, and the first record at or after the position
    that was looked at; None where the log ends before it."""

    beginning: int
    record: Record | None

    def value_at(self, offset: int) -> bytes | None:
        """The bytes at the offset that was looked at; None where no record stands."""
        found = self.record
        return found.value if found is not None and found.position.offset == offset else None
