"""Moments of the calendar at which the notifier looks, once each, whether something has come. Pure.

A moment belongs to a rule. It is looked at when the log up to it is provably read (`proof.py`): the end offsets of the
rule's topic are taken once, at or after it, and kept in its document. `closed`: the look is done and what follows from
it is written; `is_settled`: what came meanwhile has been taken into account, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

Document = dict[str, Any]
COLLECTION = "moments"

OPEN = "open"
CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Moment:
    """`name` says which of the rule's moments it is; in several zones the same one comes at several instants."""

    rule: str
    name: str
    at: datetime

    @property
    def id(self) -> str:
        return f"{self.rule}:{self.name}@{key_of(self.at)}"


def key_of(at: datetime) -> str:
    """An instant as part of an id or as a field's name."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def to_document(moment: Moment) -> Document:
    return {
        "_id": moment.id,
        "rule": moment.rule,
        "at": moment.at,
        "state": OPEN,
        "is_settled": True,
        "is_given_up": False,
        "first_seen_at": None,
        "ends": None,
    }
