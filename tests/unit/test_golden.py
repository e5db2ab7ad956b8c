"""Golden messages: what was once on the wire parses for ever, and what we write today is byte for byte this."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from shared.events.alert import AlertData, AlertEvent, AlertState
from shared.events.codec import BadEvent, content_hash, decode, encode
from shared.events.envelope import NOTIFIER, Dated, Envelope
from shared.events.incident import Evidence, IncidentData, IncidentEvent, Severity
from shared.events.incident_status import IncidentStatus, IncidentStatusData, IncidentStatusEvent
from shared.events.logistics import LogisticsData, LogisticsEvent
from shared.events.report import Condition, ReportData, ReportEvent
from shared.events.verdict import ExcuseTold, Verdict, VerdictData, VerdictEvent
from shared.events.withdrawal import WithdrawalData, WithdrawalEvent
from shared.topics import ALERTS, DEAD_LETTERS, INCIDENTS, LOGISTICS, REPORTS
from tests.builders import HASH, utc

GOLDEN = Path(__file__).parent / "golden"
RECEIVED = utc("2024-11-18T09:00:05.250000+00:00")

REPORT_MINIMAL = ReportEvent(
    id="lap-1",
    source="/agencies/samarinda-desk",
    subject="64.72",
    time=RECEIVED,
    receivedat=RECEIVED,
    contenthash=HASH,
    data=ReportData(period=date(2024, 11, 18), condition=Condition.NORMAL, summary="Aman."),
)
REPORT_FULL = ReportEvent(
    id="A.b_c-9",
    source="/agencies/kukar.desk_1-a",
    subject="64.02.01.2001",
    time=utc("2024-11-18T17:00:00+08:00"),
    receivedat=RECEIVED,
    contenthash="0123456789abcdef" * 4,
    data=ReportData(
        period=date(2024, 11, 18),
        condition=Condition.CRITICAL,
        summary='Baris satu.\nBaris "dua" – café ✓',
        submitted_at=utc("2024-11-18T17:00:00+08:00"),
        replaces="A.b_c-8",
        topics={"logistics": "Kotak suara kurang 12.", "voters": "DPT lengkap."},
        source_office="Desa Jembayan",
    ),
)
INCIDENT_MINIMAL = IncidentEvent(
    id="i-1",
    source="/agencies/bawaslu",
    subject="64.72.01",
    time=utc("2024-11-25T10:00:00+08:00"),
    receivedat=utc("2024-11-25T02:00:01Z"),
    contenthash=HASH,
    data=IncidentData(
        category="money_politics", occurred_at=utc("2024-11-25T10:00:00+08:00"), description="Amplop dibagikan."
    ),
)
INCIDENT_FULL = IncidentEvent(
    id="i-2",
    source="/agencies/bawaslu",
    subject="64",
    time=utc("2024-11-25T10:00:00.000001+08:00"),
    receivedat=utc("2024-11-28T02:00:00Z"),
    contenthash=HASH,
    data=IncidentData(
        category="campaigning",
        occurred_at=utc("2024-11-25T10:00:00.000001+08:00"),
        description="Konvoi kendaraan.",
        severity=Severity.HIGH,
        place="Jalan Gajah Mada",
        polling_station="TPS 12",
        reported_party="Tim kampanye",
        evidence=(
            Evidence(url="https://example.org/foto.jpg", sha256="ab" * 32),
            Evidence(url="http://example.org/2"),
        ),
        source_office="Panwascam Palaran",
    ),
)
WITHDRAWAL = WithdrawalEvent(
    id="withdrawal-0123456789abcdef0123456789abcdef",
    source="/agencies/samarinda-desk",
    subject="64.72",
    time=RECEIVED,
    receivedat=RECEIVED,
    contenthash=HASH,
    data=WithdrawalData(report="lap-1", period=date(2024, 11, 18), reason="Salah wilayah."),
)
STATUS_MINIMAL = IncidentStatusEvent(
    id="s-1",
    source="/agencies/bawaslu",
    subject="64.72.01",
    time=utc("2024-11-26T02:00:00Z"),
    receivedat=utc("2024-11-26T02:00:00Z"),
    contenthash=HASH,
    data=IncidentStatusData(incident_agency="bawaslu", incident_id="i-1", status=IncidentStatus.VERIFIED),
)
STATUS_FULL = IncidentStatusEvent(
    id="s-2",
    source="/agencies/bawaslu",
    subject="64.72.01",
    time=utc("2024-11-26T03:00:00Z"),
    receivedat=utc("2024-11-26T03:00:00Z"),
    contenthash=HASH,
    data=IncidentStatusData(
        incident_agency="panwascam.palaran",
        incident_id="i-7",
        status=IncidentStatus.FORWARDED,
        note="Terbukti.",
        forwarded_to="KPU Kota Samarinda",
    ),
)
LOGISTICS_MINIMAL = LogisticsEvent(
    id="l-1",
    source="/agencies/mahulu-desk",
    subject="64.11",
    time=utc("2024-11-24T16:00:00+08:00"),
    receivedat=utc("2024-11-24T08:00:01Z"),
    contenthash=HASH,
    data=LogisticsData(
        item="ballot_boxes", required=296, received=180, as_of=utc("2024-11-24T16:00:00+08:00"), source_office=None
    ),
)
LOGISTICS_FULL = LOGISTICS_MINIMAL.model_copy(
    update={
        "id": "l-2",
        "data": LogisticsData(
            item="ballots",
            required=10**9,
            received=0,
            as_of=utc("2024-11-24T16:00:00.000001+08:00"),
            source_office="Kecamatan Long Apari",
        ),
    }
)
VERDICT = VerdictEvent(
    id="verdict:2024-11-18:64.72#2",
    source=NOTIFIER,
    subject="64.72",
    time=utc("2024-11-18T18:00:00.500Z"),
    receivedat=utc("2024-11-18T18:00:00.500Z"),
    contenthash=HASH,
    data=VerdictData(
        election="kaltim-2024",
        period=date(2024, 11, 18),
        verdict=Verdict.ON_TIME,
        revision=2,
        reason="delivered_late",
        judged_at=utc("2024-11-18T18:00:00.500Z"),
        due_at=utc("2024-11-18T16:00:00Z"),
        report="/agencies/samarinda-desk/lap-1",
    ),
)
VERDICT_PENDING = VerdictEvent(
    id="verdict:2024-11-18:64.72#2",
    source=NOTIFIER,
    subject="64.72",
    time=utc("2024-11-18T12:00:00Z"),
    receivedat=utc("2024-11-18T12:00:00Z"),
    contenthash=HASH,
    data=VerdictData(
        election="kaltim-2024",
        period=date(2024, 11, 18),
        verdict=Verdict.PENDING,
        revision=2,
        reason="report_withdrawn",
        judged_at=utc("2024-11-18T12:00:00Z"),
        due_at=utc("2024-11-18T16:00:00Z"),
    ),
)
VERDICT_EXCUSED = VERDICT.model_copy(
    update={
        "data": VerdictData(
            election="kaltim-2024",
            period=date(2024, 11, 18),
            verdict=Verdict.EXCUSED,
            revision=2,
            reason="excuse_given",
            judged_at=utc("2024-11-18T18:00:00.500Z"),
            due_at=utc("2024-11-18T16:00:00Z"),
            excuse=ExcuseTold(id="banjir-1", reason="Banjir.", by="budi", at=utc("2024-11-18T20:00:00Z")),
        )
    }
)
ALERT = AlertEvent(
    id="missing-report:2024-11-18:64.72#2",
    source=NOTIFIER,
    subject="64.72",
    time=utc("2024-11-18T19:00:00Z"),
    receivedat=utc("2024-11-18T19:00:00Z"),
    contenthash=HASH,
    data=AlertData(
        alert="missing-report:2024-11-18:64.72",
        rule="missing-report",
        revision=2,
        period=date(2024, 11, 18),
        state=AlertState.RESOLVED,
        raised_at=utc("2024-11-18T18:00:00Z"),
        resolved_at=utc("2024-11-18T19:00:00Z"),
        resolution="reported_late",
        details={"due_at": "2024-11-18T16:00:00Z", "nested": {"count": 3, "share": 0.5, "note": None}},
        history=(
            Dated(at=utc("2024-11-18T18:00:00Z"), by=NOTIFIER, what="raised", why="nothing_received"),
            Dated(at=utc("2024-11-18T19:00:00Z"), by=NOTIFIER, what="resolved", why="reported_late"),
        ),
    ),
)
ALERT_MINIMAL = AlertEvent(
    id="quiet-period-violation:bawaslu:i-2#1",
    source=NOTIFIER,
    subject="system",
    time=utc("2024-11-28T02:00:00Z"),
    receivedat=utc("2024-11-28T02:00:00Z"),
    contenthash=HASH,
    data=AlertData(
        alert="quiet-period-violation:bawaslu:i-2",
        rule="quiet-period-violation",
        revision=1,
        state=AlertState.FIRING,
        raised_at=utc("2024-11-28T02:00:00Z"),
    ),
)

MESSAGES: list[tuple[str, str, Envelope]] = [
    ("report-v1-minimal", REPORTS.name, REPORT_MINIMAL),
    ("report-v1-full", REPORTS.name, REPORT_FULL),
    ("incident-v1-minimal", INCIDENTS.name, INCIDENT_MINIMAL),
    ("incident-v1-full", INCIDENTS.name, INCIDENT_FULL),
    ("report-withdrawal-v1", REPORTS.name, WITHDRAWAL),
    ("incident-status-v1-minimal", INCIDENTS.name, STATUS_MINIMAL),
    ("incident-status-v1-full", INCIDENTS.name, STATUS_FULL),
    ("logistics-v1-minimal", LOGISTICS.name, LOGISTICS_MINIMAL),
    ("logistics-v1-full", LOGISTICS.name, LOGISTICS_FULL),
    ("verdict-v1", ALERTS.name, VERDICT),
    ("verdict-v1-excused", ALERTS.name, VERDICT_EXCUSED),
    ("verdict-v1-pending", ALERTS.name, VERDICT_PENDING),
    ("alert-v1", ALERTS.name, ALERT),
    ("alert-v1-minimal", ALERTS.name, ALERT_MINIMAL),
]


def golden(name: str) -> bytes:
    return (GOLDEN / f"{name}.json").read_bytes()


@pytest.mark.parametrize(("name", "topic", "event"), MESSAGES, ids=[name for name, _, _ in MESSAGES])
def test_golden_messages(name: str, topic: str, event: Envelope) -> None:
    """The bytes parse to the model, and the model is written as exactly these bytes."""
    assert decode(topic, golden(name)) == event
    assert encode(event) == golden(name)


def test_every_golden_message_is_tested() -> None:
    """A message of an older version stays in the folder, and so in the table above."""
    assert {p.stem for p in GOLDEN.glob("*.json")} == {name for name, _, _ in MESSAGES}


REPORT = golden("report-v1-full")
ALERTED = golden("alert-v1")


@pytest.mark.parametrize(
    ("topic", "raw", "reason"),
    [
        (REPORTS.name, b"", "JSON"),
        (REPORTS.name, b"{", "JSON"),
        (REPORTS.name, b"\xff\xfe", "JSON"),
        (REPORTS.name, b"[]", "object"),
        (REPORTS.name, b"null", "object"),
        (REPORTS.name, REPORT.replace(b"desk.report.v1", b"desk.report.v2"), "type"),
        (REPORTS.name, REPORT.replace(b'"1.0"', b'"0.3"'), "specversion"),
        (REPORTS.name, REPORT.replace(b'"id":', b'"ID":'), "id"),
        (REPORTS.name, REPORT.replace(b'"id":', b'"extra":1,"id":'), "not known"),
        (REPORTS.name, REPORT.replace(b'"period":', b'"extra":1,"period":'), "data: a field that is not known"),
        (REPORTS.name, REPORT.replace(b"/agencies/", b"/other/"), "source"),
        (REPORTS.name, REPORT.replace(b"64.02.01.2001", b"64.2"), "subject"),
        (REPORTS.name, REPORT.replace(b"64.02", "٦٤.02".encode()), "subject"),
        (REPORTS.name, REPORT.replace(b"critical", b"dire"), "condition"),
        (REPORTS.name, REPORT.replace(b'"2024-11-18"', b'"18-11-2024"'), "period"),
        (REPORTS.name, REPORT.replace(b'"2024-11-18"', b"20241118"), "period"),
        (REPORTS.name, REPORT.replace(b"09:00:05.250000Z", b"09:00:05"), "receivedat"),  # naive
        (REPORTS.name, REPORT.replace(b'"2024-11-18T09:00:05.250000Z"', b'"1731920405"'), "receivedat"),
        (REPORTS.name, REPORT.replace(b'"2024-11-18T09:00:05.250000Z"', b"1731920405"), "receivedat"),
        (REPORTS.name, REPORT.replace(b'"2024-11-18T09:00:05.250000Z"', b"NaN"), "receivedat"),
        (REPORTS.name, REPORT.replace(b"2024-11-18T09:00:05", b"0001-01-01T00:00:00"), "receivedat"),
        (REPORTS.name, REPORT.replace(b"0123456789abcdef", b"0123456789ABCDEF"), "contenthash"),
        (REPORTS.name, REPORT.replace(b"Desa Jembayan", b"Desa\\u0000"), "source_office"),
        (REPORTS.name, REPORT.replace(b"Desa Jembayan", b"\\ud800"), "JSON"),
        (REPORTS.name, REPORT.replace(b"Desa Jembayan", b"\\u202e"), "source_office"),
        (REPORTS.name, golden("incident-v1-full"), "type"),
        (INCIDENTS.name, REPORT, "type"),
        (INCIDENTS.name, golden("incident-v1-full").replace(b'"high"', b'"HIGH"'), "severity"),
        (INCIDENTS.name, golden("incident-v1-full").replace(b"http://example.org/2", b"file:///etc"), "url"),
        (ALERTS.name, REPORT, "type: none that this topic carries"),
        (ALERTS.name, ALERTED.replace(b'"revision":2', b'"revision":0'), "revision"),
        (ALERTS.name, ALERTED.replace(b'"revision":2', b'"revision":"2"'), "revision"),
        (ALERTS.name, ALERTED.replace(b'"revision":2', b'"revision":2.0'), "revision"),
        (ALERTS.name, ALERTED.replace(b'"revision":2', b'"revision":true'), "revision"),
        (ALERTS.name, ALERTED.replace(b'"share":0.5', b'"share":NaN'), "details"),
        (ALERTS.name, ALERTED.replace(b'"share":0.5', b'"share":-Infinity'), "details"),
        (ALERTS.name, ALERTED.replace(b'"share":0.5', b'"share":1e999'), "details"),
        (ALERTS.name, ALERTED.replace(b'"count":3', b'"count":[9007199254740993]'), "details"),
        (ALERTS.name, ALERTED.replace(b'"count":3', b'"count":' + b"9" * 40), "details"),
        (ALERTS.name, ALERTED.replace(b'"at":"2024-11-18T18:00:00Z"', b'"at":"2024-11-18T18:00:00"'), "history.0.at"),
        (LOGISTICS.name, REPORT, "type"),
        (LOGISTICS.name, golden("logistics-v1-full").replace(b":1000000000,", b":1000000001,"), "required"),
        (LOGISTICS.name, golden("logistics-v1-full").replace(b'"received":0', b'"received":-1'), "received"),
        (LOGISTICS.name, golden("logistics-v1-full").replace(b'"received":0', b'"received":0.5'), "received"),
        (LOGISTICS.name, golden("logistics-v1-full").replace(b'"received":0', b'"received":true'), "received"),
        (INCIDENTS.name, golden("incident-status-v1-full").replace(b'"forwarded"', b'"reported"'), "status"),
        (INCIDENTS.name, golden("incident-status-v1-full").replace(b"i-7", b"i/7"), "incident_id"),
        (REPORTS.name, golden("report-withdrawal-v1").replace(b"Salah wilayah.", b" "), "reason"),
        (DEAD_LETTERS.name, REPORT, DEAD_LETTERS.name),
        ("desk.unknown", REPORT, "desk.unknown"),
    ],
)
def test_what_is_no_event_of_its_topic(topic: str, raw: bytes, reason: str) -> None:
    """Anything else is refused for good, with a reason that names what is wrong."""
    with pytest.raises(BadEvent) as refused:
        decode(topic, raw)
    assert reason in str(refused.value)
    assert len(str(refused.value)) < 1000


def test_old_report_without_defaults_still_parses() -> None:
    """Fields with defaults may be absent: another writer of the same version need not know them."""
    raw = golden("incident-v1-minimal").replace(b',"severity":"medium","evidence":[]', b"")
    assert raw != golden("incident-v1-minimal")
    assert decode(INCIDENTS.name, raw) == INCIDENT_MINIMAL


def test_times_keep_the_sender_s_instant() -> None:
    """An offset is another spelling of the same instant."""
    raw = golden("report-v1-minimal").replace(b"2024-11-18T09:00:05.250000Z", b"2024-11-18T17:00:05.25+08:00")
    assert decode(REPORTS.name, raw) == REPORT_MINIMAL


def test_identity_and_agency() -> None:
    """Two agencies' equal ids are two events; the notifier's own source is told apart from any agency."""
    assert REPORT_MINIMAL.identity == "/agencies/samarinda-desk/lap-1"
    assert (REPORT_MINIMAL.agency, VERDICT.agency) == ("samarinda-desk", "notifier")
    other = REPORT_MINIMAL.model_copy(update={"source": "/agencies/other"})
    assert other.identity != REPORT_MINIMAL.identity


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True),
        ({"a": 1, "b": None}, {"a": 1}, True),
        ({"at": utc("2024-11-18T09:00+08:00")}, {"at": utc("2024-11-18T01:00Z")}, True),
        ({"a": 1}, {"a": 2}, False),
        ({"a": 1}, {"b": 1}, False),
        ({"a": "1"}, {"a": 1}, False),
        ({"a": ["x", "y"]}, {"a": ["y", "x"]}, False),
    ],
)
def test_content_hash(one: dict[str, object], other: dict[str, object], is_same: bool) -> None:
    """The same content has the same hash, however it is ordered or its absent fields and zones are spelled."""
    assert (content_hash(one) == content_hash(other)) is is_same
    assert len(content_hash(one)) == 64
