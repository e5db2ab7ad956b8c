"""Who is told of what, worked out from the receivers file. Pure: a question about an alert is one about its `Concern`.

A receiver is told by its own selection, by every route that names it or its team, and by the steps of escalation. One
that is named by a route or a team, and selects nothing of its own, is told by routes only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from services.notifier.routing.quiet_hours import QuietHours
from services.notifier.routing.receivers import Receiver, Receivers
from services.notifier.routing.selection import Concern, Selection


@dataclass(frozen=True, slots=True)
class Step:
    """Who is told of an alert that nobody has acknowledged for so long."""

    after: timedelta
    receivers: tuple[Receiver, ...]


@dataclass(frozen=True, slots=True)
class _Way:
    """A selection, and who is told by it: names of receivers."""

    selection: Selection
    to: frozenset[str]
    repeat_every: timedelta | None = None
    steps: tuple[tuple[timedelta, frozenset[str]], ...] = ()


class Routing:
    def __init__(self, file: Receivers) -> None:
        self._file = file
        self._teams = {team.name: team for team in file.teams}

    def told(self, concern: Concern) -> tuple[Receiver, ...]:
        """Those who are told at once, in the file's order."""
        return self._named({name for way in self._holding(concern) for name in way.to})

    def tells(self, receiver: str, concern: Concern) -> bool:
        """Whether a receiver is told at once."""
        return any(receiver in way.to for way in self._holding(concern))

    def told_any(self, concerns: Iterable[Concern]) -> tuple[Receiver, ...]:
        """Those who are told of at least one at once, in the file's order."""
        return self._named({receiver.name for concern in set(concerns) for receiver in self.told(concern)})

    def covered(self, receiver: str, rule: str, regions: Iterable[str]) -> list[str]:
        """Which regions count when a receiver is told how all stand, whatever the severity and the stage."""
        selections = [s for s in self._selections.get(receiver, ()) if rule in s.rules]
        return [region for region in regions if any(s.covers(region) for s in selections)]

    def is_told_by_its_own(self, receiver: Receiver) -> bool:
        """Whether its own selection holds, which may be everything."""
        return receiver.is_of_its_own or receiver.name not in self._mentioned

    def is_ever_told(self, receiver: str) -> bool:
        """Whether anything leads to a receiver, be it the last step of an escalation."""
        return any(receiver in way.to or any(receiver in names for _, names in way.steps) for way in self._ways)

    def steps(self, concern: Concern) -> tuple[Step, ...]:
        """The escalation of an alert, of all the routes that tell of it, in order."""
        found: dict[timedelta, set[str]] = {}
        for way in self._holding(concern):
            for after, names in way.steps:
                found.setdefault(after, set()).update(names)
        return tuple(Step(after, self._named(found[after])) for after in sorted(found))

    def repeats(self, concern: Concern) -> Mapping[str, timedelta]:
        """How often those who are told at once are told again while nobody acknowledges it: the shortest of the
        routes that tell a receiver. Who is not in it is told once."""
        found: dict[str, timedelta] = {}
        for way in self._holding(concern):
            if way.repeat_every is not None:
                for name in way.to:
                    found[name] = min(way.repeat_every, found.get(name, way.repeat_every))
        return found

    def quiet_hours(self, receiver: str) -> QuietHours | None:
        """Those of its team, whichever way it is told."""
        hours = (team.quiet_hours for team in self._file.teams if receiver in team.receivers)
        return next((found for found in hours if found is not None), None)

    def muted_by(self, rule: str) -> tuple[str, ...]:
        """The rules whose firing alerts, in a region that contains its own, hold back an alert of this rule."""
        return tuple(dict.fromkeys(i.by for i in self._file.inhibit if rule in i.mutes))

    def members(self, receiver: str) -> tuple[tuple[str, str], ...]:
        """The people a receiver reaches: team and name."""
        return tuple((t.name, m.name) for t in self._file.teams for m in t.members if receiver in m.receivers)

    def receivers_of(self, name: str) -> tuple[Receiver, ...]:
        """The receivers of a team, or the receiver of that name; none for a name that is none."""
        return self._named(self._reached(name))

    def _named(self, names: set[str] | frozenset[str]) -> tuple[Receiver, ...]:
        return tuple(receiver for receiver in self._file.receivers if receiver.name in names)

    def _reached(self, *names: str) -> frozenset[str]:
        """Receivers by their own names and by their teams'."""
        teams = self._teams
        return frozenset(r for name in names for r in (teams[name].receivers if name in teams else (name,)))

    def _holding(self, concern: Concern) -> list[_Way]:
        return [way for way in self._ways if way.selection.wants(concern)]

    @cached_property
    def _mentioned(self) -> frozenset[str]:
        """Receivers that a route or a team names."""
        by_routes = (name for route in self._file.routes for name in route.named())
        return self._reached(*by_routes, *(team.name for team in self._file.teams))

    @cached_property
    def _ways(self) -> tuple[_Way, ...]:
        own = (receiver for receiver in self._file.receivers if self.is_told_by_its_own(receiver))
        by_routes = (
            _Way(
                route,
                self._reached(*route.to),
                route.repeat_every,
                tuple((step.after, self._reached(*step.to)) for step in route.escalate),
            )
            for route in self._file.routes
        )
        return (*(_Way(receiver, frozenset([receiver.name])) for receiver in own), *by_routes)

    @cached_property
    def _selections(self) -> Mapping[str, list[Selection]]:
        found: dict[str, list[Selection]] = {}
        for way in self._ways:
            for name in way.to:
                found.setdefault(name, []).append(way.selection)
        return found
