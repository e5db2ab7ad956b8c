"""Cannot evaluate: the bounded wait is over and the log is not provably read. One alert about ourselves. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from services.notifier import alerts
from services.notifier.rules.rule import Rule, Severity, always
from shared.events.envelope import SYSTEM

Document = dict[str, Any]
NAME = "cannot-evaluate"
RULE = Rule(NAME, always(Severity.CRITICAL), is_about_the_system=True)
JUDGED = "judged"
LOG_READ = "log_read"

NO_PARTITIONS = "no_partitions"
PARTITIONS_UNREAD = "partitions_unread"
KAFKA_AWAY = "kafka_away"
OTHER_LOG = "other_log"


@dataclass(frozen=True, slots=True)
class Unproven:
    """Why it cannot be shown that the log is read: `cannot-evaluate.because.<reason>` in shared/texts/notices.yaml,
    and the values of that text, a list for a list of words."""

    reason: str
    values: Mapping[str, str | list[int]]


def alert_id(period: date) -> str:
    return f"{NAME}:{period.isoformat()}"


def raised(alert: Document, period: date, at: datetime, unproven: Unproven) -> Document:
    details = {"reason": unproven.reason, "values": dict(unproven.values)}
    return alerts.raised(alert, region=SYSTEM, period=period, at=at, why=unproven.reason, details=details)


def resolved(alert: Document, at: datetime) -> Document:
    return alerts.resolved(alert, at=at, resolution=JUDGED, why=LOG_READ)
