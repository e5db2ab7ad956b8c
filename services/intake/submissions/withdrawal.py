"""The withdrawal of an agency's own report, as it arrives and as it is published."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from services.intake.accepting.fingerprints import Fingerprint
from services.intake.submissions.body import Body, WrongFields
from services.intake.submissions.checks import Receipt, possible_period
from services.intake.submissions.reports_meant import checked
from shared.access.keys import Kind
from shared.events.codec import content_hash
from shared.events.withdrawal import WithdrawalData, WithdrawalEvent
from shared.field_errors import FieldError
from shared.strict import Day, LongText, Slug
from shared.topics import REPORTS


class WithdrawalBody(Body):
    """A report of yours no longer holds. It stays in the history, and no longer counts."""

    called = "withdrawal"
    event = WithdrawalEvent
    topic = REPORTS
    in_path = ("report",)

    report: Slug = Field(description="the id of your report")
    reason: LongText = Field(description="why, for whoever looks at the history")
    period: Annotated[Day, AfterValidator(possible_period)] | None = Field(
        None, description="the Monday the report was for, no other; only needed where we do not know the report"
    )

    def right(self, agency: str) -> Kind:
        return Kind.REPORTS

    def report_meant(self) -> str:
        return self.report

    def default_id(self, agency: str, receipt: Receipt) -> str:
        """Of what is said, so that a second tap is no second withdrawal, and one that was mended is another."""
        return f"withdrawal-{content_hash(self.said())[:32]}"

    def to_event(self, agency: str, event_id: str, receipt: Receipt, meant: Fingerprint | None) -> WithdrawalEvent:
        withdrawn = checked(meant, "report", self.region, self.period) if meant else None
        period = withdrawn.period if withdrawn else self.period
        if period is None:
            raise WrongFields([FieldError("period", "withdrawal_period")])
        return WithdrawalEvent.of_checked(
            **self.envelope(agency, event_id, receipt),
            time=receipt.received_at,
            data=WithdrawalData.of_checked(report=self.report, period=period, reason=self.reason),
        )
