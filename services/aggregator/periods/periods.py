"""What a period's attendance shows: every region that owes the report, its facts and its verdict. Pure.

The facts are of the reports in force, withdrawn ones left out: `filings` (how many), `first` and `latest` (by
received_at, agency, id); none without a report. They are asked of the reports
(`services/aggregator/store.py`), not folded: so they are right however many reports and withdrawals came, in whatever
order.

The list of a judged period holds every region that owes a report under today's calendar, and every one that has a
verdict (a change of calendar never rewrites an earlier verdict). A region that filed without owing is not in it. For
a period nobody owed for (before `obligations_from`, say) the facts are shown alone: those who filed, verdict null.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date, datetime
from typing import Any

from shared.election.cadence import DAY, fits
from shared.election.calendar import Calendar
from shared.election.owing import Deadline
from shared.election.roster import level_of
from shared.events.verdict import Verdict
from shared.texts import in_both

Document = dict[str, Any]
Counts = dict[str, int]
Facts = Mapping[str, Document]  # by region
# Why a report that is owed is pending, while nobody has judged it.
NOT_JUDGED = "not_judged"
Judged = Mapping[str, Collection[str]]  # by verdict, the codes of the regions for which it holds


def neighbours(calendar: Calendar, day: date) -> tuple[date, date] | None:
    """None if reports can be due for that day of the week; else the nearest days before and after for which
    they can."""
    if _can_be_due(calendar, day):
        return None
    before = after = day
    while not _can_be_due(calendar, before):
        before -= DAY
    while not _can_be_due(calendar, after):
        after += DAY
    return before, after


def _can_be_due(calendar: Calendar, day: date) -> bool:
    return any(fits(rule, day) for rule in calendar.election.reports)


def period_shown(calendar: Calendar, now: datetime) -> date | None:
    """The latest judged period that has begun, else the first; None if none is judged at all."""
    judged = calendar.all_periods()
    today = now.astimezone(calendar.zone("")).date()
    begun = [period for period in judged if period <= today]
    return begun[-1] if begun else next(iter(judged), None)


def verdict_counts(owed: Collection[str], judged: Judged) -> Counts:
    """How often each of the six verdicts holds; who owes and has none is pending."""
    counts = {verdict.value: len(judged.get(verdict, ())) for verdict in Verdict}
    have_one = sum(sum(map(owed.__contains__, codes)) for codes in judged.values())
    counts[Verdict.PENDING] += len(owed) - have_one
    return counts


def items(
    calendar: Calendar, owed: Mapping[str, Deadline], documents: Iterable[Document], facts: Facts
) -> list[Document]:
    """The rows of a period, by region code."""
    attended = {d["region"]: d for d in documents}
    codes = sorted({*owed, *attended} or facts)
    return [_item(calendar, code, owed.get(code), attended.get(code) or {}, facts.get(code)) for code in codes]


def _item(
    calendar: Calendar, code: str, deadline: Deadline | None, attended: Document, facts: Document | None
) -> Document:
    is_judged = "verdict" in attended
    pending = Verdict.PENDING.value if deadline else None
    verdict = attended["verdict"] if is_judged else pending
    reason = attended["reason"] if is_judged else pending and NOT_JUDGED
    return {
        "region": code,
        "name": calendar.roster.name(code),
        "level": level_of(code).value,
        "zone": calendar.zone(code).key,
        # The verdict's own deadline, once there is one: what it was judged by.
        "due_at": attended["due_at"] if is_judged else deadline and deadline.due_at,
        "verdict": verdict,
        "verdict_text": in_both("verdicts", verdict),
        "revision": attended.get("revision"),
        "reason": reason,
        "reason_text": in_both("verdicts", reason),
        "judged_at": attended.get("judged_at"),
        "report": attended.get("report"),
        "excuse": attended.get("excuse"),
        "facts": facts,
        "verdicts": [_told(one) for one in attended.get("verdicts", ())],
    }


def _told(verdict: Document) -> Document:
    """One revision, in words as well."""
    texts = {f"{name}_text": in_both("verdicts", verdict[name]) for name in ("verdict", "reason")}
    return {**verdict, **texts}
