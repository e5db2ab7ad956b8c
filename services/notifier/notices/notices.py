"""What receivers are told: the text and the payload of a notice. Pure; texts are data (shared/texts/notices.yaml)."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from services.notifier import causes, rules
from services.notifier.alerts import alerts
from services.notifier.notices.naming import MOST_NAMED, Text, named, plain
from services.notifier.rules import cannot_evaluate, missing_report
from services.notifier.verdicts.verdicts import REPORTED
from shared.election.calendar import Calendar
from shared.events.alert import alert_json
from shared.events.verdict import Verdict
from shared.texts import LANGUAGES, Language, text

Document = dict[str, Any]
TYPE = "desk.notice.v1"
_LONGEST_DESCRIPTION = 500
MOST_ALERTS = 200  # of one message; the API has the others


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to tell. `id` is deterministic; `region` and `rule` decide who is told; `at` is the election's time
    of what happened; `payload` is frozen here and sent as it is, however often it is tried; `traces` are those of what
    it tells (`causes.py`)."""

    id: str
    rule: str
    change: str
    region: str
    at: datetime
    alerts: tuple[str, ...]
    payload: Document
    traces: tuple[str, ...] = ()


def webhook_id(delivery_id: str) -> str:
    """The `webhook-id` of a delivery: the same for every attempt, so that a receiver can tell a repeat."""
    return "msg_" + hashlib.sha256(delivery_id.encode()).hexdigest()[:32]


def of_alert(alert: Document, change: Document, calendar: Calendar) -> Notice:
    """The notice of one change of one alert, with what was told of it then, whatever became of it since."""
    said = in_words(key_of(alert, change), alert, change, calendar)
    notice_id = f"{alert['_id']}#{change['revision']}"
    return made(notice_id, said, [alert], change["change"], change["at"], causes_of=[change])


def key_of(alert: Document, change: Document) -> str:
    """Which text of its rule tells a change: `raised`, or `resolved.reported_late`. One that is missing though nothing
    of it was withdrawn is `found` so."""
    if change["change"] == alerts.RESOLVED:
        return f"{change['change']}.{change['resolution']}"
    is_found = alert["rule"] == missing_report.NAME and "withdrawn" not in change["details"]
    return "found" if is_found else str(change["change"])


def in_words(key: str, alert: Document, change: Document, calendar: Calendar) -> Text:
    """One of the texts of an alert's rule, about one change of it."""
    return in_both(f"{alert['rule']}.{key}", _values(alert, change, calendar))


@dataclass(frozen=True, slots=True)
class Tally:
    """How a province stands in a period: how many owe, how many have reported, who is missing and who is excused
    (codes). With several zones the rest is still awaited. `is_whole` is false where the receiver is told of some of it
    only."""

    owed: int
    reported: int
    missing: tuple[str, ...]
    excused: tuple[str, ...] = ()
    is_whole: bool = True

    @property
    def counts(self) -> dict[str, int]:
        """The numbers, as a payload has them."""
        named = {"missing": len(self.missing), "excused": len(self.excused)}
        return {"owed": self.owed, "reported": self.reported, **named}


def tally(owing: Iterable[str], found_missing: Iterable[str], verdicts: Mapping[str, str]) -> Tally:
    """The tally over the regions `owing`. `found_missing` are those of the judgement told of: a report that came since
    does not change what was found. Others count by the verdict that holds."""
    codes = sorted(owing)
    missing = set(found_missing) | {c for c in codes if verdicts.get(c) == Verdict.MISSING}
    others = [c for c in codes if c not in missing]
    return Tally(
        owed=len(codes),
        reported=sum(verdicts.get(c) in REPORTED for c in others),
        missing=tuple(c for c in codes if c in missing),
        excused=tuple(c for c in others if verdicts.get(c) == Verdict.EXCUSED),
    )


def of_judgement(
    judgement: Document, province: str, standing: Tally, missing: Sequence[Document], calendar: Calendar
) -> Notice:
    """The digest of one judgement for one province: how many of those who owe have reported, who is missing, by name.
    `standing` is of the receiver's own regions; `missing` are the first `MOST_ALERTS` alerts it is told of. The counts
    are of all."""
    values = {
        "where": where(province, calendar, is_whole=standing.is_whole),
        "owed": standing.owed,
        "reported": standing.reported,
        "names": regions_named(standing.missing, calendar),
        "excused": regions_named(standing.excused, calendar),
        "period": local_day(judgement["period"]),
    }
    notice_id = f"{missing_report.NAME}:{judgement['period']}:{province}@{judgement['judge_at']:%Y-%m-%dT%H:%M:%SZ}"
    at = max(alert["raised_at"] for alert in missing)
    said = in_both(f"{missing_report.NAME}.digest{'_excused' if standing.excused else ''}", values)
    notice = made(notice_id, said, missing, alerts.RAISED, at, region=province)
    notice.payload["data"]["counts"] = standing.counts
    return notice


