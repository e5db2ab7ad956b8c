"""The rule of filing: was a report on time? Pure.

*On time* is a report received before it was due, or one written before it was due (`submitted_at`, on a device with a
plausible clock) and synced within the offline allowance: Bawaslu mapped 516 polling stations in East Kalimantan with
internet trouble, so a report written in time may arrive late. Anything else is *late*. "Everything is normal" is a
report; silence is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shared.election.calendar import Deadline
from shared.election.config import Election
from shared.events.report import ReportEvent
from shared.events.verdict import Verdict

RECEIVED_IN_TIME = "received_in_time"
WRITTEN_IN_TIME = "written_in_time"
RECEIVED_LATE = "received_late"


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict and the reason a person would ask for (a key of `shared/texts/verdicts.yaml`)."""

    verdict: Verdict
    reason: str


def is_plausible(submitted_at: datetime, received_at: datetime, election: Election) -> bool:
    """Whether a device's time can be believed: it is not ahead of ours by more than the tolerance (10 minutes)."""
    return submitted_at <= received_at + election.clock_tolerance


def is_synced_in_time(submitted_at: datetime, received_at: datetime, election: Election) -> bool:
    """Whether a report reached us within the offline allowance (72 h) after it was written."""
    return received_at - submitted_at <= election.offline_allowance


def judge(report: ReportEvent, deadline: Deadline, election: Election) -> Judged:
    """The verdict on one report for the period it names. The boundary is exact: due itself is late."""
    received_at, submitted_at = report.receivedat, report.data.submitted_at
    if received_at < deadline.due_at:
        return Judged(Verdict.ON_TIME, RECEIVED_IN_TIME)
    if (
        submitted_at is not None
        and submitted_at < deadline.due_at
        and is_plausible(submitted_at, received_at, election)
        and is_synced_in_time(submitted_at, received_at, election)
    ):
        return Judged(Verdict.ON_TIME, WRITTEN_IN_TIME)
    return Judged(Verdict.LATE, RECEIVED_LATE)
