"""Logistics: what a regency must have received by the line and has not, told at each step towards it. Pure.

At each step (D-7, D-3, D-1, the line) one alert for each regency that lacks something; no statement means nothing
received. The alert of a later step takes the place of the earlier one, which ends `superseded` without a word. It ends
`received` when the last item is there, and fires again if a later statement takes that back.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.notifier.alerts import alerts
from services.notifier.moments import logistics_steps
from services.notifier.moments.logistics_steps import LINE, Step
from services.notifier.rules.rule import Rule, Severity
from shared.election.calendar import Calendar
from shared.events.alert import AlertState
from shared.texts import LANGUAGES, Language, text

Document = dict[str, Any]
NAME = logistics_steps.NAME
NOT_COMPLETE, TAKEN_BACK = "not_complete", "taken_back"
RECEIVED, SUPERSEDED = "received", "superseded"
_MOST_NAMED = 5
_WARNING_FROM_H = 3 * 24  # an earlier warning is for information


def alert_id(region: str, step: Step) -> str:
    return f"{NAME}:{region}:{step.key}"


def lacked(
    alert: Document, region: str, step: Step, lacking: Sequence[Document], at: datetime, *, is_told: bool
) -> Document:
    """The alert of a step after the look at it. `is_told` is false where the next step has come as well: then nobody
    is told of its end either."""
    if alerts.exists(alert):
        return alert
    raised = _raised(alert, region, step, lacking, at, NOT_COMPLETE, is_told=is_told)
    return raised if is_told else {**raised, "is_silent": True}


def following(
    alert: Document, region: str, step: Step, lacking: Sequence[Document], stated_at: datetime | None
) -> Document:
    """The alert of the latest step as the statements that hold now have it; the last of them was received at
    `stated_at`."""
    at = stated_at or step.at
    if not lacking:
        return _received(alert, at)
    if not alerts.exists(alert):
        return _raised(alert, region, step, lacking, at, TAKEN_BACK)
    return alerts.raised_again(alert, at=at, why=TAKEN_BACK, details=_details(step, lacking))


def superseded(alert: Document, lacking: Sequence[Document], stated_at: datetime | None, at: datetime) -> Document:
    """The alert of an earlier step, once the next one has been looked at, by the moment of which `lacking` was not
    there: it ends without a word, unless all of it had come."""
    if not alerts.exists(alert) or alert["state"] == AlertState.RESOLVED:
        return alert
    if not lacking:
        return _received(alert, stated_at or at)
    return alerts.resolved(alert, at=at, resolution=SUPERSEDED, why=SUPERSEDED, is_told=False)


def _received(alert: Document, at: datetime) -> Document:
    told = not alert.get("is_silent", False)
    details = {"reported_at": at}
    return alerts.resolved(alert, at=at, resolution=RECEIVED, why=RECEIVED, details=details, is_told=told)


def _raised(
    alert: Document,
    region: str,
    step: Step,
    lacking: Sequence[Document],
    at: datetime,
    why: str,
    *,
    is_told: bool = True,
) -> Document:
    return alerts.raised(
        alert,
        region=region,
        period=None,
        at=at,
        why=why,
        details=_details(step, lacking),
        is_noticed_alone=is_told,
    )


def _details(step: Step, lacking: Sequence[Document]) -> Document:
    return {
        "step": step.name,
        "hours_before": int(step.before.total_seconds() // 3600),
        "line_at": step.line.at,
        "lacking": list(lacking),
    }


def _severity(alert: Document) -> Severity:
    before_h = alert["details"]["hours_before"]
    if alert["details"]["step"] == LINE:
        return Severity.CRITICAL
    return Severity.INFO if before_h > _WARNING_FROM_H else Severity.WARNING


def _values(alert: Document, calendar: Calendar) -> Document:
    details = alert["details"]
    day = details["line_at"].astimezone(calendar.zone(alert["region"])).date()
    return {
        "step": {lang: _step(details["step"], lang) for lang in LANGUAGES},
        "line": f"{day:%d-%m-%Y}",
        "items": {lang: _items(details["lacking"], calendar, lang) for lang in LANGUAGES},
    }


def _step(name: str, language: Language) -> str:
    if name == LINE:
        return text("notices", "logistics.step.line", language)
    return text("notices", "logistics.step.ahead", language, length=name.removeprefix("D-"))


def _items(lacking: Sequence[Document], calendar: Calendar, language: Language) -> str:
    named = [_item(one, calendar, language) for one in lacking[:_MOST_NAMED]]
    more = len(lacking) - len(named)
    return ", ".join([*named, *([text("notices", "others", language, number=more)] if more else [])])


def _item(one: Document, calendar: Calendar, language: Language) -> str:
    known = calendar.election.logistics.items.get(one["item"])
    label = known.label.said_in(language) if known else one["item"]
    return label if one["required"] is None else f"{label} {one['received']}/{one['required']}"


RULE = Rule(NAME, _severity, is_digested=True, values_of=_values)
