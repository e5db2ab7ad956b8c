"""Several elections at once, each with a file of its own: what holds when they are put together. Pure.

Their stages and reports stand side by side, each for its own regions; categories are those of all. Everything else is
said once, by the first file, and holds for all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, TypeVar

from shared.election.config import Amendment, Election, ReportRule, Stage

# What an election beside the first, and what an amendment of it, may say.
ITS_OWN = frozenset(
    {"election", "title", "regions", "stages", "reports", "obligations_from", "categories", "amendments"}
)
AMENDABLE = frozenset({"effective", "note", "stages", "reports"})


@dataclass(frozen=True, slots=True)
class Duty:
    """A rule of reports with the election it belongs to, and the day before which nothing of it is judged."""

    election: str
    judged_from: date
    rule: ReportRule


def duties(elections: Sequence[Election]) -> tuple[Duty, ...]:
    """In the order of the files and of their rules: as `merged` has them in `reports`."""
    return tuple(
        Duty(election.election, election.obligations_from, rule) for election in elections for rule in election.reports
    )


def merged(elections: Sequence[Election]) -> Election:
    """The first election with the stages, reports and categories of all; of two categories the first holds."""
    first, *others = elections
    if not others:
        return first
    return first.model_copy(
        update={
            "stages": tuple(stage for election in elections for stage in election.stages),
            "reports": tuple(rule for election in elections for rule in election.reports),
            "categories": {
                slug: category for election in reversed(elections) for slug, category in election.categories.items()
            },
        }
    )


def narrowed(election: Election) -> Election:
    """The election, all that names no regions of its own held to those of the file."""
    if election.regions is None:
        return election
    amendments = tuple(_narrowed(amendment, election.regions) for amendment in election.amendments)
    return _narrowed(election, election.regions).model_copy(update={"amendments": amendments})


_Version = TypeVar("_Version", Election, Amendment)


def _narrowed(version: _Version, regions: tuple[str, ...]) -> _Version:
    changed: dict[str, Any] = {}
    for key, entries in (("stages", version.stages), ("reports", version.reports)):
        if entries is not None:
            changed[key] = tuple(e if e.regions else e.model_copy(update={"regions": regions}) for e in entries)
    return version.model_copy(update=changed)


def everywhere(election: Election) -> str | None:
    """The key of the first stage or report that holds for all regions; None if each names its own."""
    versions: list[tuple[str, Election | Amendment]] = [("", election)]
    versions += [(f"amendments.{n}.", amendment) for n, amendment in enumerate(election.amendments)]
    named: list[tuple[str, tuple[Stage, ...] | tuple[ReportRule, ...]]] = [
        (f"{at}{key}", entries or ())
        for at, version in versions
        for key, entries in (("stages", version.stages), ("reports", version.reports))
    ]
    return next((f"{key}.{n}" for key, entries in named for n, e in enumerate(entries) if e.regions is None), None)
