"""A change of an alert: `desk.alert.v1` on the topic `desk.alerts`.

The event's id is `<alert id>#<revision>` and its source `/notifier`. Readers keep the highest revision. It carries
the whole alert, so that a notifier that lost its database can rebuild from the topic alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from shared.events.envelope import Dated, Envelope, Frozen
from shared.strict import Instant
from shared.strict_json import MAX_DEPTH


class AlertState(StrEnum):
    FIRING = "firing"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


def _countable(value: Any, depth: int = 0) -> Any:
    """Free-form JSON that survives BSON and a reader in JavaScript: no NaN, no Infinity, no number beyond 2**53, no
    name that MongoDB reads as an operator or a reference, no bottomless nesting."""
    if depth > MAX_DEPTH:
        raise PydanticCustomError("json_depth", "is nested too deeply")
    if isinstance(value, dict):
        if any(key.startswith("$") or "\0" in key for key in value):
            raise PydanticCustomError("json_name", "has a field name that cannot be stored")
        return {key: _countable(inner, depth + 1) for key, inner in value.items()}
    if isinstance(value, list):
        return [_countable(inner, depth + 1) for inner in value]
    if isinstance(value, float | int) and not abs(value) <= 2**53:  # NaN compares false, a huge integer does not raise
        raise PydanticCustomError("json_number", "has the number {value}, out of range", {"value": str(value)[:40]})
    return value


Details = Annotated[dict[str, Any], AfterValidator(_countable)]


class AlertData(Frozen):
    """The alert as it stands after this revision. `alert` is its id: the rule's name, a colon, what it is about."""

    alert: str
    rule: str
    revision: Annotated[int, Field(ge=1)]
    period: date | None = None
    state: AlertState
    raised_at: Instant
    resolved_at: Instant | None = None
    resolution: str | None = None
    details: Details = Field(default_factory=dict)
    history: tuple[Dated, ...] = ()


_SHOWN = ("rule", "region", "period", "state", "raised_at", "resolved_at", "resolution", "details", "history")


def alert_json(document: Mapping[str, Any]) -> dict[str, Any]:
    """An alert's document (`_id` is the alert's id) as every API and the webhooks show it."""
    return {"id": document["_id"], **{field: document[field] for field in _SHOWN}}


class AlertEvent(Envelope):
    type: Literal["desk.alert.v1"] = "desk.alert.v1"
    data: AlertData

    @property
    def period(self) -> date | None:
        """The period that it concerns."""
        return self.data.period
