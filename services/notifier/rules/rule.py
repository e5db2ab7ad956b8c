"""What the notifier knows of a rule that alerts, whatever the rule is about. Pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

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


def always(severity: Severity) -> Callable[[Document], Severity]:
    """The same severity for each of a rule's alerts."""
    return lambda _alert: severity


def _as_published(alert: Document) -> Document:
    return alert


@dataclass(frozen=True, slots=True)
class Rule:
    """`name` is the part of its alerts' ids before the first colon. `severity_of` takes an alert's document.
    `is_digested`: alerts of one period are told together, by province, instead of one by one. `rebuilt` makes, of an
    alert as it was published, the document that the rule goes on with when the log is read again (`rebuilt.py`)."""

    name: str
    severity_of: Callable[[Document], Severity]
    is_digested: bool = False
    rebuilt: Callable[[Document], Document] = _as_published
