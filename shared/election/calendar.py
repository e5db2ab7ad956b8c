"""The calendar: periods, deadlines, stages. Each is judged in the region's own zone, at exact boundaries.

A *period* is the day a report is for: a Monday, or what the election says (`cadence.py`). The quiet period (masa
tenang) and the other stages are dates of the election file (KPU's calendar), inclusive on both ends, in local time.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from operator import attrgetter
from zoneinfo import ZoneInfo

from shared.election.amendments import Versions
from shared.election.cadence import PeriodDays, days_of
from shared.election.config import Election, Level, Scoped, Stage
from shared.election.owing import Deadline, Debtors, Owing, Slot
from shared.election.roster import Region, Roster, ancestors_and_self, is_within
from shared.election.several import Duty, duties


class Calendar:
    """An election's calendar over its roster, and that of the elections beside it. `election` is the file with all its
    amendments, and with what the others add: for names, labels and lists. What decides about an event or a period is
    asked of `in_force` or `at`. `duties` are the rules of reports of all."""

    def __init__(self, election: Election, roster: Roster, also: Sequence[Election] = ()) -> None:
        self._versions = Versions([election, *also])
        self.election = self._versions.latest
        self.elections = self._versions.each_latest
        self.duties = duties(self.elections)
        self.roster = roster
        # What is asked for every event or region is worked out once: for the roster's regions and the file's rules
        # alone, so that nothing a client names makes it grow.
        self._zones: dict[str, ZoneInfo] = {}
        self._periods = tuple(frozenset(self.periods(duty)) for duty in self.duties)
        self._all_periods = tuple(sorted(frozenset[date]().union(*self._periods)))
        self._period_days: dict[tuple[int, ...], PeriodDays] = {}
        self._days_of_level: dict[Level, PeriodDays] = {}  # where a rule's level alone says whom it holds for
        self._days_of_region: dict[str, tuple[Level, PeriodDays]] = {}
        self._deadlines: dict[tuple[Slot, date], Deadline] = {}
        self._debtors: dict[tuple[int, ...], Debtors] = {}

    def in_force(self, day: date) -> Election:
        """The rules of a day."""
        return self._versions.in_force(day)

    def at(self, code: str, instant: datetime) -> Election:
        """The rules that an event of a region is judged by that was received at an instant."""
        if not self._versions.are_several:
            return self.election  # whatever the day: a list asks for 200 incidents
        return self._versions.in_force(instant.astimezone(self.zone(code)).date())

    def zone(self, code: str) -> ZoneInfo:
        """The zone of a region: the election file's nearest override, else the roster's, else the default."""
        known = self._zones.get(code)
        if known is not None:
            return known
        zone = self._zone(code)
        if code in self.roster:
            self._zones[code] = zone
        return zone

    def _zone(self, code: str) -> ZoneInfo:
        overrides = self.election.zones
        named = next((overrides[a] for a in ancestors_and_self(code) if a in overrides), None) if overrides else None
        region = self.roster.get(code)
        named = named or (region.zone if region else None)
        above = code.rpartition(".")[0]
        if named is None and above:
            return self.zone(above)  # nothing above it is overridden, or it would be, too
        return ZoneInfo(named or self.election.zone)

    def local_midnight(self, code: str, day: date) -> datetime:
        """The first instant of a local day, as UTC."""
        return datetime.combine(day, time(), tzinfo=self.zone(code)).astimezone(UTC)

    def period_days(self, code: str, level: Level) -> PeriodDays:
        """Which days a region's reports are for. The first rule of all lends its days to those for whom none holds."""
        of_level = self._days_of_level.get(level)
        if of_level is not None:
            return of_level
        known = self._days_of_region.get(code)
        if known is not None and known[0] is level:
            return known[1]
        rules = [duty.rule for duty in self.duties]
        own = tuple(n for n, rule in enumerate(rules) if rule.level is level and covers(rule, code)) or (0,)
        if own not in self._period_days:
            self._period_days[own] = PeriodDays([rules[n] for n in own])
        if all(rule.regions is None for rule in rules if rule.level is level):
            self._days_of_level[level] = self._period_days[own]
        elif code in self.roster:
            self._days_of_region[code] = level, self._period_days[own]
        return self._period_days[own]

    def period_of(self, code: str, level: Level, instant: datetime) -> date:
        """The period an instant belongs to: the latest period day on or before its local date."""
        return self.period_days(code, level).latest(instant.astimezone(self.zone(code)).date())

    def next_period(self, code: str, level: Level, now: datetime) -> date:
        """The one after the current: a report for any beyond it is refused."""
        return self.period_days(code, level).after(self.period_of(code, level, now))

    def periods(self, duty: Duty) -> Iterator[date]:
        """The periods that are judged under a rule, in order."""
        return days_of(duty.rule, duty.judged_from)

    def deadline(self, region: Region, duty: Duty, period: date) -> Deadline:
        """Due at `due` after local midnight of the period day; judged `grace` later."""
        return _deadline(self.zone(region.code), duty, period)

    def owed(self, region: Region, period: date) -> Deadline | None:
        """The deadline of the report that a region owes for a period; None where it owes none."""
        rule = self._first_rule(region, self._rules_for(period))
        return None if rule is None else self._deadline_at((rule, self.zone(region.code).key), period)

    def owing(self, period: date) -> Owing:
        """All regions that owe the report of a period, with their deadlines, by code in order."""
        rules = self._rules_for(period)
        if rules not in self._debtors:
            self._debtors[rules] = Debtors(self._slots(rules))
        debtors = self._debtors[rules]
        return Owing(debtors, {slot: self._deadline_at(slot, period) for slot in debtors.distinct})

    def _rules_for(self, period: date) -> tuple[int, ...]:
        """The numbers of the rules that judge a period."""
        return tuple(number for number, periods in enumerate(self._periods) if period in periods)

    def _first_rule(self, region: Region, rules: tuple[int, ...]) -> int | None:
        """The first of these rules that holds for a region."""
        candidates = ((number, self.duties[number].rule) for number in rules)
        return next((n for n, r in candidates if r.level is region.level and covers(r, region.code)), None)

    def _slots(self, rules: tuple[int, ...]) -> dict[str, Slot]:
        """Of each region that owes under these rules, by code in order. Regions share their slots, and siblings
        are asked for once where nothing is said of a region itself: there may be a million."""
        levels = {self.duties[number].rule.level for number in rules}
        is_scoped = any(self.duties[number].rule.regions is not None for number in rules)
        regions = sorted((r for level in levels for r in self.roster.at_level(level)), key=attrgetter("code"))
        of_siblings: dict[tuple[Level, str], Slot | None] = {}
        shared: dict[Slot, Slot] = {}
        found: dict[str, Slot] = {}
        for region in regions:
            siblings = region.level, region.code.rpartition(".")[0]
            if is_scoped or region.zone is not None or region.code in self.election.zones:
                slot = self._slot(region, rules)
            elif siblings in of_siblings:
                slot = of_siblings[siblings]
            else:
                slot = of_siblings[siblings] = self._slot(region, rules)
            if slot is not None:
                found[region.code] = shared.setdefault(slot, slot)
        return found

    def _slot(self, region: Region, rules: tuple[int, ...]) -> Slot | None:
        rule = self._first_rule(region, rules)
        return None if rule is None else (rule, self.zone(region.code).key)

    def _deadline_at(self, slot: Slot, period: date) -> Deadline:
        if (slot, period) not in self._deadlines:
            number, zone = slot
            self._deadlines[slot, period] = _deadline(ZoneInfo(zone), self.duties[number], period)
        return self._deadlines[slot, period]

    def all_periods(self) -> list[date]:
        """Every judged period of the election, in order."""
        return list(self._all_periods)

    def stage_bounds(self, code: str, stage: Stage) -> tuple[datetime, datetime]:
        """A stage as UTC instants, [from, to): from local midnight to the midnight after its last day."""
        return self.local_midnight(code, stage.from_), self.local_midnight(code, stage.to + timedelta(days=1))

    def in_quiet_period(self, code: str, instant: datetime, rules: Election | None = None) -> bool:
        """Whether an instant lies in the quiet period of a region, exact to the microsecond. `rules` are those in
        force then unless others are given."""
        for stage in (rules or self.at(code, instant)).quiet_periods():
            begin, end = self.stage_bounds(code, stage)
            if covers(stage, code) and begin <= instant < end:
                return True
        return False


def _deadline(zone: ZoneInfo, duty: Duty, period: date) -> Deadline:
    rule = duty.rule
    begin = datetime.combine(period, time(), tzinfo=zone)
    # An hour that a change of clock leaves out, 23:30 say, is no later than the end of the day.
    due_at = min((begin + rule.due).astimezone(UTC), (begin + timedelta(days=1)).astimezone(UTC))
    remind_at = None if rule.remind_before is None else due_at - rule.remind_before
    return Deadline(period, due_at, due_at + rule.grace, duty.election, remind_at)


def covers(scoped: Scoped, code: str) -> bool:
    """Whether a stage or a rule holds for a region."""
    return scoped.regions is None or any(is_within(code, region) for region in scoped.regions)
