"""Puts documents into the values of a region's page. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from services.aggregator.pages.history import Attended, Incident, Judged, Report, Step, Stock
from services.aggregator.pages.words import Words
from services.aggregator.state import hand_overs, incidents
from shared.election.calendar import Calendar
from shared.election.frozen import Text
from shared.election.owing import Deadline
from shared.events.envelope import identity_of
from shared.events.verdict import Verdict

Document = Mapping[str, Any]


class Teller:
    """Puts documents into words, each in its region's zone."""

    def __init__(self, words: Words, calendar: Calendar, now: datetime) -> None:
        self._words, self._calendar, self._now = words, calendar, now

    def attended(self, document: Document) -> Attended:
        zone = self._calendar.zone(document["region"])
        judged = [self._judged(verdict, zone) for verdict in reversed(document["verdicts"])]
        return Attended(self._words.day(date.fromisoformat(document["period"])), judged[0], tuple(judged[1:]))

    def awaited(self, code: str, deadline: Deadline) -> Attended:
        """A report that is owed and not judged yet."""
        due = self._words("attendance.due", at=self._moment(deadline.due_at, self._calendar.zone(code)))
        return Attended(self._words.day(deadline.period), Judged(Verdict.PENDING.value, due, "", True), ())

    def _judged(self, verdict: Document, zone: ZoneInfo) -> Judged:
        return Judged(
            verdict["verdict"], self._words.reason(verdict), self._words.short_moment(verdict["judged_at"], zone)
        )

    def reports(self, found: Sequence[Document], corrections: Sequence[Document]) -> tuple[Report, ...]:
        """`corrections` are the reports that correct some of those that are shown."""
        corrected = {identity_of(d["agency"], d["replaces"]): d["id"] for d in corrections}
        return tuple(self._report(document, corrected.get(document["_id"])) for document in found)

    def _report(self, document: Document, corrected_by: str | None) -> Report:
        zone, withdrawn = self._calendar.zone(document["region"]), document["withdrawn"]
        return Report(
            at=self._words.short_moment(document["received_at"], zone),
            period=self._words.short_day(date.fromisoformat(document["period"])),
            condition=document["condition"],
            summary=document["summary"],
            topics=tuple(
                (self._words.known("topic", name), said) for name, said in (document["topics"] or {}).items()
            ),
            sender=f"{document['agency']} / {document['id']}",
            office=document["source_office"],
            replaces=document["replaces"],
            corrected_by=corrected_by,
            withdrawn=withdrawn and f"{self._words.short_moment(withdrawn['at'], zone)}: {withdrawn['reason']}",
        )

    def incident(self, document: Document) -> Incident:
        """Of one of which nothing but a status has come, what it does not say is empty."""
        zone = self._calendar.zone(document["region"])
        category = hand_overs.category_of(self._calendar, document)
        due = document.get(hand_overs.DUE_AT) if document["status"] in hand_overs.WAITING else None
        occurred = document.get("occurred_at")
        flags = [name for name in ("occurred", "reported") if document.get(f"{name}_in_quiet_period")]
        places = (document.get("place"), document.get("polling_station"))
        return Incident(
            key=document["_id"],
            region=document["region"],
            place=", ".join([self._calendar.roster.full_name(document["region"]), *(p for p in places if p)]),
            category=category.label.said_in(self._words.language) if category else document.get("category") or "",
            is_violation=document.get("is_violation", False),
            is_quiet=document.get("is_quiet_period_violation", False),
            flags=tuple(flags),
            severity=document.get("severity", ""),
            status=document["status"],
            is_open=document["status"] in incidents.OPEN,
            occurred=self._moment(occurred, zone),
            received=self._moment(document["received_at"], zone),
            description=document.get("description", ""),
            party=document.get("reported_party"),
            evidence=tuple(one["url"] for one in document.get("evidence") or ()),
            legal_basis=self._said(category.legal_basis if category else None),
            hand_over=self._said(category.hand_over.to if category and category.hand_over else None),
            due=self._moment(due, zone) or None,
            is_overdue=hand_overs.is_overdue(document, self._now),
            steps=tuple(self._step(entry, zone, document) for entry in incidents.history(dict(document))),
        )

    def _said(self, text: Text | None) -> str | None:
        return text.said_in(self._words.language) if text else None

    def _step(self, entry: Document, zone: ZoneInfo, incident: Document) -> Step:
        """Of an incident that nobody has reported yet, no status speaks of another region than its own."""
        at = self._words.short_moment(entry["at"], zone)
        is_orphan = entry["is_orphan"] and incidents.is_known(incident)
        return Step(entry["status"], at, entry["by"], entry["note"], entry["forwarded_to"], is_orphan)

    def stocks(self, code: str, documents: Sequence[Document]) -> tuple[Stock, ...]:
        """Every item of the election file, and whatever else was stated."""
        zone, items = self._calendar.zone(code), self._calendar.election.logistics.items
        stated = {d["item"]: d for d in documents}
        labels = {slug: item.label.said_in(self._words.language) for slug, item in items.items()}
        labels |= {slug: slug for slug in stated if slug not in labels}
        return tuple(
            Stock(label, d["received"], d["required"], self._words.short_moment(d["as_of"], zone), d["agency"])
            if (d := stated.get(slug))
            else Stock(label, 0, 0, "", "")
            for slug, label in labels.items()
        )

    def _moment(self, instant: datetime | None, zone: ZoneInfo) -> str:
        return self._words.short_moment(instant, zone) if instant else ""
