"""Proof of notice: who was told what when, by which attempt; who was not, and why. Pure."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from services.notifier.delivery import problems
from services.notifier.delivery.delivery_states import DEAD, DELIVERED, HELD, SUPPRESSED
from services.notifier.delivery.recipients import still_owed, told_in_part
from services.notifier.holding import holding
from shared.texts import LANGUAGES, Language, text

Document = dict[str, Any]
_ABOUT = ("notice", "change", "rule", "region", "period")


def record(delivery: Document, zone: ZoneInfo) -> Document:
    """One delivery as proof. `at` is the election's time of what happened; `told_at` the real time at which the
    receiver confirmed it, null if it has not. Of several recipients `told_in_part` are those who took it earlier than
    the others, `left_out` those who have not got it. `zone` is the region's, for the words of `why_not`."""
    data, attempts = delivery["payload"]["data"], delivery["attempts"]
    last = attempts[-1] if attempts else {}
    is_told = delivery["state"] == DELIVERED
    return {
        "id": delivery["_id"],
        "at": delivery["payload"]["timestamp"],
        **{field: data[field] for field in _ABOUT},
        "alerts": delivery["alerts"],
        "text": data["text"],
        "receiver": delivery["receiver"],
        "channel": delivery["channel"],
        "people": delivery.get("people", []),
        "state": delivery["state"],
        "is_told": is_told,
        "told_at": last.get("ended_at") if is_told else None,
        "why_not": None if is_told else {lang: _why_not(delivery, lang, zone) for lang in LANGUAGES},
        "planned_at": delivery["planned_at"],
        "attempts": len(attempts),
        "status": last.get("status"),
        "latency_ms": last.get("latency_ms"),
        "reply": last.get("reply"),
        "webhook_id": delivery["webhook_id"],
        "told_in_part": told_in_part(attempts),
        "left_out": [] if is_told else list(still_owed(attempts)),
    }


def _why_not(delivery: Document, language: Language, zone: ZoneInfo) -> str:
    state, attempts = delivery["state"], delivery["attempts"]
    if state == HELD:
        kind, which = holding.holder_of(delivery["held_by"])
        return text("deliveries", f"held.{kind}", language, which=which, until=_local(delivery["held_until"], zone))
    if state == SUPPRESSED:
        # Those of an earlier version were suppressed for their age alone.
        because = delivery.get("suppressed_because", holding.Because.TOO_OLD)
        return text("deliveries", f"suppressed.{because}", language)
    problem = problems.in_words(attempts[-1].get("problem", ""), language) if attempts else ""
    key = "dead" if state == DEAD else "pending"
    return text("deliveries", key, language, attempts=len(attempts), problem=problem)


def _local(instant: datetime | None, zone: ZoneInfo) -> str:
    return f"{instant.astimezone(zone):%d-%m-%Y %H:%M %Z}" if instant else "-"


# As agencies' spreadsheets: Excel in Indonesian opens `;`, in American English `,`; both need the mark for UTF-8.
SEPARATORS: Mapping[str, str] = {"semicolon": ";", "comma": ","}
BOM = b"\xef\xbb\xbf"
COLUMNS = (
    "at",
    "rule",
    "change",
    "region",
    "region_name",
    "period",
    "receiver",
    "channel",
    "people",
    "is_told",
    "told_at",
    "state",
    "why_not",
    "attempts",
    "status",
    "latency_ms",
    "webhook_id",
    "notice",
    "alerts",
    "text",
    "told_in_part",
    "left_out",
)


def csv_lines(rows: Iterable[Mapping[str, Any]], separator: str, *, has_header: bool = False) -> bytes:
    """Rows for a spreadsheet: none of its cells is a formula, whatever somebody has written into a report."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=separator, lineterminator="\r\n")
    if has_header:
        writer.writerow(COLUMNS)
    writer.writerows([_cell(row[column]) for column in COLUMNS] for row in rows)
    return (BOM if has_header else b"") + out.getvalue().encode()


def row(shown: Document, region_name: str, zone: ZoneInfo, language: Language) -> Document:
    """A record as a row: times in the region's zone, lists as text."""
    people = [f"{one['name']} ({one['team']})" for one in shown["people"]]
    return {
        **shown,
        "at": _moment(shown["at"], zone),
        "told_at": _moment(shown["told_at"], zone),
        "region_name": region_name,
        "people": ", ".join(people),
        "is_told": "1" if shown["is_told"] else "0",
        "why_not": shown["why_not"][language] if shown["why_not"] else "",
        "alerts": " ".join(shown["alerts"]),
        "text": shown["text"][language],
        "told_in_part": ", ".join(f"{one['recipient']} ({_moment(one['at'], zone)})" for one in shown["told_in_part"]),
        "left_out": ", ".join(shown["left_out"]),
    }


def _moment(instant: datetime | None, zone: ZoneInfo) -> str:
    return instant.astimezone(zone).isoformat(timespec="seconds") if instant else ""


_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def _cell(value: Any) -> str:
    """One line, and no formula: a spreadsheet takes what begins with an apostrophe for text."""
    said = " ".join(str(value).split()) if value is not None else ""
    return f"'{said}" if said.startswith(_FORMULA) else said
