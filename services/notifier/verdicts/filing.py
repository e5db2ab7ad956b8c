"""The rule of filing: was a report on time? Pure.

*On time* is a report received before it was due, or one written before it was due (`submitted_at`, on a device with a
believable clock) and synced within the offline allowance: Bawaslu mapped 516 polling stations in East Kalimantan with
internet trouble, so a report written in time may arrive late. Anything else is *late*. "Everything is normal" is a
report; silence is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from shared.election.config import Election
from shared.election.device_time import written_at
from shared.election.owing import Deadline
from shared.events.report import ReportEvent
from shared.events.verdict import Verdict

RECEIVED_IN_TIME = "received_in_time"
WRITTEN_IN_TIME = "written_in_time"
RECEIVED_LATE = "received_late"


@dataclass(frozen=True, slots=True)
class Finding:
    """What one report deserves: a verdict, and the reason a person would ask for (a key of
    `shared/texts/verdicts.yaml`)."""

    verdict: Verdict
    reason: str


def is_synced_in_time(submitted_at: datetime, received_at: datetime, election: Election) -> bool:
    """Whether a report reached us within the offline allowance (72 h) after it was written."""
    return received_at - submitted_at <= election.offline_allowance


def finding_of(report: ReportEvent, deadline: Deadline, election: Election) -> Finding:
    """What is found of one report for the period it names. The boundary is exact: due itself is late."""
    received_at = report.receivedat
    if received_at < deadline.due_at:
        return Finding(Verdict.ON_TIME, RECEIVED_IN_TIME)
    written = written_at(report.data.submitted_at, received_at, election)
    if written < deadline.due_at and is_synced_in_time(written, received_at, election):
        return Finding(Verdict.ON_TIME, WRITTEN_IN_TIME)
    return Finding(Verdict.LATE, RECEIVED_LATE)
