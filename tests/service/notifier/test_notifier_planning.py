"""Planning: one message with names, a delivery for each receiver, written before anything is sent."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from services.notifier.delivery.delivery_states import PENDING, SUPPRESSED
from services.notifier.delivery.delivery_store import DeliveryStore
from services.notifier.rules import missing_report
from shared.election.calendar import Calendar
from shared.election.config import Level
from shared.election.roster import Region
from shared.events.incident_status import IncidentStatus
from tests.builders import MONDAY, REGIONS, a_calendar, a_report, a_status, a_withdrawal, an_incident, utc
from tests.service.notifier.conftest import JUDGED_AT, Bench, receivers_of, until_idle, until_told

Document = dict[str, Any]
IN_TIME = utc("2024-11-18T08:00:00Z")
SERIES = "missing-report:2024-11-18:64"
DIGEST = f"{SERIES}@2024-11-18T18:00:00Z"


def english(delivery: Document) -> str:
    return str(delivery["payload"]["data"]["text"]["en"])


async def violate(bench: Bench, event_id: str = "i1", region: str = "64.72") -> None:
    await bench.file(an_incident(utc("2024-11-25T02:00Z"), region=region, event_id=event_id))


async def test_one_digest_for_each_receiver(bench: Bench) -> None:
    """Three missing are one message with names, for each receiver that is told of its province."""
    await bench.file(a_report(IN_TIME, region="64.72"))
    await bench.judge().step()
    receivers = receivers_of({"name": "a"}, {"name": "b", "regions": ["64"]}, {"name": "c", "regions": ["63"]})
    await until_told(bench.planning(receivers))
    planned = await bench.deliveries()
    assert [(d["_id"], d["state"]) for d in planned] == [(f"{DIGEST}|a", PENDING), (f"{DIGEST}|b", PENDING)]
    told = "Kalimantan Timur: 1/3 have reported for 18-11-2024; missing: Kabupaten Kutai Kartanegara, Kota Balikpapan."
    assert {english(d) for d in planned} == {told}
    assert planned[0]["alerts"] == ["missing-report:2024-11-18:64.02", "missing-report:2024-11-18:64.71"]
    assert planned[0]["webhook_id"] != planned[1]["webhook_id"]
    assert bench.woken > 0


async def test_a_receiver_of_one_regency_is_told_of_its_own(bench: Bench) -> None:
    """A regency's own desk is told of itself, and of nobody else; one whose regency reported is told nothing."""
    await bench.file(a_report(IN_TIME, region="64.72"))
    await bench.judge().step()
    receivers = receivers_of(
        {"name": "kukar", "regions": ["64.02"]},
        {"name": "samarinda", "regions": ["64.72"]},
        {"name": "two", "regions": ["64.71", "64.72"]},
        {"name": "district", "regions": ["64.71.01"]},
    )
    await until_told(bench.planning(receivers))
    assert {d["receiver"]: english(d) for d in await bench.deliveries()} == {
        "kukar": "Kalimantan Timur (your regions): 0/1 have reported for 18-11-2024; missing: "
        "Kabupaten Kutai Kartanegara.",
        "two": "Kalimantan Timur (your regions): 1/2 have reported for 18-11-2024; missing: Kota Balikpapan.",
    }


async def test_one_digest_a_province(bench: Bench) -> None:
    """Two provinces are two messages, not one for each of their regions."""
    more = (
        Region("63", None, Level.PROVINCE, "KALIMANTAN SELATAN"),
        *(Region(f"63.{n:02}", "63", Level.REGENCY, f"KABUPATEN {n}") for n in range(1, 14)),
    )
    calendar: Calendar = a_calendar(*REGIONS, *more, reports=[{"level": "regency", "from": MONDAY, "until": MONDAY}])
    both = Bench(bench.store, calendar, bench.client)
    await both.judge().plan()
    await both.judge().step()
    await until_idle(both.planning(receivers_of({"name": "a"})).step)
    assert [english(d).partition(" have")[0] for d in await both.deliveries()] == [
        "Kalimantan Selatan: 0/13",
        "Kalimantan Timur: 0/3",
    ]


