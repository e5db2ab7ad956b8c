"""The rules that alert: one pure module each, and this table. See docs/adding-a-rule.md.

A rule's name is the first part of its alerts' ids. `is_digest`: alerts of one judgement and one province are told in
one message with names.
"""

from __future__ import annotations

from dataclasses import dataclass

from services.notifier.rules import cannot_evaluate, missing_report, quiet_period_violation


@dataclass(frozen=True, slots=True)
class Rule:
    name: str
    is_digest: bool
    severity: str


RULES = {
    rule.name: rule
    for rule in (
        Rule(missing_report.NAME, is_digest=True, severity="warning"),
        Rule(quiet_period_violation.NAME, is_digest=False, severity="critical"),
        Rule(cannot_evaluate.NAME, is_digest=False, severity="critical"),
    )
}
