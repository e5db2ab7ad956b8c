"""Missing report: a region owed one, and everything accepted by the deadline has provably been read. Pure.

A report that arrives afterwards resolves the alert: `reported_late`, or `delivered_late` if it was written in time
and only synced late, which retracts it.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from services.notifier import alerts, obligations
from shared.events.verdict import Verdict

Document = dict[str, Any]
NAME = "missing-report"


def alert_id(period: date, region: str) -> str:
    return f"{NAME}:{period.isoformat()}:{region}"


def alert_after(alert: Document, obligation: Document) -> Document:
    """The alert as the obligation's verdicts demand: raised when it was missing, ended when a report came, the end
    corrected when another report proves that the region was in time after all.

    Each verdict is applied once, in order (`verdict_revision` is the last one), so that settling late, twice or in
    pieces gives the same alert with the same history.
    """
    for entry in obligation["verdicts"]:
        if entry["revision"] > alert.get("verdict_revision", 0):
            alert = _applied(alert, obligation, entry)
            if alerts.exists(alert):
                alert = {**alert, "verdict_revision": entry["revision"]}
    return alert


def _applied(alert: Document, obligation: Document, entry: Document) -> Document:
    if entry["verdict"] == Verdict.MISSING:
        return _raised(alert, obligation, entry)
    if entry["verdict"] in (Verdict.ON_TIME, Verdict.LATE):
        told = {"reported_at": entry["received_at"]}
        return alerts.resolved(
            alert, at=entry["judged_at"], resolution=_resolution(entry), why=entry["reason"], details=told
        )
    return alert


def _raised(alert: Document, obligation: Document, missing: Document) -> Document:
    return alerts.raised(
        alert,
        region=obligation["region"],
        period=date.fromisoformat(obligation["period"]),
        at=missing["judged_at"],
        why=missing["reason"],
        details={"due_at": obligation["due_at"], "judged_at": missing["judged_at"]},
        is_noticed_alone=False,
    )


def _resolution(entry: Document) -> str:
    on_time = entry["verdict"] == Verdict.ON_TIME
    return obligations.DELIVERED_LATE if on_time else obligations.REPORTED_LATE
