"""Silences: for a while nobody is told of a rule's alerts in a region and everything below it. Pure.

A silence says who made it and why. It is ended, never deleted: what was not told because of it must stay explained.
The alerts themselves are raised, resolved and published as ever.

One without a rule mutes every rule's alerts about regions. What concerns the system itself (`cannot-evaluate` for
example) is muted only by a silence that names the rule, for all regions.
"""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from shared.access.keys import EVERYWHERE
from shared.election.roster import is_within
from shared.events.envelope import SYSTEM

Document = dict[str, Any]
COLLECTION = "silences"


class SilenceState(StrEnum):
    PLANNED = "planned"
    ACTIVE = "active"
    OVER = "over"


def made(
    silence_id: str,
    *,
    region: str,
    rule: str | None,
    from_: datetime,
    until: datetime,
    reason: str,
    by: str,
    at: datetime,
) -> Document:
    """`region` is a code or `*`; `rule` None for all; `over_at` is when it ends in fact."""
    return {
        "_id": silence_id,
        "region": region,
        "rule": rule,
        "from": from_,
        "until": until,
        "over_at": until,
        "reason": reason,
        "made_by": by,
        "made_at": at,
        "ended_by": None,
        "ended_at": None,
    }


def state_at(silence: Document, now: datetime) -> SilenceState:
    if silence["over_at"] <= now:
        return SilenceState.OVER
    return SilenceState.PLANNED if now < silence["from"] else SilenceState.ACTIVE


def mutes(silence: Document, rule: str, region: str) -> bool:
    """Whether it mutes a rule's alerts in a region, while it is active."""
    everywhere = silence["region"] == EVERYWHERE
    if region == SYSTEM:
        return everywhere and bool(silence["rule"] == rule)
    return silence["rule"] in (None, rule) and (everywhere or is_within(region, silence["region"]))


_SHOWN = ("region", "rule", "from", "until", "reason", "made_by", "made_at", "ended_by", "ended_at")


def silence_json(silence: Document, now: datetime) -> Document:
    shown = {field: silence[field] for field in _SHOWN}
    return {"id": silence["_id"], "state": state_at(silence, now).value, **shown}
