"""Who would be told of what: a dry run of the receivers file, in words. Pure.

Every rule is tried in every region that the file names and every province, with each severity it may have, in every
stage; what comes out the same is said once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TypeVar

from services.notifier import rules
from services.notifier.routing.receivers import Receiver, Receivers
from services.notifier.routing.routing import Routing
from services.notifier.routing.selection import Concern
from services.notifier.rules.rule import Rule, Severity
from shared.access.keys import EVERYWHERE
from shared.election.calendar import Calendar
from shared.election.config import Level
from shared.election.durations import format_duration
from shared.election.roster import ancestors_and_self
from shared.events.envelope import SYSTEM

K = TypeVar("K")
V = TypeVar("V")
Lines = tuple[str, ...]

NOBODY = "NOBODY"
_MOST_NAMES = 5


def explain(calendar: Calendar, file: Receivers) -> Iterator[str]:
    """A paragraph for each rule, then what else holds."""
    dry_run = _DryRun(calendar, file)
    for rule in rules.BY_NAME.values():
        yield from dry_run.rule(rule)
    yield from inhibitions(file)
    yield from doubts(calendar, file)


def inhibitions(file: Receivers) -> Iterator[str]:
    """Which alerts hold others back."""
    for inhibition in file.inhibit:
        if inhibition.by in rules.BY_NAME:
            muted = ", ".join(inhibition.mutes)
            yield f"While {inhibition.by} fires in a region, it holds back there: {muted}."


class _DryRun:
    def __init__(self, calendar: Calendar, file: Receivers) -> None:
        self._calendar, self._file, self._routing = calendar, file, Routing(file)
        named = {r for _key, s in file.selections() for r in s.regions if r != EVERYWHERE}
        self._provinces = [region.code for region in calendar.roster.at_level(Level.PROVINCE)]
        self._regions = sorted({*self._provinces, *(code for code in named if code in calendar.roster)})
        self._stages = _stages_together(calendar)

    def rule(self, rule: Rule) -> Iterator[str]:
        collected = f"; what happens within {format_duration(self._file.digest_wait)} is told together"
        yield f"{rule.name}{collected if rule.is_digested else ''}:"
        by_severity = {s: _alike({t: self._by_region(rule, s, t) for t in self._stages}) for s in rule.severities}
        for severities, by_stages in _alike(by_severity):
            for stages, by_region in by_stages:
                how = "" if len(severities) == len(Severity) else " or ".join(s.word for s in severities)
                when = "" if len(stages) == len(self._stages) else "in " + " or ".join(map(_together, stages))
                for where, (first, *more) in by_region:
                    yield f"  {', '.join(filter(None, [where, how, when]))}: {first}"
                    yield from (f"    {line}" for line in more)

    def _by_region(self, rule: Rule, severity: Severity, stages: frozenset[str]) -> tuple[tuple[str, Lines], ...]:
        """Where, in words, and who is told there."""
        if rule.is_about_the_system:
            return (("everywhere", self._outcome(Concern(rule.name, SYSTEM, severity, stages))),)
        found = {c: self._outcome(Concern(rule.name, c, severity, stages)) for c in self._regions}
        own = {code: lines for code, lines in found.items() if not self._is_as_above(code, found)}
        return tuple((self._where(codes, len(own)), lines) for codes, lines in _alike(own))

    def _is_as_above(self, code: str, found: Mapping[str, Lines]) -> bool:
        above = next((a for a in list(ancestors_and_self(code))[1:] if a in found), None)
        return above is not None and found[above] == found[code]

    def _where(self, codes: Sequence[str], of: int) -> str:
        if set(self._provinces) <= set(codes):
            return "everywhere" if len(codes) == of else "everywhere else"
        names = [f"{self._calendar.roster.name(code)} ({code})" for code in codes]
        more = len(names) - _MOST_NAMES
        return ", ".join(names[:_MOST_NAMES]) + (f" and {more} others" if more > 0 else "")

    def _outcome(self, concern: Concern) -> Lines:
        """Who is told at once, then what follows."""
        told, repeats = self._routing.told(concern), self._routing.repeats(concern)
        steps = self._routing.steps(concern)
        concerned = dict.fromkeys([*told, *(r for step in steps for r in step.receivers)])
        return (
            self._people(told) or NOBODY,
            *(
                f"again every {format_duration(every)} until somebody acknowledges it: {self._people(names)}"
                for every, names in _by_interval(told, repeats)
            ),
            *(
                f"after {format_duration(step.after)}, if nobody has acknowledged it: {self._people(step.receivers)}"
                for step in steps
            ),
            *self._waits(concerned, concern.severity),
        )

    def _waits(self, receivers: Iterable[Receiver], severity: Severity) -> Iterator[str]:
        for names, quiet in _alike({r.name: self._routing.quiet_hours(r.name) for r in receivers}):
            if quiet is not None and severity < quiet.below:
                hours = f"from {time_of_day(quiet.from_)} to {time_of_day(quiet.to)}, local time"
                yield f"waits {hours}: {', '.join(names)}"

    def _people(self, receivers: Iterable[Receiver]) -> str:
        """Receivers with the people they reach."""
        reached = ((r.name, ", ".join(name for _team, name in self._routing.members(r.name))) for r in receivers)
        return ", ".join(f"{name} ({people})" if people else name for name, people in reached)


def _alike(outcomes: Mapping[K, V]) -> tuple[tuple[tuple[K, ...], V], ...]:
    """The keys that come out the same, in their order, with what comes out."""
    found: dict[V, list[K]] = {}
    for key, value in outcomes.items():
        found.setdefault(value, []).append(key)
    return tuple((tuple(keys), value) for value, keys in found.items())


def _by_interval(told: Iterable[Receiver], repeats: Mapping[str, timedelta]) -> list[tuple[timedelta, list[Receiver]]]:
    found: dict[timedelta, list[Receiver]] = {}
    for receiver in told:
        if receiver.name in repeats:
            found.setdefault(repeats[receiver.name], []).append(receiver)
    return sorted(found.items(), key=lambda item: item[0])


def _stages_together(calendar: Calendar) -> list[frozenset[str]]:
    """The stages that hold at the same time, on each day on which one begins or has ended, and none."""
    stages = calendar.election.stages
    days = sorted({day for s in stages for day in (s.from_, s.to + timedelta(days=1))})
    together = (frozenset(s.stage for s in stages if s.from_ <= day <= s.to) for day in days)
    return list(dict.fromkeys([*together, frozenset()]))


def _together(stages: frozenset[str]) -> str:
    return " with ".join(sorted(stages)) or "no stage"


def time_of_day(of_day: timedelta) -> str:
    hours, minutes = divmod(int(of_day.total_seconds()) // 60, 60)
    return f"{hours:02}:{minutes:02}"


def doubts(calendar: Calendar, file: Receivers) -> Iterator[str]:
    """What is likely to be a mistake."""
    for key, selection in file.selections():
        for code in selection.regions:
            if code != EVERYWHERE and code not in calendar.roster:
                yield f"NOT IN THE ROSTER: {key}.regions names {code}; nobody is told of anything there."
    routing = Routing(file)
    for receiver in file.receivers:
        if not routing.is_ever_told(receiver.name):
            yield f"NEVER TOLD: no route names {receiver.name}, nor its team."
