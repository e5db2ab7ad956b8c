"""The withdrawal of a report: `desk.report-withdrawal.v1` on the topic `desk.reports`. A withdrawn report no longer
counts; it stays in the log and in the history."""

from __future__ import annotations

from datetime import date
from typing import Literal

from pydantic import Field

from shared.events.envelope import Envelope, Frozen, identity_of
from shared.strict import LongText, Slug


class WithdrawalData(Frozen):
    """`report` is the id of the agency's own report; `period` the Monday which that report is for, so that consumers
    find it without a search; `reason` is shown beside it."""

    report: Slug
    period: date
    reason: LongText = Field(description="why it no longer holds")


class WithdrawalEvent(Envelope):
    """`subject` is the region of the report. The wire form is golden: tests/unit/golden/."""

    type: Literal["desk.report-withdrawal.v1"] = "desk.report-withdrawal.v1"
    data: WithdrawalData

    @property
    def period(self) -> date:
        """The period that it concerns."""
        return self.data.period

    @property
    def report_identity(self) -> str:
        """The identity of the report that is withdrawn: an agency withdraws its own."""
        return identity_of(self.agency, self.data.report)