def where(province: str, calendar: Calendar, *, is_whole: bool) -> Text:
    """A province by name; where its receiver is told of some of its regions only, so much of it."""
    name = calendar.roster.name(province)
    return plain(name) if is_whole else in_both("your_regions", {"where": name})


def regions_named(codes: Sequence[str], calendar: Calendar) -> Text:
    """The first of some regions by name, and how many others there are."""
    return named([plain(calendar.roster.name(code)) for code in codes[:MOST_NAMED]], len(codes))


def made(
    notice_id: str,
    said: Text,
    told: Sequence[Document],
    change: str,
    at: datetime,
    region: str | None = None,
    causes_of: Iterable[Document] | None = None,
) -> Notice:
    """The notice of one kind of change of some alerts; `region` unless it is that of the only one. `causes_of` are the
    changes, or else the alerts, that know what caused them."""
    first = told[0]
    payload = {
        "type": TYPE,
        "timestamp": at,
        "data": {
            "notice": notice_id,
            "rule": first["rule"],
            "change": change,
            "severity": max(map(rules.severity_of, told)).word,
            "period": first["period"],
            "region": region or first["region"],
            "alerts": [alert_json(alert) for alert in told],
            "text": said,
        },
    }
    ids = tuple(alert["_id"] for alert in told)
    traces = causes.traces_of(told if causes_of is None else causes_of)
    return Notice(notice_id, first["rule"], change, region or first["region"], at, ids, payload, tuple(traces))


def in_both(text_key: str, values: Document) -> Text:
    """A text in both languages; a value may itself be one."""
    return {lang: text("notices", text_key, lang, **_in_language(values, lang)) for lang in LANGUAGES}


def _in_language(values: Document, language: Language) -> Document:
    return {name: value[language] if isinstance(value, Mapping) else value for name, value in values.items()}


def _values(alert: Document, change: Document, calendar: Calendar) -> Document:
    region, details = alert["region"], {**alert["details"], **change["details"]}
    known = calendar.election.categories.get(details.get("category", ""))
    return {
        "names": calendar.roster.full_name(region),
        "period": local_day(alert["period"]),
        "at": _local_time(change["details"].get("reported_at", change["at"]), region, calendar),
        "category": known.label.model_dump() if known else details.get("category", ""),
        "occurred": _local_time(details["occurred_at"], region, calendar) if "occurred_at" in details else "",
        "agency": details.get("event", {}).get("agency", ""),
        "description": details.get("description", "")[:_LONGEST_DESCRIPTION],
        "because": _because(details) if "reason" in details else "",
        **_said(change["details"], region, calendar),
        **rules.values_of({**alert, "details": details}, calendar),
    }


def _said(details: Document, region: str, calendar: Calendar) -> Document:
    """What somebody said that brought the change about: an agency withdrew a report or spoke of an incident, an
    operator gave an excuse."""
    said = details.get("withdrawn") or details.get("last_status") or details.get("excuse")
    if not said:
        return {}
    note = said.get("reason") or said.get("note")
    return {
        "by": said.get("agency") or said["by"],
        "said_at": _local_time(said["at"], region, calendar),
        "note": note[:_LONGEST_DESCRIPTION] if note else in_both("no_note", {}),
        "status": in_both(f"status.{said['status']}", {}) if "status" in said else "",
    }


def _because(details: Document) -> Text:
    """Why reports cannot be judged yet, in words."""
    values = {k: ", ".join(map(str, v)) if isinstance(v, list) else v for k, v in details["values"].items()}
    return in_both(f"{cannot_evaluate.NAME}.because.{details['reason']}", values)


def local_day(period: str | None) -> str:
    """A period's day as people write it; nothing for none."""
    return f"{date.fromisoformat(period):%d-%m-%Y}" if period else ""


def _local_time(instant: datetime, region: str, calendar: Calendar) -> str:
    local = instant.astimezone(calendar.zone(region))
    return f"{local:%d-%m-%Y %H:%M} {local:%Z}"
