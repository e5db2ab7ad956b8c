"""The rules that alert: one pure module each, and this table. See docs/adding-a-rule.md.

A rule's name is the first part of its alerts' ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.notifier.rules import (
    cannot_evaluate,
    logistics,
    missing_report,
    outage,
    quiet_period_violation,
    receiver_failing,
    report_reminder,
)
from services.notifier.rules.rule import Rule, Severity
from shared.election.calendar import Calendar

_TABLE = (
    missing_report.RULE,
    report_reminder.RULE,
    quiet_period_violation.RULE,
    logistics.RULE,
    outage.RULE,
    cannot_evaluate.RULE,
    receiver_failing.RULE,
)

BY_NAME: Mapping[str, Rule] = {rule.name: rule for rule in _TABLE}
RULES: tuple[str, ...] = tuple(BY_NAME)


def is_digested(rule: str) -> bool:
    return rule in BY_NAME and BY_NAME[rule].is_digested


def is_about_the_system(rule: str) -> bool:
    return rule in BY_NAME and BY_NAME[rule].is_about_the_system


def is_past(alert: dict[str, Any], now: datetime) -> bool:
    """Whether it is too late for what an alert says, though it has not ended."""
    rule = BY_NAME.get(alert["rule"])
    return rule is not None and rule.is_past(alert, now)


def severity_of(alert: dict[str, Any]) -> Severity:
    """How much an alert presses; a warning where a later version's rule is not known here."""
    rule = BY_NAME.get(alert["rule"])
    return rule.severity_of(alert) if rule else Severity.WARNING


def values_of(alert: dict[str, Any], calendar: Calendar) -> dict[str, Any]:
    """What the texts of an alert's rule need of their own."""
    rule = BY_NAME.get(alert["rule"])
    return rule.values_of(alert, calendar) if rule else {}
