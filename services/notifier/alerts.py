"""Alerts and their life: firing, acknowledged, resolved. Pure functions over documents.

An alert's `_id` is a value, for example `missing-report:2024-11-18:64.72`, so raising it twice changes nothing.
Every change counts `revision` up and has who, when, why in `history`. `to_notice` lists changes whose notices are
not planned yet; `unpublished` is the revision that is not on `desk.alerts` yet, 0 if it is.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from shared.events.alert import AlertData, AlertEvent, AlertState
from shared.events.codec import content_hash
from shared.events.envelope import NOTIFIER, Dated

Document = dict[str, Any]
COLLECTION = "alerts"

RAISED = "raised"
RESOLVED = "resolved"


def exists(alert: Document) -> bool:
    return "state" in alert


def rule_of(alert_id: str) -> str:
    """The rule's name: the part before the first colon."""
    return alert_id.partition(":")[0]


def raised(
    alert: Document,
    *,
    region: str,
    period: date | None,
    at: datetime,
    why: str,
    details: Document,
    is_noticed_alone: bool = True,
) -> Document:
    """The alert, firing. One that exists already is left as it is. `is_noticed_alone` is false where a digest tells
    of it."""
    if exists(alert):
        return alert
    fresh = {
        **alert,
        "rule": rule_of(alert["_id"]),
        "region": region,
        "period": period.isoformat() if period else None,
        "raised_at": at,
        "resolved_at": None,
        "resolution": None,
        "details": details,
        "history": [],
        "revision": 0,
        "to_notice": [],
    }
    return _changed(fresh, AlertState.FIRING, RAISED, at, NOTIFIER, why, is_noticed=is_noticed_alone)


def resolved(alert: Document, *, at: datetime, resolution: str, why: str, details: Document | None = None) -> Document:
    """The alert, resolved; one that never fired or ended in the same way is left as it is. Another resolution than
    before is a correction, and told. `details` are added to the alert's."""
    if not exists(alert) or (alert["state"] == AlertState.RESOLVED and alert["resolution"] == resolution):
        return alert
    ended = {**alert, "resolved_at": at, "resolution": resolution, "details": {**alert["details"], **(details or {})}}
    return _changed(ended, AlertState.RESOLVED, RESOLVED, at, NOTIFIER, why, is_noticed=True)


def _changed(
    alert: Document, state: AlertState, what: str, at: datetime, by: str, why: str, *, is_noticed: bool
) -> Document:
    revision = alert["revision"] + 1
    notices = [{"revision": revision, "change": what, "resolution": alert["resolution"]}] if is_noticed else []
    return {
        **alert,
        "state": state.value,
        "revision": revision,
        "history": [*alert["history"], {"at": at, "by": by, "what": what, "why": why}],
        "to_notice": [*alert["to_notice"], *notices],
        "unpublished": revision,
    }


def to_event(alert: Document) -> AlertEvent:
    """The alert as it stands, as an event; its id holds the revision, so a repeat is a duplicate to every reader."""
    data = AlertData(
        alert=alert["_id"],
        rule=alert["rule"],
        revision=alert["revision"],
        period=date.fromisoformat(alert["period"]) if alert["period"] else None,
        state=AlertState(alert["state"]),
        raised_at=alert["raised_at"],
        resolved_at=alert["resolved_at"],
        resolution=alert["resolution"],
        details=alert["details"],
        history=tuple(Dated(**entry) for entry in alert["history"]),
    )
    changed_at = alert["history"][-1]["at"]
    return AlertEvent(
        id=f"{alert['_id']}#{alert['revision']}",
        source=NOTIFIER,
        subject=alert["region"],
        time=changed_at,
        receivedat=changed_at,
        contenthash=content_hash(data.model_dump(mode="json")),
        data=data,
    )


def noticed(alert: Document, up_to_revision: int) -> Document:
    """The alert, its changes up to a revision planned."""
    left = [change for change in alert["to_notice"] if change["revision"] > up_to_revision]
    return {**alert, "to_notice": left}
