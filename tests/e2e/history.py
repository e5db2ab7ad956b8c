"""A history: what clients sent and were answered, what stands in the log, what the aggregator says. Pure.

`history_rules.py` says whether it fits. Nothing here or there is taken from the system's own code.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

Identity = tuple[str, str]  # agency, id


class Outcome(StrEnum):
    """How a sending ended, for the sender."""

    ACCEPTED = "accepted"  # 202
    REFUSED = "refused"  # 4xx
    UNCERTAIN = "uncertain"  # 5xx or no answer: it may have been written
    NOT_SENT = "not sent"  # nobody listened: not one byte of it went out


MAY_BE_WRITTEN = frozenset({Outcome.ACCEPTED, Outcome.UNCERTAIN})


class Position(NamedTuple):
    topic: str
    partition: int
    offset: int


@dataclass(frozen=True)
class Attempt:
    """One sending of one content under one identity. Equal contents have equal names; times are seconds of one clock.
    `status` is None without an answer; `is_duplicate` is what a 202 said; `in_batch`, whether others went with it."""

    identity: Identity
    content: str
    outcome: Outcome
    began: float
    ended: float
    status: int | None = None
    is_duplicate: bool = False
    in_batch: bool = False


@dataclass(frozen=True)
class Written:
    """One record of the log."""

    position: Position
    identity: Identity
    content: str


@dataclass(frozen=True)
class Became:
    """What the aggregator says of an identity: `others` are the later sightings, each with whether it conflicts."""

    status: str
    is_counted: bool
    position: Position
    others: Mapping[Position, bool]


@dataclass(frozen=True)
class Case:
    """All that is known of one identity; `became` is None if the aggregator does not know it."""

    attempts: Sequence[Attempt]
    written: Sequence[Written]
    became: Became | None

    @property
    def counted(self) -> str | None:
        """The content that the aggregator says it has counted; None if it has counted none."""
        if self.became is None or not self.became.is_counted:
            return None
        here = [w.content for w in self.written if w.position == self.became.position]
        return here[0] if here else f"nothing, at {self.became.position}"

    @property
    def let_in(self) -> frozenset[str]:
        """The contents that may be written."""
        return frozenset(a.content for a in self.attempts if a.outcome in MAY_BE_WRITTEN)

    @property
    def accepted(self) -> frozenset[str]:
        return frozenset(a.content for a in self.attempts if a.outcome is Outcome.ACCEPTED)


@dataclass(frozen=True)
class History:
    """What clients sent and were answered, what stands in the log, what the aggregator says."""

    attempts: Sequence[Attempt]
    written: Sequence[Written]
    became: Mapping[Identity, Became]

    def cases(self) -> dict[Identity, Case]:
        attempts: dict[Identity, list[Attempt]] = defaultdict(list)
        written: dict[Identity, list[Written]] = defaultdict(list)
        for attempt in self.attempts:
            attempts[attempt.identity].append(attempt)
        for record in self.written:
            written[record.identity].append(record)
        every = sorted(attempts.keys() | written.keys() | self.became.keys())
        return {i: Case(attempts[i], written[i], self.became.get(i)) for i in every}

    def counted(self) -> dict[Identity, str]:
        """The content that is counted under each identity."""
        return {i: case.counted for i, case in self.cases().items() if case.counted is not None}
