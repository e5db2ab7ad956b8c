"""By when an incident is to be handed over, and whether that is overdue. Pure. The times are the election file's.

Counted from receipt: then the desk knows of it. A category's own time holds (criminal cases go to the police within 24
hours), else for a violation the general one (a report is due at most 7 days after a violation is known). Whatever the
desk says of the incident but `verified` ends the wait: forwarded, dismissed, resolved.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.aggregator.state.incidents import Status
from shared.election.calendar import Calendar
from shared.election.categories import Category
from shared.instants import kept

Document = Mapping[str, Any]

# The field of an incident's document, made when it is folded: as its flags, by the rules in force at its receipt.
DUE_AT = "hand_over_due_at"
# Nobody else has it yet, and it is not closed.
WAITING = (Status.REPORTED.value, Status.VERIFIED.value)


def category_of(calendar: Calendar, document: Document) -> Category | None:
    """The category of an incident by the rules in force at its receipt; None of one whose report has not come, and
    for a category that the file does not know."""
    slug = document.get("category")
    return calendar.at(document["region"], document["received_at"]).categories.get(slug) if slug else None


def due_at(calendar: Calendar, region: str, category: str, received_at: datetime) -> datetime | None:
    """None where nobody is to be told, or no time is known."""
    rules = calendar.at(region, received_at)
    known = rules.categories.get(category)
    if known is None or known.hand_over is None:
        return None
    within = known.hand_over.within or (rules.violation_report_within if known.violation else None)
    return kept(received_at) + within if within is not None else None


def is_overdue(document: Document, now: datetime) -> bool:
    """Whether an incident waits longer than it may; at the very instant it does not yet."""
    due = document.get(DUE_AT)
    return due is not None and due < now and document["status"] in WAITING


def holds_until(document: Document, now: datetime) -> datetime | None:
    """Up to and including which instant what `is_overdue` says now is so, while the document stays as it is; None:
    for ever."""
    due = document.get(DUE_AT)
    return due if due is not None and now <= due and document["status"] in WAITING else None
