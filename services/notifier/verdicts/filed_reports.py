"""The reports filed for one obligation: which of them stand, and which one decides. Pure functions over documents.

Fields of the obligation's document, all bounded:
- `filings`: the first `MOST` reports in the order of the log, each with the verdict it deserves and, once it is
  withdrawn, the withdrawal.
- `beyond`: the best report of those after them. They count, and cannot be withdrawn: nobody is called missing for
  want of room, and verdicts stay bounded too, since each filing can change the verdict twice at most.
- `unmatched`: at most `MOST` withdrawals whose report is not here. Either they were read before it (it was answered
  503, say, and landed late) and withdraw it on arrival; or they are meant for no report of this obligation, and change
  nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from services.notifier.verdicts.filing import Finding
from shared.events.report import ReportEvent
from shared.events.verdict import Verdict
from shared.events.withdrawal import WithdrawalEvent

Document = dict[str, Any]
Entry = dict[str, Any]  # a filing, or a withdrawal: that has `withdraws`

MOST = 200
_LONGEST_REASON = 500


def filing(report: ReportEvent, finding: Finding) -> Entry:
    return {
        "report": report.identity,
        "verdict": finding.verdict.value,
        "reason": finding.reason,
        "received_at": report.receivedat,
    }


def withdrawal(event: WithdrawalEvent) -> Entry:
    return {
        "withdraws": event.report_identity,
        "agency": event.agency,
        "report": event.data.report,
        "id": event.id,
        "received_at": event.receivedat,
        "reason": event.data.reason[:_LONGEST_REASON],
    }


def after(obligation: Document, entry: Entry) -> Document:
    """The obligation with one more filing or withdrawal. One that is known changes nothing, nor does a second
    withdrawal of the same report."""
    return _withdrawn(obligation, entry) if "withdraws" in entry else _filed(obligation, entry)


def is_known(entries: list[Entry], entry: Entry) -> bool:
    """Whether a filing or withdrawal is among those that wait in `entries`."""
    return any(_identity(other) == _identity(entry) for other in entries)


def best_left(obligation: Document) -> Entry | None:
    """The filing that decides: the first that was on time, else the first that stands at all."""
    left = list(_left(obligation))
    on_time = (f for f in left if f["verdict"] == Verdict.ON_TIME)
    return next(on_time, left[0] if left else None)


def last_withdrawal(obligation: Document) -> Entry | None:
    """The withdrawal of the last report that was withdrawn."""
    withdrawn = [f["withdrawal"] for f in obligation.get("filings", ()) if "withdrawal" in f]
    return max(withdrawn, key=lambda w: w["received_at"], default=None)


def _identity(entry: Entry) -> tuple[Any, ...]:
    return entry.get("withdraws"), entry["report"]


def _left(obligation: Document) -> Iterator[Entry]:
    for known in obligation.get("filings", ()):
        if "withdrawal" not in known:
            yield known
    if obligation.get("beyond"):
        yield obligation["beyond"]


def _filed(obligation: Document, new: Entry) -> Document:
    filings, unmatched = obligation.get("filings", []), obligation.get("unmatched", [])
    if any(known["report"] == new["report"] for known in filings):
        return obligation
    met = next((w for w in unmatched if w["withdraws"] == new["report"]), None)
    if met is not None:
        new = {**new, "withdrawal": met}
        obligation = {**obligation, "unmatched": [w for w in unmatched if w is not met]}
    if len(filings) < MOST:
        return {**obligation, "filings": [*filings, new]}
    return obligation if met is not None else {**obligation, "beyond": _better(obligation.get("beyond"), new)}


def _better(known: Entry | None, new: Entry) -> Entry:
    if known is None or (known["verdict"] == Verdict.LATE and new["verdict"] == Verdict.ON_TIME):
        return new
    return known


def _withdrawn(obligation: Document, new: Entry) -> Document:
    filings, unmatched = obligation.get("filings", []), obligation.get("unmatched", [])
    met = next((f for f in filings if f["report"] == new["withdraws"]), None)
    if met is not None:
        if "withdrawal" in met:
            return obligation
        return {**obligation, "filings": [{**f, "withdrawal": new} if f is met else f for f in filings]}
    if len(unmatched) >= MOST or any(w["withdraws"] == new["withdraws"] for w in unmatched):
        return obligation
    return {**obligation, "unmatched": [*unmatched, new]}
