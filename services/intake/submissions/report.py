"""A weekly report, as it arrives and as it is published."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from services.intake.accepting.fingerprints import Fingerprint
from services.intake.submissions.body import Body, WrongFields
from services.intake.submissions.checks import Receipt, another_report, possible_period, to_utc
from services.intake.submissions.reports_meant import checked
from shared.access.keys import Kind
from shared.election.device_time import written_at
from shared.election.roster import level_of
from shared.events.report import Condition, ReportData, ReportEvent, Sections
from shared.field_errors import FieldError
from shared.strict import Day, DeviceInstant, LongText, ShortText, Slug
from shared.topics import REPORTS


class ReportBody(Body):
    """A weekly report. "Everything is normal" is a report too."""

    called = "report"
    event = ReportEvent
    topic = REPORTS

    condition: Condition = Field(description="how it stands; `normal` is a report too, and silence is none")
    summary: LongText = Field(description="the region's current condition, in words")
    period: Annotated[Day, AfterValidator(possible_period)] | None = Field(
        None,
        description="the day it is for, a Monday unless the election says otherwise; without it that of the report it "
        "corrects (no other; needed where we do not know that one), else the latest such day up to `submitted_at` or "
        "receipt",
    )
    submitted_at: Annotated[DeviceInstant, AfterValidator(to_utc)] | None = Field(
        None,
        description="when it was written, by the device's clock; lets a report that was synced late be on time. "
        "A clock that is plainly wrong is not believed, and no reason to refuse the report",
    )
    replaces: Annotated[Slug, AfterValidator(another_report)] | None = Field(
        None, description="the id of your earlier report that this one corrects"
    )
    topics: Sections | None = Field(None, description="free sections: logistics, security, voters, neutrality ...")
    source_office: ShortText | None = Field(None, description="the lower office that told it, by telephone say")

    def right(self, agency: str) -> Kind:
        return Kind.REPORTS

    def report_meant(self) -> str | None:
        return self.replaces

    def to_event(self, agency: str, event_id: str, receipt: Receipt, meant: Fingerprint | None) -> ReportEvent:
        """Its `time` is the believed `submitted_at`, else the receipt. A correction of a report that nobody knows says
        its period: one of last week's, taken for this week's, would hide that this week's is missing. Nor does one
        move a report into another week: the old one would stay in force in its own."""
        if self.replaces == event_id:  # an id that a batch gave to the line, after `another_report` had looked
            raise WrongFields([FieldError("replaces", "replaces_itself")])
        calendar = receipt.calendar
        replaced = checked(meant, "replaces", self.region, self.period) if meant else None
        period = self.period or (replaced and replaced.period)
        if self.replaces and period is None:
            raise WrongFields([FieldError("period", "correction_period")])
        written = receipt.received_at
        if self.submitted_at is not None:
            written = written_at(self.submitted_at, written, calendar.at(self.region, written))
        return ReportEvent.of_checked(
            **self.envelope(agency, event_id, receipt),
            time=written,
            data=ReportData.of_checked(
                period=period or calendar.period_of(self.region, level_of(self.region), written),
                condition=self.condition,
                summary=self.summary,
                submitted_at=self.submitted_at,
                replaces=self.replaces,
                topics=self.topics or None,
                source_office=self.source_office,
            ),
        )
