"""The verdicts of an obligation: one after the other, never changed, each with its revision; the last one holds. Pure.

Reasons are keys of `shared/texts/verdicts.yaml`.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from services.notifier.verdicts.filed_reports import Entry
from shared.events.verdict import Verdict

Document = dict[str, Any]

NOTHING_RECEIVED = "nothing_received"
LOG_NOT_READ = "log_not_read"
REPORTED_LATE = "reported_late"
DELIVERED_LATE = "delivered_late"
REPORT_WITHDRAWN = "report_withdrawn"
EXCUSE_GIVEN = "excuse_given"

REPORTED = (Verdict.ON_TIME, Verdict.LATE)
UNDECIDED = (Verdict.PENDING, Verdict.UNDETERMINED)
DECIDED = frozenset(v.value for v in Verdict if v not in UNDECIDED)


def current(obligation: Document) -> Verdict:
    """The verdict that holds; pending before the first."""
    verdicts = obligation.get("verdicts") or []
    return Verdict(verdicts[-1]["verdict"]) if verdicts else Verdict.PENDING


def has_been(obligation: Document, verdict: Verdict) -> bool:
    return any(v["verdict"] == verdict for v in obligation.get("verdicts") or [])


def last_excuse(obligation: Document) -> Document | None:
    """What excused it last, and does again when all that it reported is withdrawn."""
    given = [v["excuse"] for v in obligation["verdicts"] if v.get("excuse")]
    return given[-1] if given else None


def added(
    obligation: Document,
    verdict: Verdict,
    reason: str,
    at: datetime,
    *,
    filing: Entry | None = None,
    withdrawal: Entry | None = None,
    excuse: Document | None = None,
    is_in_digest: bool = False,
) -> Document:
    """The obligation with one more verdict, which is never dated before the one it follows."""
    earlier = obligation["verdicts"]
    revision = earlier[-1]["revision"] + 1 if earlier else 1
    entry = {
        "revision": revision,
        "verdict": verdict.value,
        "reason": reason,
        "judged_at": max([at, *(v["judged_at"] for v in earlier[-1:])]),
        "report": filing and filing["report"],
        "received_at": filing and filing["received_at"],
        "withdrawal": withdrawal,
        "excuse": excuse,
        "is_in_digest": is_in_digest,
    }
    return {
        **obligation,
        "verdict": verdict.value,
        "verdicts": [*earlier, entry],
        "is_in_digest": is_in_digest or obligation.get("is_in_digest", False),
        **_marks(obligation, verdict, entry),
    }


def _marks(obligation: Document, verdict: Verdict, entry: Document) -> Document:
    """What is to follow from a verdict, by its revision (`obligations.py`)."""
    revision = entry["revision"]
    concerns_an_alert = verdict is Verdict.MISSING or has_been(obligation, Verdict.MISSING)
    return {
        "unsettled": revision if concerns_an_alert else obligation.get("unsettled", 0),
        "unpublished": revision,
        "unjudged": revision if verdict is Verdict.PENDING else 0,
        **({"unended": revision} if _is_reminded(obligation, entry) else {}),
    }


def _is_reminded(obligation: Document, entry: Document) -> bool:
    """Whether the region may have been reminded before this verdict."""
    return "remind_at" in obligation and bool(entry["judged_at"] >= obligation["remind_at"])
