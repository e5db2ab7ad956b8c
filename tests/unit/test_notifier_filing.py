"""The rule of filing: on time or late, exact to the microsecond."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from services.notifier.verdicts.filing import RECEIVED_IN_TIME, RECEIVED_LATE, WRITTEN_IN_TIME, finding_of
from shared.events.report import Condition
from shared.events.verdict import Verdict
from tests.builders import a_deadline, a_report, an_election, utc

US = timedelta(microseconds=1)
H, M = timedelta(hours=1), timedelta(minutes=1)
DUE = a_deadline().due_at


@pytest.mark.parametrize(
    ("received", "submitted", "reason"),
    [
        # by receipt alone
        (DUE - 7 * 24 * H, None, RECEIVED_IN_TIME),
        (DUE - US, None, RECEIVED_IN_TIME),
        (DUE, None, RECEIVED_LATE),  # due itself is late
        (DUE + US, None, RECEIVED_LATE),
        # what the device says cannot spoil what was received in time
        (DUE - US, DUE + 99 * H, RECEIVED_IN_TIME),
        # written in time, synced later
        (DUE, DUE - US, WRITTEN_IN_TIME),
        (DUE + H, DUE - US, WRITTEN_IN_TIME),
        (DUE + H, DUE, RECEIVED_LATE),
        (DUE + H, DUE + US, RECEIVED_LATE),
        # the offline allowance: 72 h from writing to receipt, inclusive
        (DUE - US + 72 * H, DUE - US, WRITTEN_IN_TIME),
        (DUE + 72 * H, DUE - US, RECEIVED_LATE),
        (DUE - 10 * H + 72 * H, DUE - 10 * H, WRITTEN_IN_TIME),
        (DUE - 10 * H + 72 * H + US, DUE - 10 * H, RECEIVED_LATE),
        (DUE + H, DUE - 100 * H, RECEIVED_LATE),
    ],
)
def test_on_time_or_late(received: datetime, submitted: datetime | None, reason: str) -> None:
    """Received before it was due, or written before it and synced within the allowance; anything else is late."""
    finding = finding_of(a_report(received, submitted=submitted), a_deadline(), an_election())
    assert finding.reason == reason
    assert finding.verdict is (Verdict.LATE if reason == RECEIVED_LATE else Verdict.ON_TIME)


@pytest.mark.parametrize("shown", [utc("1970-01-01"), utc("2010-01-01"), utc("2024-09-22 15:59:59.999999")])
def test_clock_that_is_not_believed_proves_nothing(shown: datetime) -> None:
    """However long the allowance: a report that was late by receipt stays late."""
    election = an_election(offline_allowance="36500d")
    assert finding_of(a_report(DUE, submitted=shown), a_deadline(), election).reason == RECEIVED_LATE
    assert (
        finding_of(a_report(DUE, submitted=utc("2024-09-22 16:00")), a_deadline(), election).reason == WRITTEN_IN_TIME
    )


def test_allowance_is_data() -> None:
    """The election file sets it."""
    election, written = an_election(offline_allowance="1h"), DUE - 30 * M
    assert finding_of(a_report(DUE + 30 * M, submitted=written), a_deadline(), election).reason == WRITTEN_IN_TIME
    assert finding_of(a_report(DUE + 31 * M, submitted=written), a_deadline(), election).reason == RECEIVED_LATE


@pytest.mark.parametrize("condition", list(Condition))
def test_everything_is_normal_is_a_report(condition: Condition) -> None:
    """What a report says has no say in whether it was on time."""
    report = a_report(DUE - H, condition=condition)
    assert finding_of(report, a_deadline(), an_election()).verdict is Verdict.ON_TIME