async def test_planning_twice_adds_nothing(bench: Bench) -> None:
    """A process that dies before the mark plans again: the same deliveries, also one that is delivered already."""
    await bench.judge().step()
    await violate(bench)
    violation = await bench.store.database.alerts.find_one()
    assert violation is not None
    planning = bench.planning(receivers_of({"name": "a"}))
    await until_told(planning)
    before = await bench.deliveries()
    assert len(before) == 2
    await bench.store.database.deliveries.update_one({"_id": before[0]["_id"]}, {"$set": {"state": "delivered"}})
    await bench.store.database.judgements.update_many({}, {"$set": {"is_noticed": False}})
    told = {"$set": {"to_notice": violation["to_notice"]}}
    await bench.store.database.alerts.update_one({"_id": violation["_id"]}, told)
    await until_told(planning)
    after = await bench.deliveries()
    assert [d["_id"] for d in after] == [d["_id"] for d in before]
    assert (after[0]["state"], after[0]["attempts"]) == ("delivered", [])
    assert await planning.step() is False


async def test_end_is_told_to_those_who_got_the_alarm(bench: Bench) -> None:
    """A late report is told after the digest of the judgement, in one of its own."""
    await bench.judge().step()
    planning = bench.planning(receivers_of({"name": "a"}))
    await until_told(planning, bench.settling().step)
    await bench.file(a_report(JUDGED_AT + timedelta(hours=1), region="64.72"))
    await until_told(planning, bench.settling().step)
    ids = [d["_id"] for d in await bench.deliveries()]
    assert ids == [f"{DIGEST}|a", f"{SERIES}~1-resolved|a"]
    assert english((await bench.deliveries())[1]) == (
        "Kota Samarinda reported late for 18-11-2024 (19-11-2024 03:00 WITA). Kalimantan Timur: 1/3 have reported for "
        "18-11-2024; missing: Kabupaten Kutai Kartanegara, Kota Balikpapan."
    )


async def test_a_withdrawal_is_told_after_the_digest(bench: Bench) -> None:
    """After the digest: who reported is missing again, or for the first time, and why; then that it has reported."""
    await bench.file(a_report(IN_TIME, region="64.72"))
    await bench.judge().step()
    planning = bench.planning(receivers_of({"name": "a"}))
    await until_told(planning, bench.settling().step)
    await bench.file(a_withdrawal(JUDGED_AT + timedelta(hours=1)))
    await until_told(planning, bench.settling().step)
    await bench.file(a_report(JUDGED_AT + timedelta(hours=2), event_id="r2"))
    await bench.file(a_withdrawal(JUDGED_AT + timedelta(hours=3), "r2", event_id="w2", reason="Minggu lain {x}."))
    await until_told(planning, bench.settling().step)  # two changes at once: each is told as it was
    told = {d["notice"]: english(d) for d in await bench.deliveries()}
    others = "for 18-11-2024; missing: Kabupaten Kutai Kartanegara, Kota Balikpapan"
    nobody = f"Kalimantan Timur: 0/3 have reported {others}, Kota Samarinda."
    assert told == {
        DIGEST: f"Kalimantan Timur: 1/3 have reported {others}.",
        f"{SERIES}~1-raised": "Kota Samarinda: the report for 18-11-2024 was withdrawn by samarinda-desk "
        f"(19-11-2024 03:00 WITA) and there is no other. Reason: Salah wilayah. {nobody}",
        f"{SERIES}~2-resolved": "Kota Samarinda reported late for 18-11-2024 (19-11-2024 04:00 WITA).",
        f"{SERIES}~3-raised_again": "Kota Samarinda: missing again for 18-11-2024; its report was withdrawn by "
        f"samarinda-desk (19-11-2024 05:00 WITA). Reason: Minggu lain {{x}}. {nobody}",
    }


async def test_withdrawn_before_it_was_judged_is_in_the_digest(bench: Bench) -> None:
    """One message with names: whoever is missing when it is judged, for whatever reason."""
    await bench.file(a_report(IN_TIME, region="64.72"))
    await bench.file(a_withdrawal(IN_TIME + timedelta(hours=1)))
    await bench.judge().step()
    await until_told(bench.planning(receivers_of({"name": "a"})), bench.settling().step)
    assert [english(d) for d in await bench.deliveries()] == [
        "Kalimantan Timur: 0/3 have reported for 18-11-2024; missing: Kabupaten Kutai Kartanegara, Kota Balikpapan, "
        "Kota Samarinda."
    ]


