"""The weekly report: `desk.report.v1` on the topic `desk.reports`."""

from __future__ import annotations

from datetime import date
from enum import StrEnum
from typing import Annotated, Literal

from pydantic import Field

from shared.events.envelope import Envelope, Frozen
from shared.strict import DeviceInstant, LongText, ShortText, Slug


class Condition(StrEnum):
    """The current condition (kondisi terkini). "Everything is normal" is a report too."""

    NORMAL = "normal"
    ATTENTION = "attention"
    CRITICAL = "critical"


Sections = Annotated[
    dict[Slug, LongText], Field(max_length=20, json_schema_extra={"additionalProperties": False})
]  # pydantic takes no other names, and does not say so


class ReportData(Frozen):
    """`period` is the Monday the report is for; `submitted_at` the sender's device time, if it told one, right or
    wrong: `shared/election/device_time.py` says whether it is believed."""

    period: date
    condition: Condition
    summary: LongText
    submitted_at: DeviceInstant | None = None
    replaces: Slug | None = None
    topics: Sections | None = None
    source_office: ShortText | None = None


class ReportEvent(Envelope):
    """A region's report for one period. The wire form is golden: tests/unit/golden/."""

    type: Literal["desk.report.v1"] = "desk.report.v1"
    data: ReportData

    @property
    def period(self) -> date:
        """The period that it concerns."""
        return self.data.period
