"""Reading a region's past to its end, page by page, by links alone: where each list begins, and where it goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from urllib.parse import urlencode

from services.aggregator.lists.queries import newest_after
from services.aggregator.store import After
from shared.http.lists import decode_cursor
from shared.http.problems import Problem

# The parameters of the page's address, one a list; each list turns its pages for itself.
VERDICTS, REPORTS, INCIDENTS = "verdicts", "reports", "incidents"
KINDS = (VERDICTS, REPORTS, INCIDENTS)


@dataclass(frozen=True, slots=True)
class Place:
    """After what each list begins; None at its newest."""

    verdicts: date | None = None
    reports: After | None = None
    incidents: After | None = None


@dataclass(frozen=True, slots=True)
class Turns:
    """The addresses of a list's newest page and of its next one, None on or without it."""

    newest: str | None
    older: str | None


def place_of(asked: Mapping[str, str]) -> Place:
    """Raises Problem 404 for what is no place of ours."""
    try:
        day = asked.get(VERDICTS)
        verdicts = date.fromisoformat(day) if day is not None else None
        reports, incidents = (newest_after(decode_cursor(kind, asked.get(kind))) for kind in (REPORTS, INCIDENTS))
        return Place(verdicts, reports, incidents)
    except (ValueError, Problem):
        raise Problem(404, "not_found", "not_found_detail", what=", ".join(KINDS)) from None


def turns_of(asked: Mapping[str, str], kind: str, older: str | None) -> Turns:
    """`asked` is the query of this page, `older` where the list goes on. The other lists stay where they are."""
    others = {name: value for name, value in asked.items() if name != kind}
    newest = f"?{urlencode(others)}#h-{kind}" if kind in asked else None
    return Turns(newest, f"?{urlencode({**others, kind: older})}#h-{kind}" if older else None)
