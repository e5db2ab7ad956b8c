"""Attendance: the notifier's verdicts on who owed which report. Pure.

A document of the collection `attendance`, `_id` = `<period>/<region>`: `verdict`, `revision`, `reason`, `judged_at`,
`due_at`, `report`, `excuse` of the highest revision, and `verdicts`, all of them in order. The aggregator never
judges: without a verdict a report that is owed shows as pending. Who has filed is asked of the collection `reports`
(`periods/periods.py`).

Of more than `MOST_VERDICTS` the first and the latest stay, by revision.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from shared.events.verdict import VerdictEvent
from shared.instants import kept

COLLECTION = "attendance"
MOST_VERDICTS = 200

Document = dict[str, Any]

_CURRENT = ("verdict", "revision", "reason", "judged_at", "due_at", "report", "excuse")


def attendance_id(period: date, region: str) -> str:
    return f"{period.isoformat()}/{region}"


def after_verdict(document: Document, event: VerdictEvent) -> Document:
    """The document after a verdict, which may come after later ones: the highest revision is current."""
    by_revision = {v["revision"]: v for v in document.get("verdicts", ())}
    verdict = _verdict(event)
    rival = by_revision.get(verdict["revision"], verdict)
    by_revision[verdict["revision"]] = max(rival, verdict, key=lambda v: (v["judged_at"], v["event"]))
    ordered = [by_revision[revision] for revision in sorted(by_revision)]
    verdicts = [*ordered[:1], *ordered[1:][1 - MOST_VERDICTS :]]
    current = {field: verdicts[-1].get(field) for field in _CURRENT}
    about = {"period": event.data.period.isoformat(), "region": event.subject}
    return {**document, **about, **current, "verdicts": verdicts}


def _verdict(event: VerdictEvent) -> Document:
    data = event.data
    return {
        "revision": data.revision,
        "verdict": data.verdict.value,
        "reason": data.reason,
        "judged_at": kept(data.judged_at),
        "due_at": kept(data.due_at),
        "report": data.report,
        "excuse": data.excuse and data.excuse.model_dump() | {"at": kept(data.excuse.at)},
        "election": data.election,
        "event": event.id,
    }


def judged(period: date, region: Document) -> list[Document]:
    """The pipeline that finds the codes of regions by the verdict that holds, of those that a condition on their codes
    names. Out of an index alone, and in few documents: there may be 84,000 villages."""
    wanted = {"period": period.isoformat(), "region": region, "verdict": {"$gt": ""}}
    return [{"$match": wanted}, {"$group": {"_id": "$verdict", "regions": {"$push": "$region"}}}]
