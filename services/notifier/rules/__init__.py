"""The rules that alert: one pure module each, and this table of their names. See docs/adding-a-rule.md.

A rule's name is the first part of its alerts' ids.
"""

from __future__ import annotations

from services.notifier.rules import cannot_evaluate, missing_report, quiet_period_violation

RULES: tuple[str, ...] = (missing_report.NAME, quiet_period_violation.NAME, cannot_evaluate.NAME)
