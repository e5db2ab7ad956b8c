"""What the oracle answers: what must hold in the end, of obligations, incidents, alerts and counters."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date

RAISINGS = ("raised", "raised_again")


@dataclass(frozen=True)
class Obligation:
    """What holds for one region and one period. `alert` is what happened to the missing-report alert, if there was
    one: each raising and each resolution. `was_missed` if it was missing at the moment of judgement."""

    verdict: str
    alert: tuple[str, ...] = ()
    was_missed: bool = False

    @property
    def resolution(self) -> str | None:
        return self.alert[-1] if self.alert and self.alert[-1] not in RAISINGS else None


@dataclass(frozen=True)
class Flags:
    is_violation: bool
    occurred_in_quiet_period: bool
    reported_in_quiet_period: bool

    @property
    def alerts(self) -> bool:
        return self.is_violation and (self.occurred_in_quiet_period or self.reported_in_quiet_period)


@dataclass
class Answers:
    obligations: dict[tuple[date, str], Obligation] = field(default_factory=dict)
    incidents: dict[tuple[str, str], Flags] = field(default_factory=dict)
    statuses: dict[tuple[str, str], str] = field(default_factory=dict)
    dismissals: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    own: dict[str, Counter[str]] = field(default_factory=dict)
    totals: dict[str, Counter[str]] = field(default_factory=dict)

    def missing_alerts(self) -> dict[str, str | None]:
        """Alert id to resolution."""
        owed = self.obligations.items()
        return {f"missing-report:{period}:{code}": o.resolution for (period, code), o in owed if o.alert}

    def missed(self) -> set[str]:
        """The alerts that a digest tells of: those that were missing when they were judged."""
        return {f"missing-report:{period}:{code}" for (period, code), o in self.obligations.items() if o.was_missed}

    def violation_alerts(self) -> dict[str, Flags]:
        return {f"quiet-period-violation:{a}:{i}": flags for (a, i), flags in self.incidents.items() if flags.alerts}

    def dismissed_alerts(self) -> set[str]:
        """The violations whose alert is resolved."""
        last = {f"quiet-period-violation:{a}:{i}": words[-1:] for (a, i), words in self.dismissals.items()}
        return {alert for alert in self.violation_alerts() if last.get(alert) == ("dismissed",)}

    def changes(self) -> Counter[tuple[str, str]]:
        """How often each alert is raised, raised again and resolved; each time is told."""
        found: Counter[tuple[str, str]] = Counter()
        for (period, code), obligation in self.obligations.items():
            for change in obligation.alert:
                found[f"missing-report:{period}:{code}", change if change in RAISINGS else "resolved"] += 1
        for (agency, incident), flags in self.incidents.items():
            if flags.alerts:
                for change in ("raised", *self.dismissals.get((agency, incident), ())):
                    is_end = change == "dismissed"
                    found[f"quiet-period-violation:{agency}:{incident}", "resolved" if is_end else change] += 1
        return found
