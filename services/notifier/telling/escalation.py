"""What an alert presses for while nobody acknowledges it: who else is told, and who is told again. Pure.

The time counts from when the alarm was told first: of what is held nobody could know. Each moment is a multiple or a
sum of lengths in the receivers file, never of when somebody looked: so two who look at once press for the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from services.notifier.alerts import alerts
from services.notifier.delivery.delivery_states import HELD, SUPPRESSED

Document = dict[str, Any]
Steps = Sequence[tuple[timedelta, tuple[str, ...]]]  # after -> names of receivers
Repeats = Mapping[str, timedelta]  # name of a receiver -> how often

PRESSES = (alerts.ESCALATED, alerts.REPEATED)


@dataclass(frozen=True, slots=True)
class Press:
    """One thing that is due: `change` is `escalated` or `repeated`; `at` when it was due, `after` the time that nobody
    has acknowledged it by then."""

    change: str
    at: datetime
    after: timedelta
    receivers: tuple[str, ...]


def due(since: datetime, upto: datetime, now: datetime, steps: Steps, repeats: Repeats) -> list[Press]:
    """All that is due by `now` and was not by `upto`. Of several repeats that nobody made the last one stands for
    all."""
    found = [Press(alerts.ESCALATED, since + after, after, names) for after, names in steps]
    for every in sorted(set(repeats.values())):
        after = (now - since) // every * every
        names = tuple(sorted(name for name, often in repeats.items() if often == every))
        if after > timedelta():
            found.append(Press(alerts.REPEATED, since + after, after, names))
    return [press for press in found if upto < press.at <= now]


def next_at(since: datetime, now: datetime, steps: Steps, repeats: Repeats) -> datetime | None:
    """When something is due again; None if nothing ever is."""
    return min((moment for moment in _moments(since, now, steps, repeats) if moment > now), default=None)


def _moments(since: datetime, now: datetime, steps: Steps, repeats: Repeats) -> Iterator[datetime]:
    yield from (since + after for after, _names in steps)
    yield from (since + (max(now - since, timedelta()) // every + 1) * every for every in repeats.values())


def alarms_of(fired_at: datetime, deliveries: Iterable[Document]) -> list[Document]:
    """Those of an alert's deliveries that tell that it fired, when it did so last."""
    return [
        d
        for d in deliveries
        if d["payload"]["timestamp"] >= fired_at and d["payload"]["data"]["change"] not in (alerts.RESOLVED, *PRESSES)
    ]


def first_told(alarms: Iterable[Document]) -> datetime | None:
    """When the first of the alarms that are told was to be sent, in the election's time; None if none is."""
    return min((d["due_at"] for d in alarms if d["state"] not in (HELD, SUPPRESSED)), default=None)


def may_yet_be_told(alarms: Sequence[Document]) -> bool:
    """Whether it is worth while to look again: something is held, or nothing is planned yet."""
    return not alarms or any(d["state"] == HELD for d in alarms)
