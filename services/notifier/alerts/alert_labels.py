"""Alerts as Alertmanager's v2 API takes them. Pure.

To Alertmanager an alert is its labels: they are made of what never changes in an alert, and the rest are annotations.
What fires lasts until `until`, unless it is told again; what is resolved ends when it did.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from services.notifier import rules
from services.notifier.delivery import trials
from shared.election.calendar import Calendar
from shared.election.roster import regency_of
from shared.events.alert import AlertState
from shared.events.envelope import SYSTEM

Document = dict[str, Any]

_OF_A_TRIAL = "info"


def labelled(calendar: Calendar, payload: Document, now: datetime, until: datetime) -> list[Document]:
    """The alerts of a notice's payload. `now` and `until` are real time, as Alertmanager's is."""
    data = payload["data"]
    return [_alert(alert, data["text"], calendar, now, until) for alert in data["alerts"]]


def _alert(alert: Document, text: Mapping[str, str], calendar: Calendar, now: datetime, until: datetime) -> Document:
    ends_at = min(alert["resolved_at"], now) if alert["state"] == AlertState.RESOLVED else until
    region = alert["region"]
    labels = {
        "alertname": alert["rule"],
        "desk_alert": alert["id"],
        "severity": _OF_A_TRIAL if alert["rule"] == trials.RULE else rules.severity_of(alert).word,
        "region": region,
        "regency": "" if region == SYSTEM else calendar.roster.name(regency_of(region)),
        "period": alert["period"] or "",
    }
    return {
        "labels": {name: value for name, value in labels.items() if value},  # an empty label is none
        "annotations": {
            "summary": text["id"],
            "summary_en": text["en"],
            **({"resolution": alert["resolution"]} if alert["resolution"] else {}),
        },
        # A scenario's clock may be ahead of Alertmanager's, which refuses what ends before it starts.
        "startsAt": min(alert["raised_at"], now, ends_at),
        "endsAt": ends_at,
    }
