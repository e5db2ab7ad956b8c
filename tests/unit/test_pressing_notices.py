"""What is told of alerts that nobody has acknowledged, in words."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from services.notifier.alerts import alerts
from services.notifier.notices import pressing_notices
from services.notifier.telling.escalation import Press
from shared.exactly_once.cursors import empty
from tests.builders import MONDAY, a_calendar, utc

AT = utc("2024-11-24T00:00Z")
PRESS = Press(alerts.REPEATED, AT, timedelta(hours=2), ("watch",))


@pytest.mark.parametrize(
    ("after", "expected"),
    [(timedelta(minutes=30), "30 min"), (timedelta(hours=1), "1 h"), (timedelta(days=1), "1 d")],
)
def test_how_long(after: timedelta, expected: str) -> None:
    """Words that are right of one and of many."""
    alert = alerts.raised(empty("outage:a:b"), region="64.72", period=None, at=AT, why="x", details={})
    press = Press(alerts.ESCALATED, AT, after, ("watch",))
    notice = pressing_notices.of_press(press, [alert], {"id": "Itu.", "en": "That."}, a_calendar())
    assert notice.payload["data"]["text"]["en"] == f"NOT ACKNOWLEDGED for {expected}: That."


@pytest.mark.parametrize(
    ("alert_id", "period", "expected"),
    [
        ("missing-report:2024-11-18:64.72", MONDAY, "missing reports (18-11-2024): Kota Samarinda."),
        ("logistics:64.72:D-3", None, "incomplete logistics: Kota Samarinda."),
    ],
)
def test_by_name(alert_id: str, period: date | None, expected: str) -> None:
    """Of rules that are told by digest, for a period or for none."""
    details = {"hours_before": 72, "step": "D-3"}
    alert = alerts.raised(empty(alert_id), region="64.72", period=period, at=AT, why="x", details=details)
    notice = pressing_notices.of_press(PRESS, [alert], None, a_calendar())
    assert notice.payload["data"]["text"]["en"] == f"Reminder, not acknowledged for 2 h: {expected}"
