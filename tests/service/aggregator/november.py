"""The Monday of the demonstration, and the quiet period after it, as the pages are to show them: seven of ten desks
reported on 18 November 2024; Samarinda, Kutai Timur and Kutai Barat did not."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from shared.events.envelope import Envelope
from shared.events.incident import Severity
from shared.events.incident_status import IncidentStatus
from shared.events.report import Condition
from shared.events.verdict import Verdict, VerdictData, VerdictEvent
from tests.builders import HASH, MONDAY, a_report, a_status, a_stock, a_withdrawal, an_incident, utc

NOW = utc("2024-11-25 02:00")  # Monday in the quiet period, 10.00 WITA
EARLIER_MONDAY, NEXT_MONDAY = date(2024, 11, 11), date(2024, 11, 25)
REPORTED = ("64.01", "64.02", "64.03", "64.09", "64.11", "64.71", "64.74")
SILENT = ("64.07", "64.08", "64.72")
_ITEMS = ("ballot_boxes", "ballots", "ink", "voting_booths", "seals", "punching_tools")


@dataclass
class StandingClock:
    """The election's time stands still; a second passes by hand."""

    instant: datetime = NOW

    def at(self, instant: datetime) -> datetime:
        return self.instant

    def now(self) -> datetime:
        return self.instant


def a_verdict(region: str, verdict: Verdict, revision: int = 1, **data: Any) -> VerdictEvent:
    judged_at = utc("2024-11-18 18:00") + timedelta(hours=revision)
    plain = {"reason": "nothing_received" if verdict is Verdict.MISSING else "received_in_time", "period": MONDAY}
    told = {**plain, "election": "kaltim-2024", "judged_at": judged_at, "due_at": utc("2024-11-18 16:00"), **data}
    return VerdictEvent(
        id=f"verdict:{told['period']}:{region}#{revision}",
        source="/notifier",
        subject=region,
        time=judged_at,
        receivedat=judged_at,
        contenthash=HASH,
        data=VerdictData(verdict=verdict, revision=revision, **told),
    )


def a_violation(event_id: str, minutes_ago: int, **fields: Any) -> Envelope:
    """In the quiet period, some minutes before now."""
    occurred = NOW - timedelta(minutes=minutes_ago)
    plain = {"category": "money_politics", "severity": Severity.HIGH}
    return an_incident(occurred, occurred, event_id=event_id, **{**plain, **fields})


def november() -> list[Envelope]:
    return [*_earlier(), *_monday(), *_violations(), *_logistics()]


def _monday() -> Iterator[Envelope]:
    texts = {
        "64.11": "14 jenis logistik siap dikirim 23-25 November.",
        "64.74": "Aman dan terkendali; 1.214 personel pengamanan.",
        "64.03": "Banjir di dua kecamatan, distribusi lewat sungai.",
    }
    for n, region in enumerate(REPORTED):
        at = utc("2024-11-18 01:00") + timedelta(minutes=17 * n)
        condition = Condition.ATTENTION if region == "64.03" else Condition.NORMAL
        yield a_report(
            at, region=region, event_id=f"r-{region}", summary=texts.get(region, "Aman."), condition=condition
        )
        yield a_verdict(region, Verdict.ON_TIME)
    for region in SILENT:
        yield a_verdict(region, Verdict.MISSING)
    # A wrong one was withdrawn, one was corrected, and the next Monday has begun.
    wrong = utc("2024-11-19 01:00")
    yield a_report(wrong, region="64.72", event_id="r-wrong", summary="Salah wilayah.", period=NEXT_MONDAY)
    yield a_withdrawal(wrong + timedelta(hours=1), "r-wrong", region="64.72", period=NEXT_MONDAY)
    yield a_report(wrong, region="64.71", event_id="r-again", summary="Aman. Rapat koordinasi.", replaces="r-64.71")
    yield a_report(NOW - timedelta(hours=1), region="64.71", event_id="r-next", period=NEXT_MONDAY)


def _earlier() -> Iterator[Envelope]:
    """Monday 11 November, with every verdict there is but `pending`, which nobody sends."""
    for n, region in enumerate(("64.01", "64.02", "64.03", "64.07")):
        at = utc("2024-11-11 02:00") + timedelta(minutes=9 * n)
        yield a_report(at, region=region, event_id=f"e-{region}", period=EARLIER_MONDAY)
        yield a_verdict(region, Verdict.ON_TIME, period=EARLIER_MONDAY)
    late = utc("2024-11-11 19:30")
    yield a_verdict("64.08", Verdict.MISSING, period=EARLIER_MONDAY)
    yield a_report(late, region="64.08", event_id="e-64.08", summary="Jaringan terputus.", period=EARLIER_MONDAY)
    yield a_verdict("64.08", Verdict.LATE, 2, reason="reported_late", period=EARLIER_MONDAY)
    yield a_verdict("64.09", Verdict.EXCUSED, reason="nothing_received", period=EARLIER_MONDAY)
    yield a_verdict("64.11", Verdict.UNDETERMINED, reason="log_not_read", period=EARLIER_MONDAY)
    yield a_verdict("64.72", Verdict.MISSING, period=EARLIER_MONDAY)


def _violations() -> Iterator[Envelope]:
    yield an_incident(utc("2024-11-20 03:00"), event_id="i-props", category="campaign_props", region="64.71")
    yield a_status(
        utc("2024-11-20 06:00"),
        IncidentStatus.FORWARDED,
        incident_id="i-props",
        region="64.71",
        event_id="s1",
        forwarded_to="KPU",
        note="Diserahkan dengan berita acara.",
    )
    yield an_incident(utc("2024-11-15 03:00"), event_id="i-done", category="neutrality", region="64.02")
    yield a_status(
        utc("2024-11-16 03:00"), IncidentStatus.DISMISSED, incident_id="i-done", region="64.02", event_id="s2"
    )
    yield a_violation(
        "i-envelope",
        95,
        region="64.72.01",
        place="Pasar Palaran",
        polling_station="TPS 012",
        reported_party="Tim kampanye",
        description="Amplop dibagikan kepada pemilih di pasar.",
    )
    yield a_status(
        NOW - timedelta(minutes=60),
        IncidentStatus.VERIFIED,
        incident_id="i-envelope",
        region="64.72.01",
        event_id="s3",
        note="Dua saksi.",
    )
    yield a_violation(
        "i-ads",
        200,
        region="64.09",
        category="media_advertising",
        severity=Severity.MEDIUM,
        description="Iklan calon masih tayang di radio setempat.",
    )
    yield an_incident(
        NOW - timedelta(hours=5),
        event_id="i-power",
        category="power_internet",
        region="64.11",
        description="Listrik padam di tiga desa.",
    )


def _logistics() -> Iterator[Envelope]:
    at = utc("2024-11-24 08:00")
    for n, region in enumerate((*REPORTED, "64.72")):
        for m, item in enumerate(_ITEMS[: 6 - n % 3]):
            received = 600 if (n + m) % 3 else 410
            event_id = f"l-{region}-{item}"
            yield a_stock(at, received, region=region, item=item, required=600, event_id=event_id)
