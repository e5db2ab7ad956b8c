"""Silences: what they mute, and when."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.notifier.holding import silences
from tests.builders import utc

NOW = utc("2024-11-25T02:10:00Z")
HOUR = timedelta(hours=1)


def a_silence(**changes: Any) -> dict[str, Any]:
    plain = {"region": "64.72", "rule": None, "from_": NOW, "until": NOW + HOUR, "reason": "x", "by": "b", "at": NOW}
    return silences.made(**{"silence_id": "s", **plain, **changes})


@pytest.mark.parametrize(
    ("region", "rule", "about", "is_muted"),
    [
        ("64.72", None, ("missing-report", "64.72"), True),
        ("64.72", None, ("missing-report", "64.72.01"), True),
        ("64.72", None, ("missing-report", "64"), False),
        ("64.7", None, ("missing-report", "64.72"), False),
        ("64.72", "missing-report", ("missing-report", "64.72"), True),
        ("64.72", "missing-report", ("quiet-period-violation", "64.72"), False),
        ("*", None, ("missing-report", "64.72"), True),
        ("*", None, ("cannot-evaluate", "system"), False),
        ("64", "cannot-evaluate", ("cannot-evaluate", "system"), False),
        ("*", "cannot-evaluate", ("cannot-evaluate", "system"), True),
    ],
)
def test_what_is_muted(region: str, rule: str | None, about: tuple[str, str], is_muted: bool) -> None:
    """A rule, or all about regions, in a region and everything below it; what concerns the system only by name."""
    assert silences.mutes(a_silence(region=region, rule=rule), *about) is is_muted


@pytest.mark.parametrize(
    ("at", "state"),
    [
        (NOW - timedelta(milliseconds=1), "planned"),
        (NOW, "active"),
        (NOW + HOUR - timedelta(milliseconds=1), "active"),
        (NOW + HOUR, "over"),
    ],
)
def test_when(at: Any, state: str) -> None:
    """From its beginning on, and no longer at its end."""
    assert silences.state_at(a_silence(), at) == state
