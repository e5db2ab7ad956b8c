"""The rule of filing: on time or late, exact to the microsecond."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from services.notifier.filing import RECEIVED_IN_TIME, RECEIVED_LATE, WRITTEN_IN_TIME, is_plausible, judge
from shared.events.report import Condition
from shared.events.verdict import Verdict
from tests.builders import a_deadline, a_report, an_election

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
    judged = judge(a_report(received, submitted=submitted), a_deadline(), an_election())
    assert judged.reason == reason
    assert judged.verdict is (Verdict.LATE if reason == RECEIVED_LATE else Verdict.ON_TIME)


@pytest.mark.parametrize(("ahead", "is_believed"), [(0 * M, True), (10 * M, True), (10 * M + US, False), (H, False)])
def test_device_clock_ahead_of_ours(ahead: timedelta, is_believed: bool) -> None:
    """A device's clock is believed if it is at most 10 minutes ahead of ours."""
    assert is_plausible(DUE + ahead, DUE, an_election()) is is_believed


def test_allowance_and_tolerance_are_data() -> None:
    """The election file sets both."""
    election, written = an_election(offline_allowance="1h", clock_tolerance="1m"), DUE - 30 * M
    assert judge(a_report(DUE + 30 * M, submitted=written), a_deadline(), election).reason == WRITTEN_IN_TIME
    assert judge(a_report(DUE + 31 * M, submitted=written), a_deadline(), election).reason == RECEIVED_LATE
    assert is_plausible(DUE + M, DUE, election)
    assert not is_plausible(DUE + M + US, DUE, election)


@pytest.mark.parametrize("condition", list(Condition))
def test_everything_is_normal_is_a_report(condition: Condition) -> None:
    """What a report says has no say in whether it was on time."""
    report = a_report(DUE - H, condition=condition)
    assert judge(report, a_deadline(), an_election()).verdict is Verdict.ON_TIME
