"""What is sent while replicas of the aggregator die: seeded events of every kind, repeated, in conflict, late,
disordered and broken. Pure.

Only what must not matter is left to chance: an event that is sent again is sent with the same bytes, wherever it
goes; other content under a known identity follows it in the same partition, since between partitions no log says which
is the first. No document comes to its bounds (200 statuses, 50 withdrawals), beyond which order would show.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

from shared.election.roster import regency_of
from shared.events.alert import AlertData, AlertEvent, AlertState
from shared.events.codec import encode
from shared.events.envelope import Envelope
from shared.events.incident_status import IncidentStatus
from shared.events.report import Condition
from shared.events.verdict import Verdict, VerdictData, VerdictEvent
from shared.topics import ALERTS, INCIDENTS, LOGISTICS, REPORTS
from tests.builders import HASH, MONDAY, a_report, a_status, a_stock, a_withdrawal, an_incident, utc

QUIET_FROM = utc("2024-11-23 16:00")
CATEGORIES = ("campaigning", "money_politics", "security", "logistics", "voting_rights")
AGAIN, ELSEWHERE, CONFLICT, BROKEN = 0.08, 0.03, 0.02, 0.002  # of all events


@dataclass(frozen=True)
class Outgoing:
    """A record to be sent to the partition of its key or, if it `strays`, to any of the topic."""

    topic: str
    key: bytes
    value: bytes
    strays: bool = False


class Stream:
    """An endless stream of events; the same seed and mark give the same stream. The mark begins all its ids; some
    records `break`, unless told otherwise."""

    def __init__(self, seed: int, regions: Sequence[str], mark: str, breaks: bool = True) -> None:
        self._broken = BROKEN if breaks else 0.0
        self._chosen = Random(f"{seed} {mark}")
        self._regions, self._mark = regions, mark
        self._number = 0
        self._again: list[Outgoing] = []

    def take(self, count: int) -> list[list[Outgoing]]:
        """So many turns; the records of a turn belong into their partitions in this order."""
        return [self._turn() for _ in range(count)]

    def _turn(self) -> list[Outgoing]:
        chosen = self._chosen
        self._number += 1
        topic, make = chosen.choice(_KINDS)
        event = make(self)
        sent = Outgoing(topic, regency_of(event.subject).encode(), encode(event))
        turn = [sent]
        if chosen.random() < CONFLICT:
            other = event.model_copy(update={"contenthash": "1" * 64, "receivedat": event.receivedat})
            turn.append(Outgoing(topic, sent.key, encode(other)))
        if chosen.random() < AGAIN:
            self._again.append(sent)
        elif chosen.random() < ELSEWHERE:
            self._again.append(Outgoing(topic, sent.key, sent.value, strays=True))
        if self._again and chosen.random() < AGAIN + ELSEWHERE:
            turn.append(self._again.pop(chosen.randrange(len(self._again))))
        if chosen.random() < self._broken:
            turn.append(Outgoing(topic, sent.key, sent.value[:-7]))
        return turn

    def _id(self, number: int | None = None) -> str:
        return f"{self._mark}{self._number if number is None else number}"

    def _region(self, number: int | None = None) -> str:
        """The region of the event of that number, of this one without one."""
        return Random(f"{self._mark} {self._number if number is None else number}").choice(self._regions)

    def _about(self) -> tuple[str, str]:
        """The id of an event near this one, of any kind, sent already or not yet, and mostly its region."""
        number = max(1, self._number + self._chosen.randrange(-30, 8))
        return self._id(number), self._region(number if self._chosen.random() < 0.9 else None)

    def _instant(self) -> datetime:
        """In no order, and so few that many are equal; on both sides of the quiet period's beginning."""
        return QUIET_FROM + timedelta(minutes=self._chosen.randrange(-2_000, 2_000), microseconds=100)

    def _report(self) -> Envelope:
        condition = self._chosen.choice(list(Condition))
        return a_report(self._instant(), region=self._region(), event_id=self._id(), condition=condition)

    def _withdrawal(self) -> Envelope:
        about, region = self._about()
        return a_withdrawal(self._instant(), about, region=region, event_id=self._id())

    def _incident(self) -> Envelope:
        category = self._chosen.choice(CATEGORIES)
        told = {"region": self._region(), "event_id": self._id(), "category": category}
        return an_incident(self._instant(), self._instant(), **told)

    def _status(self) -> Envelope:
        status = self._chosen.choice(list(IncidentStatus))
        about, region = self._about()
        return a_status(self._instant(), status, region=region, event_id=self._id(), incident_id=about)

    def _stock(self) -> Envelope:
        pieces = self._chosen.randrange(300)
        return a_stock(self._instant(), pieces, received=self._instant(), region=self._region(), event_id=self._id())

    def _verdict(self) -> Envelope:
        data = VerdictData(
            election="kaltim-2024",
            period=MONDAY,
            verdict=self._chosen.choice(list(Verdict)),
            revision=self._chosen.randrange(1, 30),
            reason="chaos",
            judged_at=self._instant(),
            due_at=QUIET_FROM,
        )
        return VerdictEvent(**self._told(), data=data)

    def _alert(self) -> Envelope:
        data = AlertData(
            alert=f"missing-report:{MONDAY}:{self._region()}",
            rule="missing-report",
            revision=self._chosen.randrange(1, 30),
            period=MONDAY,
            state=self._chosen.choice(list(AlertState)),
            raised_at=QUIET_FROM,
            details={"number": self._number},
        )
        return AlertEvent(**self._told(), data=data)

    def _told(self) -> dict[str, Any]:
        at = self._instant()
        return {
            "id": self._id(),
            "source": "/notifier",
            "subject": self._region(),
            "time": at,
            "receivedat": at,
            "contenthash": HASH,
        }


_KINDS: Sequence[tuple[str, Callable[[Stream], Envelope]]] = (
    (REPORTS.name, Stream._report),
    (REPORTS.name, Stream._report),
    (REPORTS.name, Stream._withdrawal),
    (INCIDENTS.name, Stream._incident),
    (INCIDENTS.name, Stream._incident),
    (INCIDENTS.name, Stream._status),
    (LOGISTICS.name, Stream._stock),
    (ALERTS.name, Stream._verdict),
    (ALERTS.name, Stream._alert),
)
