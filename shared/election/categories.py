"""Kinds of incidents: what is a violation, by which law, and to whom it is to be handed over by when. All of it is
data of the election file; laws differ, so nothing here knows one."""

from __future__ import annotations

from typing import Any

from pydantic import field_validator

from shared.election.durations import Duration
from shared.election.frozen import Frozen, Text


class HandOver(Frozen):
    """To whom an incident is to be handed over, within which time from its receipt; None where no time is known."""

    to: Text
    within: Duration | None = None


class Category(Frozen):
    """A kind of incident. `outage`: whoever is struck may be unable to report, so that one for a whole province or
    regency alerts. `legal_basis` is a text for people; nothing is decided by it."""

    violation: bool
    outage: bool = False
    label: Text
    legal_basis: Text | None = None
    hand_over: HandOver | None = None

    @field_validator("hand_over", mode="before")
    @classmethod
    def _as_it_was_written_before(cls, given: Any) -> Any:
        """`{id, en}`, the form of the first version, says to whom alone."""
        return (
            {"to": given} if isinstance(given, dict) and "to" not in given and given.keys() & {"id", "en"} else given
        )
