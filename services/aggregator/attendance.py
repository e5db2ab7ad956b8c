"""Attendance: who has filed for which period, and the notifier's verdict on it. Pure.

A document of the collection `attendance`, `_id` = `<period>/<region>`:
- facts, from reports: `filings` (how many), `first` and `latest` (by received_at, agency, id).
- the verdict, from the notifier's events: `verdict`, `revision`, `reason`, `judged_at`, `due_at`, `report` of the
  highest revision, and `verdicts`, all of them in order. The aggregator never judges: without a verdict a report
  that is owed shows as pending.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from services.aggregator.instants import kept
from shared.events.report import ReportEvent
from shared.events.verdict import VerdictEvent

COLLECTION = "attendance"

Document = dict[str, Any]

_CURRENT = ("verdict", "revision", "reason", "judged_at", "due_at", "report")


def attendance_id(period: date, region: str) -> str:
    return f"{period.isoformat()}/{region}"


def after_report(document: Document, report: ReportEvent) -> Document:
    """The document after one more report for its period and region."""
    filing = _filing(report)
    return {
        **_about(document, report.data.period, report.subject),
        "filings": document.get("filings", 0) + 1,
        "first": min(document.get("first") or filing, filing, key=_rank),
        "latest": max(document.get("latest") or filing, filing, key=_rank),
    }


def after_verdict(document: Document, event: VerdictEvent) -> Document:
    """The document after a verdict, which may come after later ones: the highest revision is current."""
    by_revision = {v["revision"]: v for v in document.get("verdicts", ())}
    verdict = _verdict(event)
    rival = by_revision.get(verdict["revision"], verdict)
    by_revision[verdict["revision"]] = max(rival, verdict, key=lambda v: (v["judged_at"], v["event"]))
    verdicts = [by_revision[revision] for revision in sorted(by_revision)]
    current = {field: verdicts[-1][field] for field in _CURRENT}
    return {**_about(document, event.data.period, event.subject), **current, "verdicts": verdicts}


def _about(document: Document, period: date, region: str) -> Document:
    return {**document, "period": period.isoformat(), "region": region}


def _filing(report: ReportEvent) -> Document:
    return {
        "received_at": kept(report.receivedat),
        "submitted_at": kept(report.data.submitted_at),
        "agency": report.agency,
        "id": report.id,
        "condition": report.data.condition.value,
    }


def _rank(filing: Document) -> tuple[Any, ...]:
    return filing["received_at"], filing["agency"], filing["id"]


def _verdict(event: VerdictEvent) -> Document:
    data = event.data
    return {
        "revision": data.revision,
        "verdict": data.verdict.value,
        "reason": data.reason,
        "judged_at": kept(data.judged_at),
        "due_at": kept(data.due_at),
        "report": data.report,
        "election": data.election,
        "event": event.id,
    }
