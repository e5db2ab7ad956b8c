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
    """The alert as the obligation's verdicts demand: raised if it was ever missing, resolved if a report came.
    Applied again it changes nothing: a verdict without a report (undetermined, before it was missing) has no say."""
    for entry in obligation["verdicts"]:
        if entry["verdict"] == Verdict.MISSING:
            alert = alerts.raised(
                alert,
                region=obligation["region"],
                period=date.fromisoformat(obligation["period"]),
                at=entry["judged_at"],
                why=entry["reason"],
                details={"due_at": obligation["due_at"], "judged_at": entry["judged_at"]},
                is_noticed_alone=False,
            )
        elif entry["verdict"] in (Verdict.ON_TIME, Verdict.LATE):
            alert = alerts.resolved(alert, at=entry["judged_at"], resolution=_resolution(entry), why=entry["reason"])
    return alert


def _resolution(entry: Document) -> str:
    on_time = entry["verdict"] == Verdict.ON_TIME
    return obligations.DELIVERED_LATE if on_time else obligations.REPORTED_LATE
