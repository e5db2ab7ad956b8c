"""Obligations: who owes which report, and the verdicts on it. Pure functions over documents.

One document per (period, region) that has a verdict: `_id` = `<period>:<region>`. `verdicts` is append-only, each
with its revision; the last one holds. Two marks name the latest revision that waits, 0 if none does: `unsettled` for
verdicts that may concern an alert, `unpublished` for those that are not on `desk.alerts` yet. `held` keeps reports
that came after the moment of judgement until it is judged. A region without a document has not been judged and has
not reported: it is `pending`.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from services.notifier.filing import Finding
from shared.election.calendar import Deadline
from shared.events.codec import content_hash
from shared.events.envelope import NOTIFIER
from shared.events.report import ReportEvent
from shared.events.verdict import Verdict, VerdictData, VerdictEvent

Document = dict[str, Any]
COLLECTION = "obligations"

NOTHING_RECEIVED = "nothing_received"
LOG_NOT_READ = "log_not_read"
REPORTED_LATE = "reported_late"
DELIVERED_LATE = "delivered_late"


def obligation_id(period: date, region: str) -> str:
    return f"{period.isoformat()}:{region}"


def current(obligation: Document) -> Verdict:
    """The verdict that holds; pending before the first."""
    verdicts = obligation.get("verdicts") or []
    return Verdict(verdicts[-1]["verdict"]) if verdicts else Verdict.PENDING


def has_been(obligation: Document, verdict: Verdict) -> bool:
    return any(v["verdict"] == verdict for v in obligation.get("verdicts") or [])


def filed(obligation: Document, report: ReportEvent, deadline: Deadline, finding: Finding) -> Document:
    """The obligation after a report for it. The first report decides; a later one only if it improves late to
    on time. A report beats every verdict that was given without one.

    One received at or after the moment of judgement waits for it: whether the region was missing by then is the
    judge's to say, so that the same log raises the same alerts however late it is read.
    """
    filing = {
        "verdict": finding.verdict.value,
        "reason": finding.reason,
        "received_at": report.receivedat,
        "report": report.identity,
    }
    if current(obligation) is Verdict.PENDING and report.receivedat >= deadline.judge_at:
        return {**_begun(obligation, report.subject, deadline), "held": [*obligation.get("held", ()), filing]}
    return _with_held(_with_filing(obligation, report.subject, deadline, filing), report.subject, deadline)


def missed(obligation: Document, region: str, deadline: Deadline, now: datetime) -> Document:
    """The obligation after the judgement found no report, everything accepted by then provably read."""
    if current(obligation) not in (Verdict.PENDING, Verdict.UNDETERMINED):
        return obligation
    missing = _with_verdict(obligation, region, deadline, Verdict.MISSING, NOTHING_RECEIVED, now, None)
    return _with_held(missing, region, deadline)


def undetermined(obligation: Document, region: str, deadline: Deadline, now: datetime) -> Document:
    """The obligation after the bounded wait, when it cannot be shown that everything accepted has been read."""
    if current(obligation) is not Verdict.PENDING:
        return obligation
    if obligation.get("held"):
        return _with_held(obligation, region, deadline)
    return _with_verdict(obligation, region, deadline, Verdict.UNDETERMINED, LOG_NOT_READ, now, None)


def _with_held(obligation: Document, region: str, deadline: Deadline) -> Document:
    """The obligation after the reports that waited for the judgement."""
    held = obligation.get("held")
    if not held:
        return obligation
    for filing in held:
        obligation = _with_filing(obligation, region, deadline, filing)
    return {**obligation, "held": []}


def _with_filing(obligation: Document, region: str, deadline: Deadline, filing: Document) -> Document:
    before, verdict = current(obligation), Verdict(filing["verdict"])
    if before is Verdict.ON_TIME or (before is Verdict.LATE and verdict is Verdict.LATE):
        return obligation
    reason = filing["reason"]
    if has_been(obligation, Verdict.MISSING):
        reason = DELIVERED_LATE if verdict is Verdict.ON_TIME else REPORTED_LATE
    # A verdict is never dated before the one it follows.
    at = max([filing["received_at"], *(v["judged_at"] for v in (obligation.get("verdicts") or [])[-1:])])
    return _with_verdict(obligation, region, deadline, verdict, reason, at, filing)


def _begun(obligation: Document, region: str, deadline: Deadline) -> Document:
    """The obligation's own fields; pending before the first verdict."""
    return {
        "verdict": Verdict.PENDING.value,
        "verdicts": [],
        **obligation,
        "period": deadline.period.isoformat(),
        "region": region,
        "due_at": deadline.due_at,
        "judge_at": deadline.judge_at,
    }


def _with_verdict(
    obligation: Document,
    region: str,
    deadline: Deadline,
    verdict: Verdict,
    reason: str,
    at: datetime,
    filing: Document | None,
) -> Document:
    earlier = obligation.get("verdicts") or []
    entry = {
        "revision": len(earlier) + 1,
        "verdict": verdict.value,
        "reason": reason,
        "judged_at": at,
        "report": filing and filing["report"],
        "received_at": filing and filing["received_at"],
    }
    concerns_an_alert = verdict is Verdict.MISSING or has_been(obligation, Verdict.MISSING)
    return {
        **_begun(obligation, region, deadline),
        "verdict": verdict.value,
        "verdicts": [*earlier, entry],
        "unsettled": entry["revision"] if concerns_an_alert else obligation.get("unsettled", 0),
        "unpublished": entry["revision"],
    }


def verdict_events(obligation: Document, election: str) -> list[VerdictEvent]:
    """The obligation's verdicts as events, in order. Deterministic: a repeat is a duplicate to every reader."""
    events = []
    for entry in obligation["verdicts"]:
        data = VerdictData(
            election=election,
            period=date.fromisoformat(obligation["period"]),
            verdict=Verdict(entry["verdict"]),
            revision=entry["revision"],
            reason=entry["reason"],
            judged_at=entry["judged_at"],
            due_at=obligation["due_at"],
            report=entry["report"],
        )
        events.append(
            VerdictEvent(
                id=f"verdict:{obligation['_id']}#{entry['revision']}",
                source=NOTIFIER,
                subject=obligation["region"],
                time=entry["judged_at"],
                receivedat=entry["judged_at"],
                contenthash=content_hash(data.model_dump(mode="json")),
                data=data,
            )
        )
    return events
