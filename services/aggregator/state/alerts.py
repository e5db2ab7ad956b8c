"""Alerts as the notifier tells them on `desk.alerts`: the highest revision of each is kept. Pure.

A document of the collection `alerts`, `_id` = the alert's id. Every event carries the whole alert.
"""

from __future__ import annotations

from typing import Any

from shared.events.alert import AlertEvent
from shared.events.envelope import SYSTEM
from shared.instants import kept

COLLECTION = "alerts"

Document = dict[str, Any]


def after_alert(document: Document, event: AlertEvent) -> Document:
    """The document after a revision, which may come after later ones."""
    told = _told(event)
    if "revision" in document and _rank(document) >= _rank(told):
        return document
    return {**document, **told}


def _told(event: AlertEvent) -> Document:
    data = event.data
    return {
        "rule": data.rule,
        "region": None if event.subject == SYSTEM else event.subject,
        "period": data.period.isoformat() if data.period else None,
        "state": data.state.value,
        "raised_at": kept(data.raised_at),
        "resolved_at": kept(data.resolved_at),
        "resolution": data.resolution,
        "details": dict(data.details),
        "history": [{**entry.model_dump(), "at": kept(entry.at)} for entry in data.history],
        "revision": data.revision,
        "received_at": kept(event.receivedat),
        "event": event.id,
    }


def _rank(alert: Document) -> tuple[Any, ...]:
    return alert["revision"], alert["received_at"], alert["event"]
