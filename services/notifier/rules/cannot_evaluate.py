"""Cannot evaluate: the bounded wait is over and the log is not provably read. One alert about ourselves. Pure.

What cannot be evaluated are the reports of a period, or a moment at which something else is looked at."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from services.notifier.alerts import alerts
from services.notifier.rules.rule import Always, Rule, Severity
from shared.election.calendar import Calendar
from shared.events.envelope import SYSTEM
from shared.texts import LANGUAGES, text

Document = dict[str, Any]
NAME = "cannot-evaluate"
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


def moment_alert_id(moment_id: str) -> str:
    return f"{NAME}:{moment_id}"


def raised(alert: Document, period: date | None, at: datetime, unproven: Unproven) -> Document:
    """`period` is None for a moment, whose alert's id says of which rule it is."""
    details = {"reason": unproven.reason, "values": dict(unproven.values)}
    return alerts.raised(alert, region=SYSTEM, period=period, at=at, why=unproven.reason, details=details)


def resolved(alert: Document, at: datetime) -> Document:
    return alerts.resolved(alert, at=at, resolution=JUDGED, why=LOG_READ)


def _values(alert: Document, _calendar: Calendar) -> Document:
    """What cannot be evaluated, in words."""
    period = alert["period"]
    what, day = ("reports", f"{date.fromisoformat(period):%d-%m-%Y}") if period else ("logistics", "")
    return {"what": {lang: text("notices", f"{NAME}.what.{what}", lang, period=day) for lang in LANGUAGES}}


RULE = Rule(NAME, Always(Severity.CRITICAL), is_about_the_system=True, values_of=_values)
