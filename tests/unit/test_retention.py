"""How long the journal knows an event: what is long enough, and when an entry may be gone."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from shared.exactly_once.retention import may_have_expired, span, too_short_because
from shared.settings import BadSettings, Settings, read_settings
from tests.builders import an_election, utc

NOW = utc("2025-12-30 00:00")
DAY = timedelta(days=1)


@pytest.mark.parametrize(
    ("age", "retention", "expected"),
    [
        (timedelta(), 30 * DAY, False),
        (29 * DAY, 30 * DAY, False),
        (30 * DAY - timedelta(minutes=9), 30 * DAY, True),  # clocks differ a little
        (30 * DAY, 30 * DAY, True),
        (4000 * DAY, 400 * DAY, True),
        (4000 * DAY, None, False),
    ],
)
def test_an_entry_may_be_gone_when_its_time_is_over(
    age: timedelta, retention: timedelta | None, expected: bool
) -> None:
    """Not before, and never where entries are kept for ever."""
    assert may_have_expired(NOW - age, NOW, retention) is expected


def test_an_election_takes_from_its_first_day_to_the_last_late_report() -> None:
    """Stages and reports, whichever is first and last, and the offline allowance."""
    election = an_election(offline_allowance="72h")  # campaign from 25 September, reports until 16 December
    assert span(election) == date(2024, 12, 17) - date(2024, 9, 25) + 3 * DAY


@pytest.mark.parametrize(("retention", "is_enough"), [(86 * DAY, True), (85 * DAY, False), (None, True), (DAY, False)])
def test_a_retention_shorter_than_the_election_is_named(retention: timedelta | None, is_enough: bool) -> None:
    """With what it is, what it must be, and why."""
    found = too_short_because(an_election(), retention)
    if is_enough:
        assert found is None
    else:
        assert found is not None
        assert all(word in found for word in ("DESK_JOURNAL_RETENTION", "kaltim-2024", "86d or more"))


def test_the_default_covers_the_election_and_its_lawsuits() -> None:
    """Re-votes of 2024 were held in April 2025."""
    assert too_short_because(an_election(), Settings().journal_retention) is None
    assert Settings().journal_retention == 400 * DAY


@pytest.mark.parametrize(
    ("said", "kept"), [("none", None), ("0", None), ("90d", 90 * DAY), ("36h", timedelta(hours=36))]
)
def test_a_retention_is_a_duration_or_none(said: str, kept: timedelta | None) -> None:
    """`none` and `0` keep entries for ever."""
    assert read_settings({"DESK_JOURNAL_RETENTION": said}).journal_retention == kept


@pytest.mark.parametrize("said", ["never", "5s", "-1d", "99999d", "400"])
def test_what_is_no_retention_is_refused(said: str) -> None:
    """In one line that names the variable; no less than a minute, no more than MongoDB can count."""
    with pytest.raises(BadSettings, match="DESK_JOURNAL_RETENTION"):
        read_settings({"DESK_JOURNAL_RETENTION": said})
