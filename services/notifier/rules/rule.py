"""What the notifier knows of a rule that alerts, whatever the rule is about. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import Any

from shared.election.calendar import Calendar

Document = dict[str, Any]


class Severity(IntEnum):
    """How much an alert presses, least first: what may wait for the morning, and who is told, can depend on it."""

    INFO = 1
    WARNING = 2
    CRITICAL = 3

    @property
    def word(self) -> str:
        """As files, payloads and labels say it: `info`, `warning`, `critical`."""
        return self.name.lower()


@dataclass(frozen=True, slots=True)
class Always:
    """The same severity for each of a rule's alerts."""

    severity: Severity

    def __call__(self, _alert: Document) -> Severity:
        return self.severity


@dataclass(frozen=True, slots=True)
class AlertChange:
    """What an event does to one alert. `apply` is pure: it takes the alert's document, which may be an empty one."""

    alert_id: str
    apply: Callable[[Document], Document]


def no_values(_alert: Document, _calendar: Calendar) -> Document:
    """For a rule whose texts need nothing beyond what every notice has."""
    return {}


def never_past(_alert: Document, _now: datetime) -> bool:
    """For a rule whose alerts are true until they end."""
    return False


def _as_published(alert: Document) -> Document:
    return alert


@dataclass(frozen=True, slots=True)
class Rule:
    """`name` is the part of its alerts' ids before the first colon. `severity_of` takes an alert's document.
    `is_digested`: alerts of one period are told together, by province, instead of one by one. `is_about_the_system`:
    its alerts concern no region. `values_of` takes an alert with the details that its change told, and gives what the
    rule's texts need of its own: a text, or one in each language. `rebuilt` makes, of an alert as it was published,
    the document that the rule goes on with when the log is read again (`rebuild/rebuilt.py`). `is_past`: what an alert
    says is no use at an instant, though it has not ended; then nobody is told of it again or after all."""

    name: str
    severity_of: Callable[[Document], Severity]
    is_digested: bool = False
    is_about_the_system: bool = False
    values_of: Callable[[Document, Calendar], Document] = no_values
    rebuilt: Callable[[Document], Document] = _as_published
    is_past: Callable[[Document, datetime], bool] = never_past

    @property
    def severities(self) -> tuple[Severity, ...]:
        """Those that its alerts may have."""
        return (self.severity_of.severity,) if isinstance(self.severity_of, Always) else tuple(Severity)
