"""What became of an event, in one word."""

from __future__ import annotations

from typing import Any

import pytest

from services.aggregator import views

AGAIN, OTHERWISE = {"is_conflict": False}, {"is_conflict": True}


@pytest.mark.parametrize(
    ("entry", "is_folded", "expected"),
    [
        ({}, False, "accepted"),
        ({"others": [OTHERWISE]}, False, "accepted"),
        ({}, True, "counted"),
        ({"others": [AGAIN]}, True, "duplicate"),
        ({"others": [AGAIN, OTHERWISE]}, True, "conflict"),
        ({"dead": "why", "others": [AGAIN]}, False, "dead"),
        ({"dead": "why"}, True, "dead"),
    ],
)
def test_status_of_an_event(entry: dict[str, Any], is_folded: bool, expected: str) -> None:
    """The worst that is true of an event is its status."""
    assert views.status_of(entry, is_folded) == expected
