"""Notices: who is told what, in words, with names."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from services.notifier.alerts import alerts
from services.notifier.notices import notices
from services.notifier.notices.notices import Notice
from services.notifier.routing.receivers import ConsoleReceiver
from services.notifier.routing.selection import Concern
from services.notifier.rules import cannot_evaluate, quiet_period_violation
from services.notifier.rules.cannot_evaluate import KAFKA_AWAY, NO_PARTITIONS, PARTITIONS_UNREAD, Unproven
from services.notifier.rules.rule import Severity
from shared.election import quiet_period
from shared.election.calendar import Calendar
from shared.election.config import Level
from shared.election.files import read_roster
from shared.election.roster import Region
from shared.events.envelope import SYSTEM
from shared.exactly_once.cursors import empty
from tests.builders import MONDAY, a_calendar, an_election, an_incident, utc

Document = dict[str, Any]
JUDGED = utc("2024-11-18T18:00:00Z")
SILENT = ("64.72", "64.08", "64.07")


def missing(region: str, at_minutes: int = 0) -> Document:
    return alerts.raised(
        empty(f"missing-report:2024-11-18:{region}"),
        region=region,
        period=MONDAY,
        at=JUDGED + timedelta(minutes=at_minutes),
        why="nothing_received",
        details={},
        is_noticed_alone=False,
    )


JUDGEMENT = {"_id": "j", "period": "2024-11-18", "judge_at": JUDGED}


@pytest.fixture(scope="module")
def kaltim() -> Calendar:
    roster = Path(__file__).resolve().parents[2] / "deploy" / "roster" / "kaltim.csv"
    return Calendar(an_election(), read_roster(roster))


@pytest.mark.parametrize(
    ("found", "verdicts", "expected"),
    [
        (["64.72"], {"64.71": "on_time", "64.74": "late"}, notices.Tally(3, 2, ("64.72",))),
        (["64.72"], {"64.71": "on_time", "64.72": "late"}, notices.Tally(3, 1, ("64.72",))),
        (["64.72"], {"64.74": "missing"}, notices.Tally(3, 0, ("64.72", "64.74"))),
        (["64.72"], {"64.74": "undetermined", "64.01": "on_time"}, notices.Tally(3, 0, ("64.72",))),
    ],
    ids=["others reported", "came since", "missing in an earlier zone", "awaited, and not of ours"],
)
def test_tally(found: list[str], verdicts: dict[str, str], expected: notices.Tally) -> None:
    """A province is counted as a whole, also where its zones are judged one after the other."""
    assert notices.tally(["64.74", "64.71", "64.72"], found, verdicts) == expected


def test_digest_of_the_eighteenth(kaltim: Calendar) -> None:
    """Seven of ten have reported; the silent ones stand by name in one message, in both languages."""
    standing = notices.Tally(10, 7, tuple(sorted(SILENT)))
    notice = notices.of_judgement(JUDGEMENT, "64", standing, [missing(r, n) for n, r in enumerate(SILENT)], kaltim)
    text = notice.payload["data"]["text"]
    assert text == {
        "id": "Kalimantan Timur: 7/10 sudah melapor untuk 18-11-2024; belum lapor: Kabupaten Kutai Barat, "
        "Kabupaten Kutai Timur, Kota Samarinda.",
        "en": "Kalimantan Timur: 7/10 have reported for 18-11-2024; missing: Kabupaten Kutai Barat, "
        "Kabupaten Kutai Timur, Kota Samarinda.",
    }
    assert notice.payload["data"]["counts"] == {"owed": 10, "reported": 7, "missing": 3, "excused": 0}
    assert (notice.id, notice.rule, notice.region) == (
        "missing-report:2024-11-18:64@2024-11-18T18:00:00Z",
        "missing-report",
        "64",
    )
    assert notice.alerts == tuple(f"missing-report:2024-11-18:{r}" for r in SILENT)
    assert notice.at == notice.payload["timestamp"] == JUDGED + timedelta(minutes=2)
    assert [a["region"] for a in notice.payload["data"]["alerts"]] == list(SILENT)


@pytest.mark.parametrize(
    ("resolution", "expected"),
    [
        ("reported_late", "Kota Samarinda reported late for 18-11-2024 (19-11-2024 05:30 WITA)."),
        (
            "delivered_late",
            "Correction: Kota Samarinda reported in time for 18-11-2024; the report arrived only at "
            "19-11-2024 05:30 WITA.",
        ),
    ],
)
def test_end_of_a_missing_report(resolution: str, expected: str) -> None:
    """Whoever got the alarm is told of its end, with the time in the region's zone."""
    ended = alerts.resolved(missing("64.72"), at=utc("2024-11-18T21:30Z"), resolution=resolution, why="x")
    (change,) = ended["to_notice"]
    notice = notices.of_alert(ended, change, a_calendar())
    assert notice.payload["data"]["text"]["en"] == expected
    assert (notice.id, notice.change, notice.region) == ("missing-report:2024-11-18:64.72#2", "resolved", "64.72")
    assert notice.at == utc("2024-11-18T21:30Z")


