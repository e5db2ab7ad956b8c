"""Builders: what a test does not say is plain and valid."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cache
from typing import Any

from shared.access.documents import to_document
from shared.access.holders import Holder, issued
from shared.access.keys import Grant
from shared.clock import real
from shared.election.calendar import Calendar
from shared.election.config import Election, Level, merged
from shared.election.files import standard_categories, standard_items
from shared.election.owing import Deadline
from shared.election.roster import Region, Roster
from shared.events.incident import IncidentData, IncidentEvent
from shared.events.incident_status import IncidentStatus, IncidentStatusData, IncidentStatusEvent
from shared.events.logistics import LogisticsData, LogisticsEvent
from shared.events.report import Condition, ReportData, ReportEvent
from shared.events.withdrawal import WithdrawalData, WithdrawalEvent

MONDAY = date(2024, 11, 18)
HASH = "0" * 64

REGIONS = (
    Region("64", None, Level.PROVINCE, "KALIMANTAN TIMUR"),
    Region("64.02", "64", Level.REGENCY, "KABUPATEN KUTAI KARTANEGARA"),
    Region("64.71", "64", Level.REGENCY, "KOTA BALIKPAPAN"),
    Region("64.72", "64", Level.REGENCY, "KOTA SAMARINDA"),
    Region("64.72.01", "64.72", Level.DISTRICT, "Palaran"),
    Region("64.72.01.1001", "64.72.01", Level.VILLAGE, "Handil Bakti"),
)
PLAIN: dict[str, Any] = {
    "election": "kaltim-2024",
    "zone": "Asia/Makassar",
    "stages": [
        {"stage": "campaign", "from": date(2024, 9, 25), "to": date(2024, 11, 23)},
        {"stage": "quiet_period", "from": date(2024, 11, 24), "to": date(2024, 11, 26)},
    ],
    "reports": [
        {"level": "regency", "due": "24:00", "grace": "2h", "from": date(2024, 9, 30), "until": date(2024, 12, 16)}
    ],
    "obligations_from": date(2024, 11, 11),
}


def utc(text: str) -> datetime:
    """`2024-11-18 16:00` (and any ISO form) as aware UTC."""
    instant = datetime.fromisoformat(text)
    return (instant if instant.tzinfo else instant.replace(tzinfo=UTC)).astimezone(UTC)


_standard_categories, _standard_items = cache(standard_categories), cache(standard_items)


def an_election(**changes: Any) -> Election:
    content = {**PLAIN, **changes}
    content["categories"] = merged(_standard_categories(), content.get("categories"))
    content["logistics"] = {"items": merged(_standard_items(), content.get("logistics"))}
    return Election.model_validate(content)


def a_calendar(*regions: Region, **changes: Any) -> Calendar:
    return Calendar(an_election(**changes), Roster(regions or REGIONS))


def a_deadline(**changes: Any) -> Deadline:
    """Monday 18 November 2024, 24:00 in Samarinda."""
    plain = {
        "period": MONDAY,
        "due_at": utc("2024-11-18 16:00"),
        "judge_at": utc("2024-11-18 18:00"),
        "election": "kaltim-2024",
    }
    return Deadline(**{**plain, **changes})


def a_report(
    received: datetime, *, submitted: datetime | None = None, region: str = "64.72", event_id: str = "r1", **data: Any
) -> ReportEvent:
    plain = {"period": MONDAY, "condition": Condition.NORMAL, "summary": "Aman dan terkendali."}
    return ReportEvent(
        id=event_id,
        source="/agencies/samarinda-desk",
        subject=region,
        time=received,
        receivedat=received,
        contenthash=HASH,
        data=ReportData(**{**plain, "submitted_at": submitted, **data}),
    )


def an_incident(
    occurred: datetime, received: datetime | None = None, *, region: str = "64.72", event_id: str = "i1", **data: Any
) -> IncidentEvent:
    plain = {"category": "money_politics", "description": "Amplop dibagikan di pasar."}
    return IncidentEvent(
        id=event_id,
        source="/agencies/bawaslu",
        subject=region,
        time=occurred,
        receivedat=received or occurred + timedelta(minutes=5),
        contenthash=HASH,
        data=IncidentData(**{**plain, "occurred_at": occurred, **data}),
    )


def a_holder_document(key: str, grant: Grant) -> dict[str, Any]:
    """A key with its rights as `desk_access` has them, of a holder of its own whatever the names are."""
    now, rights = real(), replace(grant, name=grant.agency or grant.name, expires_at=None, is_revoked=False)
    record = issued(key, rights.name, 1, now, "a test", grant.expires_at)
    ended = replace(record, revoked_at=now, revoked_by="a test") if grant.is_revoked else record
    return {**to_document(Holder(rights, (ended,), now, "a test")), "_id": f"test:{record.hash}"}


def a_withdrawal(
    received: datetime, report: str = "r1", *, region: str = "64.72", event_id: str = "w1", **data: Any
) -> WithdrawalEvent:
    plain = {"report": report, "period": MONDAY, "reason": "Salah wilayah."}
    return WithdrawalEvent(
        id=event_id,
        source="/agencies/samarinda-desk",
        subject=region,
        time=received,
        receivedat=received,
        contenthash=HASH,
        data=WithdrawalData(**{**plain, **data}),
    )


def a_status(
    received: datetime,
    status: IncidentStatus = IncidentStatus.VERIFIED,
    *,
    region: str = "64.72",
    event_id: str = "s1",
    **data: Any,
) -> IncidentStatusEvent:
    """Of the incident that `an_incident` makes."""
    plain = {"incident_agency": "bawaslu", "incident_id": "i1", "status": status}
    return IncidentStatusEvent(
        id=event_id,
        source="/agencies/province-desk",
        subject=region,
        time=received,
        receivedat=received,
        contenthash=HASH,
        data=IncidentStatusData(**{**plain, **data}),
    )


def a_stock(
    as_of: datetime,
    received_pieces: int = 10,
    *,
    received: datetime | None = None,
    region: str = "64.72",
    event_id: str = "l1",
    **data: Any,
) -> LogisticsEvent:
    plain = {"item": "ballot_boxes", "required": 100, "received": received_pieces, "as_of": as_of}
    return LogisticsEvent(
        id=event_id,
        source="/agencies/samarinda-desk",
        subject=region,
        time=as_of,
        receivedat=received or as_of + timedelta(minutes=5),
        contenthash=HASH,
        data=LogisticsData(**{**plain, **data}),
    )


def an_alert_shown(region: str = "64.72", **changes: Any) -> dict[str, Any]:
    """An alert as payloads and APIs show it: Samarinda has not reported."""
    return {
        "id": f"missing-report:{MONDAY}:{region}",
        "rule": "missing-report",
        "region": region,
        "period": MONDAY.isoformat(),
        "state": "firing",
        "raised_at": utc("2024-11-18T18:00:00Z"),
        "resolved_at": None,
        "resolution": None,
        "details": {},
        "history": [],
        **changes,
    }


def a_notice_payload(*alerts: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A notice's payload as a delivery holds it; `changes` go to its data."""
    told = list(alerts) or [an_alert_shown()]
    data = {
        "notice": f"missing-report:{MONDAY}:64@2024-11-18T18:00:00Z",
        "rule": "missing-report",
        "change": "raised",
        "period": MONDAY.isoformat(),
        "region": "64",
        "alerts": told,
        "text": {"id": "Kalimantan Timur: belum lapor: Samarinda.", "en": "Kalimantan Timur: missing: Samarinda."},
    }
    return {"type": "desk.notice.v1", "timestamp": utc("2024-11-18T18:00:01Z"), "data": {**data, **changes}}
