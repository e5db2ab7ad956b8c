"""Expected against seen: one row a claim."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import TypeVar

from desk.demo.client import Json
from desk.demo.expected import Expected
from desk.demo.scenario import QuietPeriod
from desk.demo.seen import Seen
from desk.demo.texts import both, yes_or_no
from services.notifier.alerts.alerts import ESCALATED, rule_of
from services.notifier.rules import (
    logistics,
    missing_report,
    quiet_period_violation,
    receiver_failing,
    report_reminder,
)
from services.notifier.verdicts.verdicts import REPORTED_LATE
from shared.events.alert import AlertState
from shared.events.verdict import Verdict

NOTHING = "–"
RULES = (missing_report.NAME, quiet_period_violation.NAME)
WARNINGS = (logistics.NAME, report_reminder.NAME)

Name = Callable[[str], str]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Row:
    """A claim: `label` is a key of texts.yaml, `about` its value."""

    label: str
    expected: str
    seen: str
    agrees: bool
    about: str = ""


def rows(expected: Expected, seen: Seen, name: Name) -> list[Row]:
    """All claims, in the order a person reads them."""
    return [
        *_submissions(expected, seen),
        *_attendance(expected, seen, name),
        *_violations(expected, seen),
        *_warnings(expected, seen),
        *_life(expected, seen),
        *_notices(expected, seen),
        *_incidents(expected, seen),
    ]


def all_agree(claims: Iterable[Row]) -> bool:
    return all(row.agrees for row in claims)


def _submissions(expected: Expected, seen: Seen) -> list[Row]:
    counted = seen.counted & expected.accepted
    return [
        _row("row_accepted", expected.accepted, seen.accepted, _count),
        _row("row_repeated", expected.repeated, seen.repeated, _listed),
        _row("row_refused", expected.refused, seen.refused, _listed),
        _row("row_counted", expected.accepted, counted, _count),
        _row("row_refused_counted", frozenset(), seen.counted - expected.accepted, _listed),
    ]


def _attendance(expected: Expected, seen: Seen, name: Name) -> list[Row]:
    def names(codes: Iterable[str]) -> str:
        return _listed(map(name, codes))

    missing = _missing(seen.alerts)
    # Dates that nobody expected alerts for are rows too: a surplus alert must not hide.
    periods = sorted({p.isoformat() for p in expected.missing} | missing.keys())
    found = []
    for day in periods:
        period = date.fromisoformat(day)
        wanted = expected.missing.get(period, frozenset())
        found.append(_row("row_missing", wanted, missing.get(day, frozenset()), names, about=_short(period)))
    for period, wanted_verdicts in expected.verdicts.items():
        shown = seen.verdicts.get(period, {})
        found.append(_row("row_verdicts", wanted_verdicts, shown, _tally(name), about=_short(period)))
    late = dict.fromkeys(expected.late, REPORTED_LATE)
    resolved = {a["id"]: a["resolution"] for a in _of(seen, *RULES) if a["state"] == AlertState.RESOLVED}
    found.append(_row("row_late", late, resolved, _resolutions))
    return found


def _resolutions(found: Mapping[str, str | None]) -> str:
    return _listed(f"{alert} ({resolution or both('still_firing')})" for alert, resolution in found.items())


def _missing(alerts: Iterable[Json]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for alert in alerts:
        if alert["rule"] == missing_report.NAME:
            found.setdefault(alert["period"], set()).add(alert["region"])
    return {day: frozenset(regions) for day, regions in found.items()}


def _violations(expected: Expected, seen: Seen) -> list[Row]:
    flags = {a["id"]: _flags(a) for a in seen.alerts if a["rule"] == quiet_period_violation.NAME}
    found = [
        Row(
            "row_violation",
            _flags_text(expected.violations.get(alert)),
            _flags_text(flags.get(alert)),
            expected.violations.get(alert) == flags.get(alert),
            about=alert.rpartition(":")[2],
        )
        for alert in sorted({*expected.violations, *flags})
    ]
    both_rules = [a for a in seen.alerts if a["rule"] in RULES]
    claimed = (*RULES, *WARNINGS, receiver_failing.NAME)
    others = frozenset(a["id"] for a in seen.alerts if a["rule"] not in claimed)
    found.append(_row("row_alerts", expected.alerts, len(both_rules), str))
    found.append(_row("row_other_alerts", frozenset(), others, _listed))
    return found


def _of(seen: Seen, *rules: str) -> list[Json]:
    return [alert for alert in seen.alerts if alert["rule"] in rules]


def _warnings(expected: Expected, seen: Seen) -> list[Row]:
    """What was told on the way to the deadlines, and how it ended."""
    shown = {a["id"]: a["resolution"] for a in _of(seen, *WARNINGS)}
    return [
        _row(
            f"row_{rule}",
            {alert: how for alert, how in expected.warnings.items() if rule_of(alert) == rule},
            {alert: how for alert, how in shown.items() if rule_of(alert) == rule},
            _resolutions,
        )
        for rule in WARNINGS
    ]


def _life(expected: Expected, seen: Seen) -> list[Row]:
    """Who took an alert in hand, what was escalated, who wants no more."""
    acknowledged = frozenset(a["id"] for a in seen.alerts if a["state"] == AlertState.ACKNOWLEDGED)
    escalated = frozenset(alert for _, alert, change in seen.told if change == ESCALATED)
    failing = frozenset(a["id"] for a in _of(seen, receiver_failing.NAME))
    return [
        _row("row_acknowledged", expected.acknowledged, acknowledged, _listed),
        _row("row_escalated", expected.escalated, escalated, _listed),
        _row("row_failing", expected.failing, failing, _listed),
    ]


def _flags(alert: Json) -> QuietPeriod:
    details = alert["details"]
    return QuietPeriod(
        occurred=details["occurred_in_quiet_period"] is True, reported=details["reported_in_quiet_period"] is True
    )


def _flags_text(flags: QuietPeriod | None) -> str:
    if flags is None:
        return NOTHING
    return both("flags", occurred=yes_or_no(flags.occurred), reported=yes_or_no(flags.reported))


def _notices(expected: Expected, seen: Seen) -> list[Row]:
    wanted = frozenset(telling.key for telling in expected.tellings)
    # One that died between the receiver's answer and its own mark sends once more, under the same webhook-id.
    allowed = seen.notifier_restarts
    limit = f"≤ {allowed}" if allowed else "0"
    return [
        _row("row_told", wanted, seen.told, _count),
        _row("row_bad_signatures", 0, seen.bad_signatures, str),
        Row("row_repeated_notices", limit, str(seen.repeated_notices), seen.repeated_notices <= allowed),
    ]


def _incidents(expected: Expected, seen: Seen) -> list[Row]:
    by_category = Counter(category for _, category in seen.incidents)
    return [
        _row("row_categories", dict(expected.categories), dict(by_category), _counts),
        _row("row_totals", dict(expected.totals), dict(seen.totals), _counts),
    ]


def _row(label: str, expected: T, seen: T, show: Callable[[T], str], about: str = "") -> Row:
    return Row(label, show(expected), show(seen), expected == seen, about)


def _count(values: frozenset[object]) -> str:
    return str(len(values))


def _listed(values: Iterable[str]) -> str:
    return ", ".join(sorted(values)) or NOTHING


def _counts(values: Mapping[str, int]) -> str:
    return ", ".join(f"{key} {values[key]}" for key in sorted(values)) or NOTHING


def _tally(name: Name) -> Callable[[Mapping[str, str]], str]:
    """Verdicts as `7 on_time, 1 late (Kabupaten Kutai Timur)`: names wherever it is not on time."""

    def show(verdicts: Mapping[str, str]) -> str:
        parts = []
        for verdict in sorted(set(verdicts.values()), key=lambda v: (v != Verdict.ON_TIME, v)):
            codes = [code for code, given in verdicts.items() if given == verdict]
            names = "" if verdict == Verdict.ON_TIME else f" ({_listed(map(name, codes))})"
            parts.append(f"{len(codes)} {verdict}{names}")
        return ", ".join(parts) or NOTHING

    return show


def _short(day: date) -> str:
    return f"{day:%d-%m}"
