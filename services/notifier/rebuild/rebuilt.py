"""What the notifier's documents are made of again after its database was lost: its own events on `desk.alerts`. Pure.

Everything that was published counts as told. Rebuilt alerts stand as published, with what their rule needs to go on
(`Rule.rebuilt`). Rebuilt obligations have their verdicts; what was filed for them comes from the log, which is read
again: until it is (`unread`), filings give no verdicts. A document that stands further already is left as it is, so
that any number of replicas may rebuild, begin anew, and be overtaken by one that has begun to work.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from services.notifier.alerts import alerts
from services.notifier.rules import BY_NAME
from shared.election.calendar import Calendar
from shared.events.alert import AlertEvent, AlertState
from shared.events.verdict import Verdict, VerdictEvent

Document = dict[str, Any]
COLLECTION = "rebuilding"


def alert_after(alert: Document, event: AlertEvent) -> Document:
    """The alert as an event has it, unless it stands there or further already."""
    data = event.data
    if alert.get("revision", 0) >= data.revision:
        return alert
    published = {
        "rule": data.rule,
        "region": event.subject,
        "period": data.period.isoformat() if data.period else None,
        "state": AlertState(data.state).value,
        "raised_at": data.raised_at,
        "resolved_at": data.resolved_at,
        "resolution": data.resolution,
        "details": with_times(data.details),
        "history": [entry.model_dump() for entry in data.history],
        "revision": data.revision,
        "to_notice": [],
        "unpublished": 0,
        "published": data.revision,
    }
    rule, stands = BY_NAME.get(data.rule), alerts.pressing_on({**alert, **published})
    return rule.rebuilt(stands) if rule else stands


def obligation_after(obligation: Document, events: Sequence[VerdictEvent], calendar: Calendar) -> Document:
    """The obligation with the verdicts of events that it does not have yet."""
    known = {v["revision"]: v for v in obligation.get("verdicts", ())}
    latest = max(known, default=0)
    new = {e.data.revision: _verdict(e) for e in events if e.data.revision > latest}
    if not new:
        return obligation
    verdicts = [*known.values(), *(new[revision] for revision in sorted(new))]
    last, event = verdicts[-1], events[-1]
    region = calendar.roster.get(event.subject)
    deadline = calendar.owed(region, event.data.period) if region else None
    return {
        **obligation,
        "period": event.data.period.isoformat(),
        "region": event.subject,
        "due_at": event.data.due_at,
        "election": event.data.election,
        "judge_at": deadline.judge_at if deadline else event.data.due_at,
        "verdict": last["verdict"],
        "verdicts": verdicts,
        "unsettled": 0,
        "unpublished": 0,
        "published": last["revision"],
        "unjudged": last["revision"] if last["verdict"] == Verdict.PENDING else 0,
        "unread": 1,
    }


def _verdict(event: VerdictEvent) -> Document:
    data = event.data
    return {
        "revision": data.revision,
        "verdict": data.verdict.value,
        "reason": data.reason,
        "judged_at": data.judged_at,
        "report": data.report,
        "received_at": data.judged_at if data.report else None,
        "withdrawal": None,
        "excuse": data.excuse and data.excuse.model_dump(),
        "is_in_digest": False,
    }


def with_times(content: Any) -> Any:
    """JSON with its times as times again: our names of times are `at`, or end with `_at`."""
    if isinstance(content, dict):
        return {name: _time(name, inner) for name, inner in content.items()}
    return [with_times(inner) for inner in content] if isinstance(content, list) else content


def _time(name: str, content: Any) -> Any:
    if isinstance(content, str) and (name == "at" or name.endswith("_at")):
        return datetime.fromisoformat(content)
    return with_times(content)
