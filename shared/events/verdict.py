"""The notifier's verdict on who owed which report: `desk.verdict.v1` on the topic `desk.alerts`.

Append-only: a later revision corrects an earlier one and never erases it. Readers keep the highest revision.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from shared.events.envelope import Envelope, Frozen
from shared.strict import Instant


class Verdict(StrEnum):
    """`pending` is what holds before the first verdict, which nobody sends, and what holds again when all that was
    reported is withdrawn before it is judged, which is sent."""

    ON_TIME = "on_time"
    LATE = "late"
    MISSING = "missing"
    PENDING = "pending"
    UNDETERMINED = "undetermined"
    EXCUSED = "excused"


class ExcuseTold(Frozen):
    """The excuse that holds: which, why and who gave it."""

    id: str
    reason: str
    by: str
    at: Instant


class VerdictData(Frozen):
    """`reason` says why in a key of `shared/texts/verdicts.yaml`; `report` names the report that decided, `excuse` the
    excuse."""

    election: str
    period: date
    verdict: Verdict
    revision: Annotated[int, Field(ge=1)]
    reason: str
    judged_at: Instant
    due_at: Instant
    report: str | None = None
    excuse: ExcuseTold | None = None


class VerdictEvent(Envelope):
    type: Literal["desk.verdict.v1"] = "desk.verdict.v1"
    data: VerdictData

    @property
    def period(self) -> date:
        """The period that it concerns."""
        return self.data.period
