"""Reports as they were sent, each with its withdrawals. Pure.

A document of the collection `reports`, `_id` = the report's identity: all that the report said, `withdrawals` (by
received_at, agency, id) and out of both `withdrawn`, the earliest withdrawal that is meant for it, and `is_withdrawn`.
A withdrawal is meant for a report of its own region and period; any other one is an orphan: it changes nothing of the
report and is shown with it.

A withdrawal may be read before its report (which was answered 503, say, and landed late). The document is a stub then,
with withdrawals and nothing that the report said, in no list; the report is withdrawn the moment it comes.

Of more than `MOST_WITHDRAWALS` of one report those that are meant for it stay first, the earliest of them.
"""

from __future__ import annotations

from typing import Any

from shared.events.report import ReportEvent
from shared.events.withdrawal import WithdrawalEvent
from shared.instants import kept

COLLECTION = "reports"
MOST_WITHDRAWALS = 50

Document = dict[str, Any]
Withdrawal = dict[str, Any]


def after_report(document: Document, report: ReportEvent) -> Document:
    """The document of a report that was just sent, withdrawn if its withdrawal was read first."""
    return _settled({**document, **_said(report)})


def after_withdrawal(document: Document, withdrawal: WithdrawalEvent) -> Document:
    """The document after one more withdrawal of the report, known or not."""
    withdrawals = [*document.get("withdrawals", ()), _withdrawal(withdrawal)]
    return _settled(
        {**document, "agency": withdrawal.agency, "id": withdrawal.data.report, "withdrawals": withdrawals}
    )


def is_meant(withdrawal: Withdrawal, report: Document) -> bool:
    """Whether a withdrawal is for the report of a document; false while the document is a stub."""
    return all(withdrawal[field] == report.get(field) for field in ("region", "period"))


def _settled(document: Document) -> Document:
    """A document just made, with its withdrawals in order and what follows from them."""
    if not document.get("withdrawals"):
        document.update(withdrawals=[], withdrawn=None, is_withdrawn=False)
        return document
    ranked = sorted(document["withdrawals"], key=_rank)
    meant = [w for w in ranked if is_meant(w, document)]
    others = [w for w in ranked if not is_meant(w, document)]
    return {
        **document,
        "withdrawals": sorted([*meant, *others][:MOST_WITHDRAWALS], key=_rank),
        "withdrawn": {field: meant[0][field] for field in ("at", "by", "reason", "id")} if meant else None,
        "is_withdrawn": bool(meant),
    }


def _said(report: ReportEvent) -> Document:
    data = report.data
    return {
        "agency": report.agency,
        "id": report.id,
        "region": report.subject,
        "period": data.period.isoformat(),
        "received_at": kept(report.receivedat),
        "submitted_at": kept(data.submitted_at),
        "condition": data.condition.value,
        "summary": data.summary,
        "topics": dict(data.topics) if data.topics else None,
        "source_office": data.source_office,
        "replaces": data.replaces,
    }


def _withdrawal(event: WithdrawalEvent) -> Withdrawal:
    return {
        "at": kept(event.receivedat),
        "by": event.agency,
        "reason": event.data.reason,
        "id": event.id,
        "region": event.subject,
        "period": event.data.period.isoformat(),
    }


def _rank(withdrawal: Withdrawal) -> tuple[Any, ...]:
    return withdrawal["at"], withdrawal["by"], withdrawal["id"]
