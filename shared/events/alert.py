"""A change of an alert: `desk.alert.v1` on the topic `desk.alerts`.

The event's id is `<alert id>#<revision>` and its source `/notifier`. Readers keep the highest revision. It carries
the whole alert, so that a notifier that lost its database can rebuild from the topic alone.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import Field

from shared.events.envelope import Dated, Envelope, Frozen
from shared.strict import Instant


class AlertState(StrEnum):
    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class AlertData(Frozen):
    """The alert as it stands after this revision. `alert` is its id: the rule's name, a colon, what it is about."""

    alert: str
    rule: str
    revision: Annotated[int, Field(ge=1)]
    period: date | None
    state: AlertState
    raised_at: Instant
    resolved_at: Instant | None = None
    resolution: str | None = None
    details: dict[str, Any] = Field(default_factory=dict)
    history: tuple[Dated, ...] = ()


class AlertEvent(Envelope):
    type: Literal["desk.alert.v1"] = "desk.alert.v1"
    data: AlertData
