"""Alerts and their life: firing, acknowledged, resolved. Pure functions over documents.

An alert's `_id` is a value, for example `missing-report:2024-11-18:64.72`, so raising it twice changes nothing. Every
change counts `revision` up and has who, when, why in `history`, which keeps the first one and the latest.

While it fires, `look_at` is when to look again whether it presses (`telling/escalation.py`), None for never;
`fired_at` is when it fired last, `told_since` when that was told first, None while it is not.

`to_notice` lists changes whose notices are not planned yet, each with what it told: what an alert says later is no
news of an earlier change. Those that a digest tells wait in `to_digest`, and `digest` names their series.
`unpublished` is the revision that is not on `desk.alerts` yet, 0 if it is. A document without `state` is a stub: it
keeps what was read before there was an alert, and is shown to nobody.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any

from shared.events.alert import AlertData, AlertEvent, AlertState
from shared.events.codec import content_hash
from shared.events.envelope import NOTIFIER, Dated

Document = dict[str, Any]
COLLECTION = "alerts"

_TICK = timedelta(milliseconds=1)  # what the database can tell apart
MOST_HISTORY = 200  # so that an alert which is ended and raised without end still fits into a record

RAISED = "raised"
ACKNOWLEDGED = "acknowledged"
RAISED_AGAIN = "raised_again"
RESOLVED = "resolved"
ESCALATED = "escalated"
REPEATED = "repeated"


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
    entry = {"at": at, "by": NOTIFIER, "what": RAISED, "why": why}
    return _changed(fresh, AlertState.FIRING, entry, details if is_noticed_alone else None)


def raised_again(alert: Document, *, at: datetime, why: str, details: Document, by: str = NOTIFIER) -> Document:
    """The alert, firing once more because its end no longer holds; told alone. One that is not resolved is left as it
    is. It keeps its history and the moment it was first raised; `details` are all that it says from now on."""
    if not exists(alert) or alert["state"] != AlertState.RESOLVED:
        return alert
    again = {**alert, "resolved_at": None, "resolution": None, "details": details}
    return _changed(again, AlertState.FIRING, {"at": at, "by": by, "what": RAISED_AGAIN, "why": why}, details)


def resolved(
    alert: Document,
    *,
    at: datetime,
    resolution: str,
    why: str,
    details: Document | None = None,
    by: str = NOTIFIER,
    is_told: bool = True,
) -> Document:
    """The alert, resolved; one that never fired or ended in the same way is left as it is. Another resolution than
    before is a correction, and told. `details` are added to the alert's. `is_told` is false for an end that is no
    news."""
    if not exists(alert) or (alert["state"] == AlertState.RESOLVED and alert["resolution"] == resolution):
        return alert
    added = details or {}
    ended = {**alert, "resolution": resolution, "details": {**alert["details"], **added}}
    changed = _changed(
        ended, AlertState.RESOLVED, {"at": at, "by": by, "what": RESOLVED, "why": why}, added if is_told else None
    )
    return {**changed, "resolved_at": changed["history"][-1]["at"]}


def acknowledged(alert: Document, *, at: datetime, by: str, note: str) -> Document:
    """The alert, taken on by somebody, until it is resolved or fires again; one that does not fire is left as it is.
    Nobody is told: it ends what would be told."""
    if not exists(alert) or alert["state"] != AlertState.FIRING:
        return alert
    return _changed(alert, AlertState.ACKNOWLEDGED, {"at": at, "by": by, "what": ACKNOWLEDGED, "why": note}, None)


def looked_at(alert: Document, seen: Document, *, look_at: datetime | None, told_since: datetime | None) -> Document:
    """The alert, to be looked at again at `look_at`; left as it is if it is not as it was `seen` any more."""
    if alert.get("look_at") != seen["look_at"] or alert["state"] != AlertState.FIRING:
        return alert
    return {**alert, "look_at": look_at, "told_since": told_since}


def pressing_on(alert: Document) -> Document:
    """The alert of which only its history is known, pressing on: what was due up to its last change counts as told."""
    history = alert["history"]
    fired = [entry["at"] for entry in history if entry["what"] in (RAISED, RAISED_AGAIN)]
    fired_at = fired[-1] if fired else alert["raised_at"]
    look_at = history[-1]["at"] + _TICK if history and alert["state"] == AlertState.FIRING else None
    return {**alert, "fired_at": fired_at, "told_since": fired_at.replace(microsecond=0), "look_at": look_at}


def pressed(alert: Document, *, at: datetime, what: str, why: str) -> Document:
    """The alert, somebody being told of it because nobody has acknowledged it; one that does not fire is left."""
    if alert["state"] != AlertState.FIRING:
        return alert
    return _changed(alert, AlertState.FIRING, {"at": at, "by": NOTIFIER, "what": what, "why": why}, None)


def _changed(alert: Document, state: AlertState, entry: Document, told: Document | None) -> Document:
    """One more change, never dated before the one it follows. `told` are its details, None if it is told of
    elsewhere."""
    revision, history = alert["revision"] + 1, alert["history"]
    at = max([entry["at"], *(earlier["at"] for earlier in history[-1:])])
    is_fresh = entry["what"] in (RAISED, RAISED_AGAIN)
    pressing = {"look_at": at, "fired_at": at, "told_since": None} if is_fresh else {}
    if state != AlertState.FIRING:
        pressing = {"look_at": None}
    notice = {"revision": revision, "change": entry["what"], "at": at, "resolution": alert["resolution"]}
    return {
        **alert,
        "state": state.value,
        "revision": revision,
        "history": [*history[:1], *history[1:][2 - MOST_HISTORY :], {**entry, "at": at}],
        "to_notice": [*alert["to_notice"], *([] if told is None else [{**notice, "details": told}])],
        "unpublished": revision,
        **pressing,
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


def collected(alert: Document, series: str) -> Document:
    """The alert, what is to be told of it left to the next digest of a series."""
    if not alert["to_notice"]:
        return alert
    waiting = [*alert.get("to_digest", []), *alert["to_notice"]]
    return {**alert, "to_notice": [], "to_digest": waiting, "digest": series}


def digested(alert: Document, up_to_revision: int) -> Document:
    """The alert, its changes up to a revision planned in a digest."""
    left = [change for change in alert["to_digest"] if change["revision"] > up_to_revision]
    if len(left) == len(alert["to_digest"]):
        return alert
    return {**alert, "to_digest": left, "digest": alert["digest"] if left else None}


def unsaid(alert: Document) -> Document:
    """The alert, of which nothing waits to be told any more."""
    return {**alert, "to_notice": [], "to_digest": [], "digest": None}


def noticed(alert: Document, up_to_revision: int) -> Document:
    """The alert, its changes up to a revision planned."""
    left = [change for change in alert["to_notice"] if change["revision"] > up_to_revision]
    return {**alert, "to_notice": left}
