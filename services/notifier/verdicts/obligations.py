"""Obligations: who owes which report, and what becomes of its verdicts (`verdicts.py`). Pure functions over documents.

One document per (period, region) that something was sent for: `_id` = `<period>:<region>`. Each verdict is what
the reports that are left deserve (`filed_reports.py`): the first one decides, a later one improves late to on time, a
withdrawn one no longer counts. A region without a verdict has not been judged and has not reported: it is `pending`,
and pending again if all that it reported is withdrawn before it is judged. Where an excuse holds it is `excused`
instead of missing, until it reports.

`is_in_digest`: it was missing when it was judged, so that the digest of that judgement tells of it.

Four marks name a revision, 0 if none: `unsettled` waits to be settled into an alert, `unpublished` is not on
`desk.alerts` yet, `unjudged` is pending again, `unended` has a reminder that may be to be ended. `unread` is 1 while a
rebuilt obligation's reports are being read again (`rebuild/rebuilt.py`): they give no verdicts then, since those are
known. `held` keeps, in their order, what was received at or after the moment of judgement until it is judged: so
the same log gives the same verdicts however late it is read.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from services.notifier.excuses import excuses
from services.notifier.verdicts import filed_reports, verdicts
from services.notifier.verdicts.filed_reports import Entry
from services.notifier.verdicts.filing import Finding
from shared.election.owing import Deadline
from shared.events.report import ReportEvent
from shared.events.verdict import Verdict
from shared.events.withdrawal import WithdrawalEvent

Document = dict[str, Any]
COLLECTION = "obligations"


def obligation_id(period: date, region: str) -> str:
    return f"{period.isoformat()}:{region}"


def deadline_of(obligation: Document, deadline: Deadline) -> Deadline:
    """The deadline that holds: the one that its verdict was given by, so that nobody who edits the election file
    rewrites what was judged; that of the files as they are while it is undecided."""
    if verdicts.current(obligation) in verdicts.UNDECIDED:
        return deadline
    return Deadline(
        deadline.period,
        obligation["due_at"],
        obligation["judge_at"],
        obligation["election"],
        obligation.get("remind_at", deadline.remind_at),
    )


def filed(obligation: Document, report: ReportEvent, deadline: Deadline, finding: Finding) -> Document:
    """The obligation after a report for it, and what is found of that by `deadline_of`. A report beats every verdict
    that was given without one."""
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
    if verdicts.current(obligation) not in verdicts.UNDECIDED:
        return obligation
    begun = _begun(obligation, region, deadline)
    if excuse is not None:
        return _released(_excused(begun, excuse, now))
    withdrawal = filed_reports.last_withdrawal(begun)
    reason = verdicts.NOTHING_RECEIVED if withdrawal is None else verdicts.REPORT_WITHDRAWN
    found = verdicts.added(begun, Verdict.MISSING, reason, now, withdrawal=withdrawal, is_in_digest=is_in_digest)
    return _released(found)


def excused(obligation: Document, excuse: Document, now: datetime) -> Document:
    """The obligation after an excuse that was given when it had been found missing; one that is not missing is left
    as it is."""
    return _excused(obligation, excuse, now) if verdicts.current(obligation) is Verdict.MISSING else obligation


def read_again(obligation: Document) -> Document:
    """A rebuilt obligation once the log is read again: only what its verdicts do not hold yet is new. Where the log
    has forgotten its reports, they stand."""
    if not obligation.get("unread"):
        return obligation
    done = {**obligation, "unread": 0}
    left, gone = filed_reports.best_left(done), filed_reports.last_withdrawal(done)
    if left is not None:
        done = _applied(done, left)
    elif gone is not None and verdicts.current(done) in verdicts.REPORTED:
        done = _with_nothing_left(done, gone)
    return done if verdicts.current(done) is Verdict.PENDING else _released(done)


def unsettled(obligation: Document) -> Document:
    """The obligation, to be settled into its alert."""
    return {**obligation, "unsettled": obligation["verdicts"][-1]["revision"]}


def undetermined(obligation: Document, region: str, deadline: Deadline, now: datetime) -> Document:
    """The obligation after the bounded wait, when it cannot be shown that everything accepted has been read."""
    if verdicts.current(obligation) is not Verdict.PENDING:
        return obligation
    released = _released(_begun(obligation, region, deadline))
    if verdicts.current(released) is not Verdict.PENDING:
        return released
    return verdicts.added(released, Verdict.UNDETERMINED, verdicts.LOG_NOT_READ, now)


def _taken(obligation: Document, region: str, deadline: Deadline, entry: Entry) -> Document:
    begun = _begun(obligation, region, deadline)
    if verdicts.current(begun) is Verdict.PENDING and entry["received_at"] >= begun["judge_at"]:
        return _with_held(begun, entry)
    if begun.get("unread"):
        return filed_reports.after(begun, entry)
    taken = _applied(begun, entry)
    return taken if verdicts.current(taken) is Verdict.PENDING else _released(taken)


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
    before, best = verdicts.current(obligation), filed_reports.best_left(obligation)
    if best is not None:
        verdict = Verdict(best["verdict"])
        if verdict is before:
            return obligation
        return verdicts.added(obligation, verdict, _reason(obligation, best), entry["received_at"], filing=best)
    return obligation if before not in verdicts.REPORTED else _with_nothing_left(obligation, entry)


def _with_nothing_left(obligation: Document, withdrawal: Entry) -> Document:
    """The obligation of one that had reported, all of it withdrawn."""
    at, excuse = withdrawal["received_at"], verdicts.last_excuse(obligation)
    if excuse is not None:
        return verdicts.added(obligation, Verdict.EXCUSED, verdicts.EXCUSE_GIVEN, at, excuse=excuse)
    is_to_be_judged = at < obligation["judge_at"] and not verdicts.has_been(obligation, Verdict.MISSING)
    verdict = Verdict.PENDING if is_to_be_judged else Verdict.MISSING
    return verdicts.added(obligation, verdict, verdicts.REPORT_WITHDRAWN, at, withdrawal=withdrawal)


def _excused(obligation: Document, excuse: Document, now: datetime) -> Document:
    return verdicts.added(obligation, Verdict.EXCUSED, verdicts.EXCUSE_GIVEN, now, excuse=excuses.as_told(excuse))


def _reason(obligation: Document, filing: Entry) -> str:
    if verdicts.has_been(obligation, Verdict.MISSING):
        return verdicts.DELIVERED_LATE if filing["verdict"] == Verdict.ON_TIME else verdicts.REPORTED_LATE
    return str(filing["reason"])


def _begun(obligation: Document, region: str, deadline: Deadline) -> Document:
    """The obligation's own fields; pending before the first verdict."""
    deadline = deadline_of(obligation, deadline)
    return {
        "verdict": Verdict.PENDING.value,
        "verdicts": [],
        **obligation,
        "period": deadline.period.isoformat(),
        "region": region,
        "due_at": deadline.due_at,
        "judge_at": deadline.judge_at,
        "election": deadline.election,
        **({"remind_at": deadline.remind_at} if deadline.remind_at else {}),
    }
