"""Missing report: a region owed one, and everything accepted by the deadline has provably been read. Pure.

A report that arrives afterwards resolves the alert: `reported_late`, or `delivered_late` if it was written in time
and only synced late, which retracts it. An excuse that is given afterwards resolves it as well: `excused`. If all that
was reported is withdrawn, the alert fires, or fires again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

from services.notifier.alerts import alerts
from services.notifier.rules.rule import Always, Rule, Severity
from services.notifier.verdicts import verdicts
from shared.events.verdict import Verdict

Document = dict[str, Any]
NAME = "missing-report"
EXCUSED = "excused"
RULE = Rule(NAME, Always(Severity.WARNING), is_digested=True)


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
            alert = _AFTER[Verdict(entry["verdict"])](alert, obligation, entry)
            if alerts.exists(alert):
                alert = {**alert, "verdict_revision": entry["revision"]}
    return alert


def alert_id_of(obligation: Document) -> str:
    return alert_id(date.fromisoformat(obligation["period"]), obligation["region"])


def rebuilt(alert: Document, obligation: Document) -> Document:
    """A rebuilt alert, or the stub of one that was never raised, with the verdict it stands at."""
    if "verdict_revision" in alert:
        return alert
    return {**alert, "verdict_revision": settled_to(alert, obligation)}


def settled_to(alert: Document, obligation: Document) -> int:
    """The revision of the verdict that a rebuilt alert stands at: the last one that concerns it or, where the alert
    does not say it yet, the one before."""
    concerning = [v for v in obligation["verdicts"] if _AFTER[Verdict(v["verdict"])] is not _unconcerned]
    last = {**concerning[-1], "received_at": concerning[-1]["judged_at"]}
    is_untold = last["verdict"] == Verdict.MISSING if not alerts.exists(alert) else _changes(alert, obligation, last)
    return int(last["revision"]) - is_untold


def _changes(alert: Document, obligation: Document, entry: Document) -> bool:
    return _AFTER[Verdict(entry["verdict"])](alert, obligation, entry) is not alert


def _unconcerned(alert: Document, _obligation: Document, _entry: Document) -> Document:
    return alert


def _missing(alert: Document, obligation: Document, entry: Document) -> Document:
    at, why = entry["judged_at"], entry["reason"]
    details = {"due_at": obligation["due_at"], "judged_at": at, **_withdrawal(entry)}
    if alerts.exists(alert):
        return alerts.raised_again(alert, at=at, why=why, details=details)
    return alerts.raised(
        alert,
        region=obligation["region"],
        period=date.fromisoformat(obligation["period"]),
        at=at,
        why=why,
        details=details,
        is_noticed_alone=not entry["is_in_digest"],
    )


def _withdrawal(entry: Document) -> Document:
    """The withdrawal that left nothing, for people: whose, when, why."""
    withdrawal = entry["withdrawal"]
    if withdrawal is None:
        return {}
    told = {name: withdrawal[name] for name in ("agency", "id", "report", "reason")}
    return {"withdrawn": {**told, "at": withdrawal["received_at"]}}


def _reported(alert: Document, _obligation: Document, entry: Document) -> Document:
    resolution = verdicts.DELIVERED_LATE if entry["verdict"] == Verdict.ON_TIME else verdicts.REPORTED_LATE
    told = {"reported_at": entry["received_at"]}
    return alerts.resolved(alert, at=entry["judged_at"], resolution=resolution, why=entry["reason"], details=told)


def _excused(alert: Document, _obligation: Document, entry: Document) -> Document:
    """Also the excuse that was found at the judgement: then there is no alert to end."""
    told = {"excuse": entry["excuse"]}
    return alerts.resolved(alert, at=entry["judged_at"], resolution=EXCUSED, why=entry["reason"], details=told)


_AFTER: Mapping[Verdict, Callable[[Document, Document, Document], Document]] = {
    Verdict.MISSING: _missing,
    Verdict.ON_TIME: _reported,
    Verdict.LATE: _reported,
    Verdict.PENDING: _unconcerned,
    Verdict.UNDETERMINED: _unconcerned,
    Verdict.EXCUSED: _excused,
}
