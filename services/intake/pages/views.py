"""What the templates show, pure: who fills in a form, what was typed into it, what it offers, what is wrong."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import groupby

from services.intake.pages.forms import SECTIONS, WITHDRAWAL, Form, Typed
from services.intake.pages.period_choice import offered
from services.intake.pages.region_choice import Choice, choice_with, preselected, roots
from services.intake.pages.words import Words
from shared.access.keys import EVERYWHERE, Grant, Kind
from shared.election.calendar import Calendar
from shared.election.roster import level_of
from shared.events.incident import Severity
from shared.events.report import Condition

MOST_NAMED = 12
# After these words the same is sent once more.
_AGAIN = ("too_many", "not_sure")


@dataclass(frozen=True, slots=True)
class Desk:
    """Who looks at a page, in which language, when."""

    grant: Grant
    calendar: Calendar
    words: Words
    now: datetime

    def scope(self) -> str:
        """The regions of the key, by name; the first ones of many."""
        if EVERYWHERE in self.grant.regions:
            return self.words("scope.everywhere")
        named = [self.words.region(region) for region in roots(self.calendar.roster, self.grant.regions)]
        shown = ", ".join(named[:MOST_NAMED])
        more = len(named) - MOST_NAMED
        return self.words("scope.more", shown=shown, more=more) if more > 0 else shown

    def rights(self) -> tuple[str, ...]:
        return tuple(self.words(f"right.{kind.value}") for kind in Kind if kind in self.grant.kinds)

    def may_use(self, form: Form) -> bool:
        return form.right in self.grant.kinds


@dataclass(frozen=True, slots=True)
class Said:
    """A word on top of a form: the texts `notice.<what>.title` and `.text`."""

    what: str
    seconds: int = 0


@dataclass(frozen=True, slots=True)
class Option:
    value: str
    label: str


@dataclass(frozen=True, slots=True)
class Options:
    """Below a heading, or below none ("")."""

    heading: str
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class FormView:
    """One form on a page. `errors` say what is wrong with a field, `general` what belongs to none that is seen;
    `region` and `period` are the chosen ones in words."""

    form: Form
    typed: Typed
    region: str
    period: str
    regions: tuple[Options, ...]
    within: str
    has_more: bool
    periods: tuple[Option, ...]
    categories: tuple[Options, ...]
    zones: str
    errors: Mapping[str, str] = field(default_factory=dict)
    general: tuple[str, ...] = ()
    said: Said | None = None

    @property
    def button(self) -> str:
        """What the button that sends is called."""
        if self.said is not None and self.said.what in _AGAIN:
            return "again"
        if self.form is WITHDRAWAL:
            return "withdraw"
        return "correct" if self.typed.get("replaces") else "send"

    @property
    def has_sections(self) -> bool:
        """Whether something was typed into the optional sections, or is wrong there: they are shown open then."""
        names = [f"topics.{section}" for section in SECTIONS]
        return any(self.typed.get(name) or name in self.errors for name in names)

    @property
    def conditions(self) -> tuple[Condition, ...]:
        return tuple(Condition)

    @property
    def severities(self) -> tuple[Severity, ...]:
        return tuple(Severity)

    @property
    def sections(self) -> tuple[str, ...]:
        return SECTIONS


def form_view(
    desk: Desk, form: Form, typed: Typed, wrong: Mapping[str, str] | None = None, said: Said | None = None
) -> FormView:
    """What a page shows of a form. Where nothing was typed, what is most likely meant is chosen."""
    roster, scope = desk.calendar.roster, desk.grant.regions
    region = typed["region"] if "region" in typed else preselected(roster, scope) or ""
    listed = choice_with(roster, scope, typed.get("within"), region)
    meant = region if region in roster else next((r.code for r in listed.regions()), "")
    likely = "" if "period" in form.hidden else str(desk.calendar.period_of(meant, level_of(meant), desk.now))
    period = typed.get("period") or likely
    errors = wrong or {}
    return FormView(
        form=form,
        typed={"severity": Severity.MEDIUM.value, **typed, "region": region, "period": period},
        region=desk.words.full_region(roster, region) if region in roster else region,
        period=_day_in_words(desk.words, period),
        regions=_region_options(desk.words, listed),
        within=listed.within or "",
        has_more=listed.has_more,
        periods=_period_options(desk, meant, period),
        categories=_category_options(desk),
        zones=_zones(desk, listed),
        errors={name: text for name, text in errors.items() if name in form.shown},
        general=tuple(text for name, text in errors.items() if name not in form.shown),
        said=said,
    )


def _region_options(words: Words, listed: Choice) -> tuple[Options, ...]:
    return tuple(
        Options(
            words.region(group.heading) if group.heading else "",
            tuple(Option(region.code, words.region(region)) for region in group.regions),
        )
        for group in listed.groups
    )


def _period_options(desk: Desk, region: str, chosen: str) -> tuple[Option, ...]:
    """The offered ones, and the chosen one where it is another: a report of long ago is corrected."""
    options = []
    for one in offered(desk.calendar, region, desk.now):
        day = desk.words.day(one.day, is_short=True)
        options.append(Option(str(one.day), f"{day} ({desk.words(one.called)})" if one.called else day))
    if chosen not in [option.value for option in options]:
        options.append(Option(chosen, _day_in_words(desk.words, chosen)))
    return tuple(options)


def _category_options(desk: Desk) -> tuple[Options, ...]:
    """Violations first, each in the election file's order."""
    categories = desk.calendar.election.categories
    slugs = sorted(categories, key=lambda slug: not categories[slug].violation)
    return tuple(
        Options(
            desk.words("category.violations" if is_violation else "category.others"),
            tuple(Option(slug, categories[slug].label.said_in(desk.words.language)) for slug in found),
        )
        for is_violation, found in groupby(slugs, key=lambda slug: categories[slug].violation)
    )


def _zones(desk: Desk, listed: Choice) -> str:
    """The names of the zones of what is offered: `WITA`, or `WIB, WITA`."""
    zones = {desk.calendar.zone(region.code) for region in listed.regions()}
    in_order = sorted(zones, key=lambda zone: str(desk.now.astimezone(zone).utcoffset()))
    return ", ".join(_unique(desk.now.astimezone(zone).tzname() or zone.key for zone in in_order))


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _day_in_words(words: Words, typed: str) -> str:
    """What was typed instead, if it is no date: it is said to be wrong anyway."""
    try:
        return words.day(date.fromisoformat(typed))
    except ValueError:
        return typed
