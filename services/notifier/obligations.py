"""Obligations: who owes which report, and the verdicts on it. Pure functions over documents.

One document per (period, region) that something was sent for: `_id` = `<period>:<region>`. `verdicts` is append-only,
each with its revision; the last one holds. Each is what the reports that are left deserve (`filed_reports.py`): the
first one decides, a later one improves late to on time, a withdrawn one no longer counts. A region without a verdict
has not been judged and has not reported: it is `pending`, and pending again if all that it reported is withdrawn
before it is judged. Where an excuse holds it is `excused` instead of missing, until it reports.

`is_in_digest`: it was missing when it was judged, so that the digest of that judgement tells of it.

Three marks name a revision, 0 if none: `unsettled` waits to be settled into an alert, `unpublished` is not on
`desk.alerts` yet, `unjudged` is pending again. `unread` is 1 while a rebuilt obligation's reports are being read again
(`rebuilt.py`): they give no verdicts then, since those are known. `held` keeps, in their order, what was received at
or after the moment of judgement until it is judged: so the same log gives the same verdicts however late it is read.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from services.notifier import excuses, filed_reports
from services.notifier.filed_reports import Entry
from services.notifier.filing import Finding
from shared.election.owing import Deadline
from shared.events.report import ReportEvent
from shared.events.verdict import Verdict
from shared.events.withdrawal import WithdrawalEvent

Document = dict[str, Any]
COLLECTION = "obligations"

NOTHING_RECEIVED = "nothing_received"
LOG_NOT_READ = "log_not_read"
REPORTED_LATE = "reported_late"
DELIVERED_LATE = "delivered_late"
REPORT_WITHDRAWN = "report_withdrawn"
EXCUSE_GIVEN = "excuse_given"

REPORTED = (Verdict.ON_TIME, Verdict.LATE)
_UNDECIDED = (Verdict.PENDING, Verdict.UNDETERMINED)
DECIDED = frozenset(v.value for v in Verdict if v not in _UNDECIDED)


def obligation_id(period: date, region: str) -> str:
    return f"{period.isoformat()}:{region}"


def current(obligation: Document) -> Verdict:
    """The verdict that holds; pending before the first."""
    verdicts = obligation.get("verdicts") or []
    return Verdict(verdicts[-1]["verdict"]) if verdicts else Verdict.PENDING


def has_been(obligation: Document, verdict: Verdict) -> bool:
    return any(v["verdict"] == verdict for v in obligation.get("verdicts") or [])


def filed(obligation: Document, report: ReportEvent, deadline: Deadline, finding: Finding) -> Document:
    """The obligation after a report for it. A report beats every verdict that was given without one."""
    return _taken(obligation, report.subject, deadline, filed_reports.filing(report, finding))


def withdrawn(obligation: Document, withdrawal: WithdrawalEvent, deadline: Deadline) -> Document:
    """The obligation after a withdrawal. If nothing is left, it is pending again, or missing where the withdrawal was
    received when it was to be judged, or later: what was sent before stands before it in the same partition, so that
    nothing that could be left is unread."""
    return _taken(obligation, withdrawal.subject, deadline, filed_reports.withdrawal(withdrawal))


def missed(
    obligation: Document,
    region: str,
    deadline: Deadline,
    now: datetime,
    *,
    excuse: Document | None = None,
    is_in_digest: bool = True,
) -> Document:
    """The obligation after the judgement found no report, everything accepted by then provably read: missing, or
    excused where an excuse holds."""
    obligation = read_again(obligation)
    if current(obligation) not in _UNDECIDED:
        return obligation
    begun = _begun(obligation, region, deadline)
    if excuse is not None:
        return _released(_excused(begun, excuse, now))
    withdrawal = filed_reports.last_withdrawal(begun)
    reason = NOTHING_RECEIVED if withdrawal is None else REPORT_WITHDRAWN
    found = _with_verdict(begun, Verdict.MISSING, reason, now, withdrawal=withdrawal, is_in_digest=is_in_digest)
    return _released(found)


def excused(obligation: Document, excuse: Document, now: datetime) -> Document:
    """The obligation after an excuse that was given when it had been found missing; one that is not missing is left
    as it is."""
    return _excused(obligation, excuse, now) if current(obligation) is Verdict.MISSING else obligation


def read_again(obligation: Document) -> Document:
    """A rebuilt obligation once the log is read again: only what its verdicts do not hold yet is new. Where the log
    has forgotten its reports, they stand."""
    if not obligation.get("unread"):
        return obligation
    done = {**obligation, "unread": 0}
    left, gone = filed_reports.best_left(done), filed_reports.last_withdrawal(done)
    if left is not None:
        done = _applied(done, left)
    elif gone is not None and current(done) in REPORTED:
        done = _with_nothing_left(done, gone)
    return done if current(done) is Verdict.PENDING else _released(done)


def unsettled(obligation: Document) -> Document:
    """The obligation, to be settled into its alert."""
    return {**obligation, "unsettled": obligation["verdicts"][-1]["revision"]}


def undetermined(obligation: Document, region: str, deadline: Deadline, now: datetime) -> Document:
    """The obligation after the bounded wait, when it cannot be shown that everything accepted has been read."""
    if current(obligation) is not Verdict.PENDING:
        return obligation
    released = _released(_begun(obligation, region, deadline))
    if current(released) is not Verdict.PENDING:
        return released
    return _with_verdict(released, Verdict.UNDETERMINED, LOG_NOT_READ, now)


def _taken(obligation: Document, region: str, deadline: Deadline, entry: Entry) -> Document:
    begun = _begun(obligation, region, deadline)
    if current(begun) is Verdict.PENDING and entry["received_at"] >= deadline.judge_at:
        return _with_held(begun, entry)
    if begun.get("unread"):
        return filed_reports.after(begun, entry)
    taken = _applied(begun, entry)
    return taken if current(taken) is Verdict.PENDING else _released(taken)


def _with_held(obligation: Document, entry: Entry) -> Document:
    """Held until it is judged. Where there is no room it counts all the same, only its order is lost."""
    held = obligation.get("held", [])
    if len(held) >= filed_reports.MOST:
        return filed_reports.after(obligation, entry)
    return obligation if filed_reports.is_known(held, entry) else {**obligation, "held": [*held, entry]}


def _released(obligation: Document) -> Document:
    """The obligation after what waited for the judgement."""
    held = obligation.get("held")
    if not held:
        return obligation
    for entry in held:
        obligation = _applied(obligation, entry)
    return {**obligation, "held": []}


def _applied(obligation: Document, entry: Entry) -> Document:
    """The obligation with one more filing or withdrawal, and the verdict that is due now if it is another one."""
    obligation = filed_reports.after(obligation, entry)
    before, best = current(obligation), filed_reports.best_left(obligation)
    if best is not None:
        verdict = Verdict(best["verdict"])
        if verdict is before:
            return obligation
        return _with_verdict(obligation, verdict, _reason(obligation, best), entry["received_at"], filing=best)
    return obligation if before not in REPORTED else _with_nothing_left(obligation, entry)


def _with_nothing_left(obligation: Document, withdrawal: Entry) -> Document:
    """The obligation of one that had reported, all of it withdrawn."""
    at, excuse = withdrawal["received_at"], _last_excuse(obligation)
    if excuse is not None:
        return _with_verdict(obligation, Verdict.EXCUSED, EXCUSE_GIVEN, at, excuse=excuse)
    is_to_be_judged = at < obligation["judge_at"] and not has_been(obligation, Verdict.MISSING)
    verdict = Verdict.PENDING if is_to_be_judged else Verdict.MISSING
    return _with_verdict(obligation, verdict, REPORT_WITHDRAWN, at, withdrawal=withdrawal)


def _excused(obligation: Document, excuse: Document, now: datetime) -> Document:
    return _with_verdict(obligation, Verdict.EXCUSED, EXCUSE_GIVEN, now, excuse=excuses.as_told(excuse))


def _last_excuse(obligation: Document) -> Document | None:
    """What excused it before it reported, and does again when all that it reported is withdrawn."""
    given = [v["excuse"] for v in obligation["verdicts"] if v.get("excuse")]
    return given[-1] if given else None


def _reason(obligation: Document, filing: Entry) -> str:
    if has_been(obligation, Verdict.MISSING):
        return DELIVERED_LATE if filing["verdict"] == Verdict.ON_TIME else REPORTED_LATE
    return str(filing["reason"])


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
        "election": deadline.election,
    }


def _with_verdict(
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
    concerns_an_alert = verdict is Verdict.MISSING or has_been(obligation, Verdict.MISSING)
    return {
        **obligation,
        "verdict": verdict.value,
        "verdicts": [*earlier, entry],
        "is_in_digest": is_in_digest or obligation.get("is_in_digest", False),
        "unsettled": revision if concerns_an_alert else obligation.get("unsettled", 0),
        "unpublished": revision,
        "unjudged": revision if verdict is Verdict.PENDING else 0,
    }
