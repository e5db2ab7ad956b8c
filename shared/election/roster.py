"""The roster: which regions there are, in which zone each lives, and what lies below what.

Codes are the interior ministry's: `64` province, `64.72` regency or city, `64.72.01` district, `64.72.01.1001`
village. An ancestor's code is a prefix.
"""

from __future__ import annotations

import difflib
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from shared.election.config import Level

_LEVELS = (Level.PROVINCE, Level.REGENCY, Level.DISTRICT, Level.VILLAGE)


@dataclass(frozen=True, slots=True)
class Region:
    """One row of the roster. `zone` is None where the election file's zone holds."""

    code: str
    parent: str | None
    level: Level
    name: str
    zone: str | None = None


def level_of(code: str) -> Level:
    """The level that a code's form tells: `64` province ... `64.72.01.1001` village."""
    return _LEVELS[code.count(".")]


def regency_of(code: str) -> str:
    """The regency a region belongs to, by prefix; a province, and what is no region, stands for itself. This is every
    record's Kafka key."""
    return code[:5] if code[2:3] == "." else code  # each part of a code has a fixed length


def province_of(code: str) -> str:
    return code.split(".")[0]


def is_within(code: str, ancestor: str) -> bool:
    """Whether `code` is `ancestor` or lies below it."""
    return code == ancestor or code.startswith(ancestor + ".")


def ancestors_and_self(code: str) -> Iterator[str]:
    """The code, then its ancestors, nearest first."""
    parts = code.split(".")
    for length in range(len(parts), 0, -1):
        yield ".".join(parts[:length])


class Roster:
    """All regions of an election. Raises ValueError on a duplicate code or a parent that is not there."""

    def __init__(self, regions: Iterable[Region]) -> None:
        self._by_code: dict[str, Region] = {}
        for region in regions:
            if region.code in self._by_code:
                raise ValueError(f"region {region.code} stands twice in the roster")
            self._by_code[region.code] = region
        for region in self._by_code.values():
            if region.parent is not None and region.parent not in self._by_code:
                raise ValueError(f"region {region.code} names the parent {region.parent}, which is not in the roster")

    def __len__(self) -> int:
        return len(self._by_code)

    def __iter__(self) -> Iterator[Region]:
        return iter(self._by_code.values())

    def __contains__(self, code: object) -> bool:
        return code in self._by_code

    def __getitem__(self, code: str) -> Region:
        return self._by_code[code]

    def get(self, code: str) -> Region | None:
        return self._by_code.get(code)

    def name(self, code: str) -> str:
        """The region's name; the code itself for a region that has left the roster."""
        region = self._by_code.get(code)
        return display_name(region) if region else code

    def full_name(self, code: str) -> str:
        """The region's name with its regency's, since names of villages repeat: `Rawa Makmur (Kota Samarinda)`."""
        regency = regency_of(code)
        return self.name(code) if regency == code else f"{self.name(code)} ({self.name(regency)})"

    def at_level(self, level: Level) -> tuple[Region, ...]:
        return self._by_level.get(level, ())

    def children(self, code: str) -> tuple[Region, ...]:
        return self._by_parent.get(code, ())

    def in_order(self, level: Level | None, parent: str | None, after: str | None, most: int) -> tuple[Region, ...]:
        """The first `most` regions behind a code, by code: of a level, right below a parent, or of all."""
        if parent is None:
            found = self._in_order[level]
        else:
            children = (r for r in self.children(parent) if level in (None, r.level))
            found = tuple(sorted(children, key=_code_of))
        begin = 0 if after is None else bisect_right(found, after, key=_code_of)
        return found[begin : begin + most]

    def nearest(self, code: str, most: int = 3) -> list[str]:
        """Known codes that look like `code`, for an error message that helps: of the children of its nearest known
        ancestor. (A search over the whole nation's villages would hold up everybody else for a second.)"""
        ancestor = next((a for a in list(ancestors_and_self(code))[1:] if a in self._by_code), None)
        candidates = [r.code for r in self._by_parent.get(ancestor, ())] or ([ancestor] if ancestor else [])
        return difflib.get_close_matches(code, candidates, n=most, cutoff=0.0)

    @cached_property
    def _in_order(self) -> dict[Level | None, tuple[Region, ...]]:
        everything = tuple(sorted(self, key=_code_of))
        return {None: everything, **{lv: tuple(r for r in everything if r.level is lv) for lv in _LEVELS}}

    @cached_property
    def _by_level(self) -> dict[Level, tuple[Region, ...]]:
        return {lv: tuple(r for r in self if r.level is lv) for lv in _LEVELS}

    @cached_property
    def _by_parent(self) -> dict[str | None, tuple[Region, ...]]:
        below: dict[str | None, list[Region]] = {}
        for region in self:
            below.setdefault(region.parent, []).append(region)
        return {parent: tuple(children) for parent, children in below.items()}


def _code_of(region: Region) -> str:
    return region.code


def display_name(region: Region) -> str:
    """The name as on screens: `KABUPATEN PASER` as `Kabupaten Paser`, `KOTA SAMARINDA` as `Kota Samarinda`."""
    return region.name.title() if region.name.isupper() else region.name