def violation(zone: str = "Asia/Makassar", **data: Any) -> Notice:
    calendar = a_calendar(zones={"64.72": zone})
    incident = an_incident(utc("2024-11-25T02:00Z"), utc("2024-11-28T02:05Z"), region="64.72.01", **data)
    alert = quiet_period_violation.raised(
        empty("quiet-period-violation:bawaslu:i1"), incident, quiet_period.flags(calendar, incident)
    )
    return notices.of_alert(alert, alert["to_notice"][0], calendar)


@pytest.mark.parametrize(("zone", "local"), [("Asia/Jakarta", "09:00 WIB"), ("Asia/Jayapura", "11:00 WIT")])
def test_violation_in_words(zone: str, local: str) -> None:
    """Category in the reader's language, place, both times in the region's zone, who sent it, what happened."""
    text = violation(zone).payload["data"]["text"]
    assert text["id"].startswith(
        f"PELANGGARAN MASA TENANG di Palaran (Kota Samarinda): Politik uang, terjadi 25-11-2024 {local}, dilaporkan"
    )
    assert "Money politics" in text["en"]
    assert text["en"].endswith("by bawaslu. Amplop dibagikan di pasar.")


def test_text_of_somebody_else_is_only_text() -> None:
    """Braces in a description are no placeholders, and a long one is cut in the text, not in the alert."""
    assert "{names} {0} {" in violation(description="{names} {0} {").payload["data"]["text"]["en"]
    long = violation(description="x" * 4000).payload["data"]
    assert len(long["text"]["id"]) < 800
    assert len(long["alerts"][0]["details"]["description"]) == 4000


def test_unknown_category_and_region_are_named_as_they_are() -> None:
    """What has left the election file or the roster is still told."""
    calendar = a_calendar(Region("64.71", None, Level.REGENCY, "KOTA BALIKPAPAN"))
    incident = an_incident(utc("2024-11-25T02:00Z"), region="64.72", category="old-category")
    alert = quiet_period_violation.raised(
        empty("quiet-period-violation:a:b"), incident, quiet_period.flags(calendar, incident)
    )
    text = notices.of_alert(alert, alert["to_notice"][0], calendar).payload["data"]["text"]["en"]
    assert "in 64.72: old-category" in text


@pytest.mark.parametrize(
    ("unproven", "indonesian", "english"),
    [
        (
            Unproven(PARTITIONS_UNREAD, {"topic": "desk.reports", "partitions": [3, 11]}),
            "partisi 3, 11 dari desk.reports belum terbaca sampai akhir",
            "partitions 3, 11 of desk.reports are not read to their end",
        ),
        (
            Unproven(NO_PARTITIONS, {"topic": "desk.reports"}),
            "topik desk.reports tidak punya partisi",
            "the topic desk.reports has no partitions",
        ),
        (
            Unproven(KAFKA_AWAY, {"error": "TimeoutError"}),
            "Kafka tidak menjawab (TimeoutError)",
            "Kafka does not answer (TimeoutError)",
        ),
    ],
)
def test_about_ourselves(unproven: Unproven, indonesian: str, english: str) -> None:
    """Cannot evaluate: the period and why, each in its language alone, then the end."""
    alert = cannot_evaluate.raised(empty("cannot-evaluate:2024-11-18"), MONDAY, JUDGED, unproven)
    ended = cannot_evaluate.resolved(alert, JUDGED)
    told = [notices.of_alert(ended, change, a_calendar()).payload["data"] for change in ended["to_notice"]]
    assert [d["text"] for d in told] == [
        {
            "id": f"Belum dapat menilai laporan untuk 18-11-2024: {indonesian}.",
            "en": f"Reports for 18-11-2024 cannot be judged yet: {english}.",
        },
        {
            "id": "Kini sudah dinilai: laporan untuk 18-11-2024.",
            "en": "Reports for 18-11-2024 have been judged now.",
        },
    ]
    assert {d["region"] for d in told} == {SYSTEM}


def test_notices_are_deterministic() -> None:
    """Made again, a notice is the same; the webhook id is that of the delivery: another receiver, another id."""
    assert violation() == violation()
    ids = {notices.webhook_id(f"{violation().id}|{name}") for name in ("a", "b", "a")}
    assert len(ids) == 2
    assert all(i.startswith("msg_") and len(i) == 36 for i in ids)


@pytest.mark.parametrize(
    ("regions", "rules", "region", "wants"),
    [
        (("*",), None, "64.72", True),
        (("*",), None, "system", True),
        (("64",), None, "64.72.01", True),
        (("64.72",), None, "64.72.01", True),
        (("64.72",), None, "64.71", False),
        (("64.72",), None, "64", False),
        (("64.72", "64.71"), None, "64.71", True),
        (("64.72",), None, "system", True),  # what concerns the system concerns everyone
        (("*",), ("quiet-period-violation",), "64.72", True),
        (("*",), ("missing-report",), "64.72", False),
        ((), None, "64.72", False),
    ],
)
def test_who_is_told(regions: tuple[str, ...], rules: tuple[str, ...] | None, region: str, wants: bool) -> None:
    """A receiver is told of its rules in its regions and all below them."""
    chosen = {} if rules is None else {"rules": rules}
    receiver = ConsoleReceiver.model_validate({"name": "r", "channel": "console", "regions": regions, **chosen})
    assert receiver.wants(Concern("quiet-period-violation", region, Severity.CRITICAL)) is wants
