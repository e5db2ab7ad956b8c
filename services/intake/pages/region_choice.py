"""Which regions a page offers out of a key's scope, pure.

A page stays small: as many whole levels are listed as fit. Where levels are left out, the reader picks a region of
those that are listed and asks for what lies below it; nobody has to know a code by heart.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from shared.access.keys import EVERYWHERE
from shared.election.config import Level
from shared.election.roster import Region, Roster, is_within

MOST_LISTED = 350  # about 17 KB of a page


@dataclass(frozen=True, slots=True)
class Group:
    """Regions below one heading, which is among them; None for those that stand alone."""

    heading: Region | None
    regions: tuple[Region, ...]


@dataclass(frozen=True, slots=True)
class Choice:
    """`within` is the region to which it was narrowed. `has_more`: deeper levels are left out."""

    groups: tuple[Group, ...]
    within: str | None
    has_more: bool

    def __contains__(self, code: object) -> bool:
        return any(r.code == code for r in self.regions())

    def regions(self) -> Iterable[Region]:
        return (r for group in self.groups for r in group.regions)


def roots(roster: Roster, scope: Sequence[str]) -> tuple[Region, ...]:
    """The topmost regions of a key's scope, those of the roster that is; by code."""
    if EVERYWHERE in scope:
        return tuple(r for r in roster if r.parent is None)
    known = [r for r in map(roster.get, sorted(set(scope))) if r is not None]
    return tuple(r for r in known if not any(r.code != o.code and is_within(r.code, o.code) for o in known))


def choice(roster: Roster, scope: Sequence[str], within: str | None = None) -> Choice:
    """What to offer. A `within` outside the scope counts as none."""
    tops = roots(roster, scope)
    narrowed = _in_scope(roster, tops, within)
    listed, has_more = _levels_that_fit(roster, (narrowed,) if narrowed else tops)
    return Choice(_grouped(roster, listed), narrowed.code if narrowed else None, has_more)


def choice_with(roster: Roster, scope: Sequence[str], within: str | None, selected: str | None) -> Choice:
    """The same, narrowed so far that the selected region is among what is offered."""
    found = choice(roster, scope, within)
    region = _in_scope(roster, roots(roster, scope), selected)
    if region is None or region.code in found:
        return found
    return choice(roster, scope, region.parent)


def preselected(roster: Roster, scope: Sequence[str]) -> str | None:
    """The one region a desk most likely speaks of: its own. A province's desk has to choose."""
    tops = roots(roster, scope)
    return tops[0].code if len(tops) == 1 and tops[0].level is not Level.PROVINCE else None


def _in_scope(roster: Roster, tops: Sequence[Region], code: str | None) -> Region | None:
    region = roster.get(code) if code else None
    return region if region and any(is_within(region.code, top.code) for top in tops) else None


def _levels_that_fit(roster: Roster, tops: Sequence[Region]) -> tuple[list[Region], bool]:
    listed, level = list(tops), list(tops)
    while level:
        level = [child for region in level for child in roster.children(region.code)]
        if len(listed) + len(level) > MOST_LISTED:
            return listed, True
        listed += level
    return listed, False


def _grouped(roster: Roster, listed: Iterable[Region]) -> tuple[Group, ...]:
    """The deepest level under headings of the one above it; what lies higher stands alone."""
    in_order = sorted(listed, key=lambda region: region.code)  # a region's code sorts before those below it
    deepest = max((r.code.count(".") for r in in_order), default=0)

    def heading(region: Region) -> str | None:
        above = deepest - region.code.count(".")
        return (region.parent, region.code)[above] if above < 2 else None

    groups = groupby(in_order, key=heading)
    return tuple(Group(roster.get(code) if code else None, tuple(regions)) for code, regions in groups)
