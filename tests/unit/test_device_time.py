"""Which device's clock is believed, exact to the microsecond."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.election.device_time import is_believed, written_at
from tests.builders import an_election, utc

US, M = timedelta(microseconds=1), timedelta(minutes=1)
RECEIVED = utc("2024-11-18 09:00")
# The election's first report is owed from 30 September, in WITA.
EARLIEST = utc("2024-09-23T00:00+08:00")
DEVICE_TIMES = st.datetimes(
    datetime(1970, 1, 1),  # noqa: DTZ001 - the zone is told apart
    datetime(2099, 12, 31),  # noqa: DTZ001
    timezones=st.sampled_from([UTC, ZoneInfo("Asia/Jakarta"), ZoneInfo("Asia/Jayapura")]),
)


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (RECEIVED, True),
        (RECEIVED + 10 * M, True),
        (RECEIVED + 10 * M + US, False),
        (RECEIVED + timedelta(days=2), False),
        (utc("2099-12-31 23:59"), False),
        (RECEIVED - timedelta(days=30), True),
        (EARLIEST, True),
        (EARLIEST - US, False),
        (utc("2010-01-01"), False),
        (utc("1970-01-01"), False),
    ],
)
def test_plausible_clock(shown: datetime, expected: bool) -> None:
    """At most 10 minutes ahead of receipt, and not before the first report less a week."""
    assert is_believed(shown, RECEIVED, an_election()) is expected
    assert written_at(shown, RECEIVED, an_election()) == (shown if expected else RECEIVED)


def test_tolerance_is_data() -> None:
    """The election file sets it."""
    election = an_election(clock_tolerance="1m")
    assert is_believed(RECEIVED + M, RECEIVED, election)
    assert not is_believed(RECEIVED + M + US, RECEIVED, election)


def test_silence_about_the_time_is_the_receipt() -> None:
    """A report that tells no device time counts as written when it was received."""
    assert written_at(None, RECEIVED, an_election()) == RECEIVED


@given(shown=DEVICE_TIMES)
def test_any_device_time_is_judged(shown: datetime) -> None:
    """Whatever a clock shows, in whatever offset, the report counts as written within what is plausible."""
    assert EARLIEST <= written_at(shown, RECEIVED, an_election()) <= RECEIVED + 10 * M