async def test_a_dismissal_is_told_to_those_who_got_the_alarm(bench: Bench) -> None:
    """Raised, dismissed, raised again: each to the receivers of the first, with who said it and when."""
    await violate(bench)
    planning = bench.planning(
        receivers_of({"name": "a"}, {"name": "b", "regions": ["64.72"]}, {"name": "c", "regions": ["64.71"]})
    )
    await until_told(planning)
    dismissed = IncidentStatus.DISMISSED
    await bench.file(a_status(utc("2024-11-26T02:00Z"), dismissed, note="Tidak cukup bukti."))
    await bench.file(a_status(utc("2024-11-26T03:00Z"), IncidentStatus.FORWARDED, event_id="s2"))
    await until_told(planning)
    told = {d["_id"]: english(d) for d in await bench.deliveries()}
    alert = "quiet-period-violation:bawaslu:i1"
    assert set(told) == {f"{alert}#{n}|{name}" for n in (1, 2, 3) for name in ("a", "b")}
    assert told[f"{alert}#2|a"] == (
        "The violation in Kota Samarinda was dismissed by province-desk (26-11-2024 10:00 WITA): Money politics, "
        "occurred 25-11-2024 10:00 WITA, reported by bawaslu. Note: Tidak cukup bukti."
    )
    assert told[f"{alert}#3|b"] == (
        "QUIET-PERIOD VIOLATION in Kota Samarinda stands again: Money politics, occurred 25-11-2024 10:00 WITA, "
        "reported by bawaslu; now forwarded, says province-desk (26-11-2024 11:00 WITA). Note: none"
    )


async def test_violations_go_out_one_by_one(bench: Bench) -> None:
    """Each violation is its own message, to those whose rules and regions it concerns."""
    await violate(bench, "i1", "64.72.01")
    await violate(bench, "i2", "64.02")
    receivers = receivers_of(
        {"name": "all"},
        {"name": "samarinda", "regions": ["64.72"]},
        {"name": "reports-only", "rules": ["missing-report"]},
    )
    await until_told(bench.planning(receivers))
    assert [d["_id"] for d in await bench.deliveries()] == [
        "quiet-period-violation:bawaslu:i1#1|all",
        "quiet-period-violation:bawaslu:i1#1|samarinda",
        "quiet-period-violation:bawaslu:i2#1|all",
    ]


@pytest.mark.parametrize(
    ("age", "state"), [(timedelta(days=2), PENDING), (timedelta(days=2, milliseconds=1), SUPPRESSED)]
)
async def test_old_news_is_suppressed(bench: Bench, age: timedelta, state: str) -> None:
    """A notice older than `max_notice_age` is stored, not sent: a replay wakes nobody."""
    await violate(bench)
    alert = await bench.store.database.alerts.find_one()
    assert alert is not None
    bench.clock.fixed = alert["raised_at"] + age
    await until_told(bench.planning(receivers_of({"name": "a"}, max_notice_age="2d")))
    assert [d["state"] for d in await bench.deliveries()] == [state]
    assert await DeliveryStore(bench.store.database).claim("a", "me", 30) is None or state == PENDING


async def test_a_change_that_comes_meanwhile_is_not_lost(bench: Bench) -> None:
    """An alert that is resolved while its raising is planned is told of its end too."""
    await violate(bench)
    planning, alert_id = bench.planning(receivers_of({"name": "a"})), "quiet-period-violation:bawaslu:i1"
    seen = await bench.store.database.alerts.find_one({"_id": alert_id})
    assert seen is not None
    await bench.file(a_status(utc("2024-11-26T02:00Z"), IncidentStatus.DISMISSED))
    await planning._plan_alert(seen)  # what a slow replica read before
    await until_told(planning)
    assert [d["notice"] for d in await bench.deliveries()] == [f"{alert_id}#1", f"{alert_id}#2"]


async def test_digest_raises_what_is_not_settled_yet(bench: Bench) -> None:
    """Planning does not wait for settling: whoever comes first raises the alert, once."""
    await bench.judge().step()
    assert await bench.alerts() == {}
    await until_told(bench.planning(receivers_of({"name": "a"})), bench.settling().step)
    assert set(await bench.alerts()) == {missing_report.alert_id(MONDAY, r) for r in ("64.02", "64.71", "64.72")}
    found = await bench.store.database.alerts.find_one({"_id": "missing-report:2024-11-18:64.72"})
    assert found is not None
    assert found["revision"] == 1
