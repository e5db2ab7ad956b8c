"""Cannot evaluate: the bounded wait is over and the log is not provably read. One alert about the system itself."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from services.notifier import alerts

Document = dict[str, Any]
NAME = "cannot-evaluate"
JUDGED = "judged"


def alert_id(period: date) -> str:
    return f"{NAME}:{period.isoformat()}"


def raised(alert: Document, period: date, at: datetime, problem: str) -> Document:
    return alerts.raised(alert, region=alerts.SYSTEM, period=period, at=at, why=problem, details={"problem": problem})


def resolved(alert: Document, at: datetime) -> Document:
    return alerts.resolved(alert, at=at, resolution=JUDGED, why="the log has been read")
