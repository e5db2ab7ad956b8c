"""Says in words what the election file, the roster and the receivers file say. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import timedelta

from desk.explaining import doubts, inhibitions, time_of_day
from services.notifier.routing.receivers import Receivers
from services.notifier.routing.routes import Route, Team
from services.notifier.routing.routing import Routing
from services.notifier.routing.selection import Selection
from services.notifier.rules import RULES
from services.notifier.rules.rule import Severity
from shared.access.keys import EVERYWHERE
from shared.election.calendar import Calendar, covers
from shared.election.config import Amendment, Election, Every, Level, ReportRule, Scoped
from shared.election.durations import format_duration
from shared.election.several import Duty
from shared.exactly_once import retention

_WORDS = {
    Level.PROVINCE: ("province", "provinces"),
    Level.REGENCY: ("regency or city", "regencies and cities"),
    Level.DISTRICT: ("district", "districts"),
    Level.VILLAGE: ("village", "villages"),
}


def describe(calendar: Calendar, receivers: Receivers, journal_retention: timedelta | None) -> Iterator[str]:
    """One line for each thing a person should check."""
    election = calendar.election
    title = f" ({election.title.en})" if election.title else ""
    yield f"Election {election.election}{title}, zone {election.zone}{_overrides(calendar)}."
    for other in calendar.elections[1:]:
        yield f"Beside it: {other.election}{f' ({other.title.en})' if other.title else ''}."
    counts = Counter(region.level for region in calendar.roster)
    yield "Roster: " + ", ".join(_count(counts[level], level) for level in Level if counts[level]) + "."
    for stage in election.stages:
        yield f"Stage {stage.stage}: {stage.from_} to {stage.to}, both days inclusive{_where(calendar, stage)}."
    for duty in calendar.duties:
        yield _duty(calendar, duty)
    for one in calendar.elections:
        for amendment in one.amendments:
            yield f"{_of(calendar, one.election)}{_amendment(amendment)}"
        yield f"{_of(calendar, one.election)}Nothing before {one.obligations_from} is judged."
    violations = [name for name, category in election.categories.items() if category.violation]
    yield f"Categories: {len(election.categories)}, of which violations: {', '.join(violations)}."
    yield _hand_overs(election)
    yield _items(calendar)
    told = ", ".join(format_duration(length) for length in sorted(election.logistics.warn_at, reverse=True))
    yield f"What of them is missing is told {told + ' before and ' if told else ''}at the line, when voting begins."
    yield from _told(receivers)
    yield f"Notices older than {format_duration(receivers.max_notice_age)} are stored and not sent."
    yield _journal(calendar, journal_retention)
    yield from doubts(calendar, receivers)


def _journal(calendar: Calendar, kept_for: timedelta | None) -> str:
    problem = retention.too_short_because(calendar.election, kept_for)
    if problem is not None:
        return f"TOO SHORT: {problem}."
    how_long = "for ever" if kept_for is None else f"for {format_duration(kept_for)}"
    return f"Journal: an event is known {how_long}; sent again within that time, it counts once."


def _overrides(calendar: Calendar) -> str:
    zones = calendar.election.zones
    return "".join(f"; {calendar.roster.name(code)} and below: {zone}" for code, zone in zones.items())


def _items(calendar: Calendar) -> str:
    """Those that not everybody needs, with who does."""
    items = calendar.election.logistics.items
    said = (
        f"{slug} ({_where(calendar, item).removeprefix(', ')})" if item.regions else slug
        for slug, item in items.items()
    )
    return f"Logistics: {len(items)} items: {', '.join(said)}."


def _where(calendar: Calendar, scoped: Scoped) -> str:
    if scoped.regions is None:
        return ""
    return ", in " + ", ".join(f"{calendar.roster.name(code)} ({code})" for code in scoped.regions)


def _amendment(amendment: Amendment) -> str:
    source = f" ({amendment.note.en})" if amendment.note else ""
    changed = sorted(amendment.model_fields_set - {"effective", "note"})
    return f"From {amendment.effective} on other rules{source}: {', '.join(changed)}; what was before stays as it was."


def _hand_overs(election: Election) -> str:
    """Each category's own time, and that of all other violations."""
    general = f"violations within {format_duration(election.violation_report_within)}"
    own = [(name, category.hand_over) for name, category in election.categories.items()]
    said = [f"{name} within {format_duration(to.within)}" for name, to in own if to and to.within]
    return f"Handed over from receipt: {', '.join([*said, general])}."


def _of(calendar: Calendar, election: str) -> str:
    """Which of several elections a line is about."""
    return f"{election}: " if len(calendar.elections) > 1 else ""


def _duty(calendar: Calendar, duty: Duty) -> str:
    rule = duty.rule
    owing = _count(sum(covers(rule, region.code) for region in calendar.roster.at_level(rule.level)), rule.level)
    hours, rest = divmod(int(rule.due.total_seconds()) // 60, 60)
    periods = list(calendar.periods(duty))
    span = f"{len(periods)} periods from {periods[0]} to {periods[-1]}" if periods else "no period is judged"
    return (
        f"{_of(calendar, duty.election)}Reports: each of {owing}, every {_how_often(rule)}, "
        f"due {hours:02}:{rest:02} local, "
        f"{_reminder(rule)}absence judged {format_duration(rule.grace)} later; {span}{_where(calendar, rule)}."
    )


def _how_often(rule: ReportRule) -> str:
    return rule.weekday.value.title() if rule.every is Every.WEEK else "day"


def _reminder(rule: ReportRule) -> str:
    return f"desk reminded {format_duration(rule.remind_before)} before, " if rule.remind_before else ""


def _count(number: int, level: Level) -> str:
    singular, plural = _WORDS[level]
    return f"{number} {singular if number == 1 else plural}"


def _told(file: Receivers) -> Iterator[str]:
    routing = Routing(file)
    for receiver in file.receivers:
        selected = _selected(receiver) if routing.is_told_by_its_own(receiver) else "by routes alone"
        yield f"Receiver {receiver.name} ({receiver.channel}): {selected}."
    for team in file.teams:
        members = ", ".join(f"{member.name} by {' and '.join(member.receivers)}" for member in team.members)
        yield f"Team {team.name}: {members}{_quiet(team)}."
    for number, route in enumerate(file.routes, start=1):
        yield f"Route {number}: {_selected(route)}, to {', '.join(route.to)}{_unless_acknowledged(route)}."
    yield f"What is told together is collected for {format_duration(file.digest_wait)}."
    yield from inhibitions(file)


def _quiet(team: Team) -> str:
    if team.quiet_hours is None:
        return ""
    hours, below = team.quiet_hours, team.quiet_hours.below.word
    return f"; what is less than {below} waits from {time_of_day(hours.from_)} to {time_of_day(hours.to)}, local time"


def _unless_acknowledged(route: Route) -> str:
    again = f"again every {format_duration(route.repeat_every)}" if route.repeat_every else ""
    steps = (f"after {format_duration(step.after)} to {', '.join(step.to)}" for step in route.escalate)
    said = ", ".join(filter(None, [again, *steps]))
    return f"; while nobody acknowledges it: {said}" if said else ""


def _selected(selection: Selection) -> str:
    rules = "everything" if set(selection.rules) == set(RULES) else ", ".join(selection.rules)
    regions = "all regions" if EVERYWHERE in selection.regions else ", ".join(selection.regions)
    severities = "" if len(selection.severities) == len(Severity) else ", ".join(s.word for s in selection.severities)
    stages = f"in {', '.join(selection.stages)}" if selection.stages else ""
    return ", ".join(filter(None, [rules, regions, severities, stages]))
