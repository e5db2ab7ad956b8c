"""Held notices: written with the reason, told afterwards if still true, an end only to whom the alarm was told."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from services.notifier.alerts import alerts
from services.notifier.delivery.delivery_store import DeliveryStore
from services.notifier.holding import silences
from services.notifier.holding.silence_store import SilenceStore
from shared.events.incident_status import IncidentStatus
from tests.builders import a_report, a_status, an_incident, utc
from tests.service.notifier.conftest import JUDGED_AT, Bench, receivers_of, until_idle, until_told

Document = dict[str, Any]
NOW = utc("2024-11-25T02:10:00Z")
HOUR = timedelta(hours=1)
VIOLATION = "quiet-period-violation:bawaslu:i1"
A = receivers_of({"name": "a"})
PENDING: tuple[str, str | None] = ("pending", None)


async def silence(bench: Bench, until: datetime = NOW + 2 * HOUR, **changes: Any) -> str:
    plain = {"region": "64.72", "rule": None, "from_": NOW - HOUR, "until": until, "reason": "Banjir.", "by": "budi"}
    made = silences.made(**{"silence_id": "s", **plain, "at": NOW - HOUR, **changes})
    await SilenceStore(bench.store.database).add(made)
    return str(made["_id"])


async def violate(bench: Bench, event_id: str = "i1", region: str = "64.72") -> None:
    await bench.file(an_incident(utc("2024-11-25T02:00Z"), region=region, event_id=event_id))


async def say(bench: Bench, status: IncidentStatus, minute: int) -> None:
    await bench.file(a_status(NOW + timedelta(minutes=minute), status, event_id=f"s{minute}"))


async def fates(bench: Bench) -> dict[str, tuple[str, str | None]]:
    """By notice: state, and what holds it or why it is suppressed; without what held one that is released."""
    found = {}
    for d in await bench.deliveries():
        why = d.get("suppressed_because") if d["state"] == "suppressed" else d.get("held_by")
        found[d["notice"].removeprefix(VIOLATION)] = (d["state"], None if d["state"] == "pending" else why)
    return found


@pytest.fixture(autouse=True)
def on_the_25th(bench: Bench) -> None:
    bench.clock.fixed = NOW


async def test_a_silenced_notice_waits(bench: Bench) -> None:
    """It is held, with what holds it and until when, and nobody can claim it; others are told as ever."""
    await silence(bench)
    await violate(bench)
    await violate(bench, "i2", "64.02")
    await until_idle(bench.planning(A).step, bench.releasing().step)
    held, other = await bench.deliveries()
    assert (held["state"], held["held_by"], held["held_until"]) == ("held", "silence:s", NOW + 2 * HOUR)
    assert other["state"] == "pending"
    claimed = await DeliveryStore(bench.store.database).claim("a", "me", 30)
    assert claimed is not None
    assert claimed["_id"] == other["_id"]
    assert await DeliveryStore(bench.store.database).claim("a", "me", 30) is None


async def test_what_still_holds_is_told_when_the_silence_is_over(bench: Bench) -> None:
    """Not a moment earlier; its time to be tried counts from then; once."""
    await silence(bench)
    await violate(bench)
    await until_idle(bench.planning(A).step)
    bench.clock.fixed = NOW + 2 * HOUR - timedelta(milliseconds=1)
    await until_idle(bench.releasing().step)
    assert await fates(bench) == {"#1": ("held", "silence:s")}
    bench.clock.fixed = NOW + 2 * HOUR
    await until_idle(bench.releasing().step)
    (told,) = await bench.deliveries()
    assert (told["state"], bench.woken > 0) == ("pending", True)
    assert told["released_at"] >= told["planned_at"]
    await bench.store.database.deliveries.update_many({}, {"$set": {"state": "delivered"}})
    assert await bench.releasing().step() is False
    assert (await bench.deliveries())[0]["state"] == "delivered"


async def test_a_silence_that_is_ended_early_holds_no_longer(bench: Bench) -> None:
    """Whatever end was planned for it."""
    await silence(bench)
    await violate(bench)
    await until_idle(bench.planning(A).step)
    await SilenceStore(bench.store.database).end("s", "budi", NOW)
    await until_idle(bench.releasing().step)
    assert await fates(bench) == {"#1": PENDING}


@pytest.mark.parametrize(
    ("ends", "expected"), [(-timedelta(seconds=5), PENDING), (timedelta(seconds=5), ("held", "silence:s"))]
)
async def test_the_database_s_time_says_whether_a_silence_is_over(
    bench: Bench, ends: timedelta, expected: tuple[str, str | None]
) -> None:
    """Though silences are asked for before that is known: whatever was told before, and by whichever clock, an hour
    ahead say, a violation came in."""
    planning = bench.planning(A)
    await violate(bench, "i0", "64.02")
    await until_idle(planning.step)
    await silence(bench, until=NOW + ends)
    await bench.file(an_incident(NOW, NOW + HOUR))
    await until_idle(planning.step)
    assert (await fates(bench))["#1"] == expected


async def test_a_clock_that_is_set_back_ends_no_silence(bench: Bench) -> None:
    """What had ended by the time last seen lasts again by the time it is now: nobody is told meanwhile, though
    silences were asked for by the other."""
    planning = bench.planning(A)
    bench.clock.fixed = NOW + HOUR
    await violate(bench, "i0", "64.02")
    await until_idle(planning.step)
    await silence(bench, until=NOW + HOUR / 2)
    bench.clock.fixed = NOW
    await violate(bench)
    await until_idle(planning.step)
    assert (await fates(bench))["#1"] == ("held", "silence:s")


async def test_a_longer_silence_takes_over(bench: Bench) -> None:
    """When one is over and another still lasts, that one holds it."""
    await silence(bench)
    await violate(bench)
    await until_idle(bench.planning(A).step)
    await silence(bench, NOW + 5 * HOUR, silence_id="t")
    bench.clock.fixed = NOW + 3 * HOUR
    await until_idle(bench.releasing().step)
    assert await fates(bench) == {"#1": ("held", "silence:t")}
    bench.clock.fixed = NOW + 5 * HOUR
    await until_idle(bench.releasing().step)
    assert await fates(bench) == {"#1": PENDING}


async def test_neither_alarm_nor_end_of_what_came_and_went(bench: Bench) -> None:
    """Raised and dismissed in the silence: the end waits with its alarm, and nobody is told of either."""
    await silence(bench)
    await violate(bench)
    await until_idle(bench.planning(A).step)
    await say(bench, IncidentStatus.DISMISSED, 1)
    await until_idle(bench.planning(A).step, bench.releasing().step)
    assert await fates(bench) == {"#1": ("held", "silence:s"), "#2": ("held", "silence:s")}
    bench.clock.fixed = NOW + 2 * HOUR
    await until_idle(bench.releasing().step)
    assert await fates(bench) == {"#1": ("suppressed", "no_longer_true"), "#2": ("suppressed", "alarm_not_told")}
    await say(bench, IncidentStatus.VERIFIED, 125)
    await until_idle(bench.planning(A).step)
    assert (await fates(bench))["#3"] == PENDING
    await say(bench, IncidentStatus.DISMISSED, 130)
    await until_idle(bench.planning(A).step)
    assert (await fates(bench))["#4"] == PENDING


@pytest.mark.parametrize("state", ["pending", "delivered", "dead"])
async def test_the_end_of_a_told_alarm_is_held_and_told(bench: Bench, state: str) -> None:
    """The alarm was told before the silence began: its end is told after it."""
    await violate(bench)
    await until_idle(bench.planning(A).step)
    await bench.store.database.deliveries.update_many({}, {"$set": {"state": state}})
    await silence(bench)
    await say(bench, IncidentStatus.DISMISSED, 1)
    await until_idle(bench.planning(A).step, bench.releasing().step)
    assert (await fates(bench))["#2"] == ("held", "silence:s")
    bench.clock.fixed = NOW + 2 * HOUR
    await until_idle(bench.releasing().step)
    assert (await fates(bench))["#2"] == PENDING


async def test_of_several_held_alarms_the_last_is_told(bench: Bench) -> None:
    """Raised, dismissed, raised again, all in the silence: one message, that of the state that holds."""
    await silence(bench)
    await violate(bench)
    await say(bench, IncidentStatus.DISMISSED, 1)
    await say(bench, IncidentStatus.VERIFIED, 2)
    await until_idle(bench.planning(A).step)
    bench.clock.fixed = NOW + 2 * HOUR
    await until_idle(bench.releasing().step)
    assert await fates(bench) == {
        "#1": ("suppressed", "superseded"),
        "#2": ("suppressed", "no_longer_true"),
        "#3": PENDING,
    }


async def test_an_operator_may_have_it_sent_at_once(bench: Bench) -> None:
    """Also the end then follows."""
    await silence(bench)
    await violate(bench)
    await until_idle(bench.planning(A).step)
    assert await DeliveryStore(bench.store.database).retry(f"{VIOLATION}#1|a", "budi")
    await say(bench, IncidentStatus.DISMISSED, 1)
    await until_idle(bench.planning(A).step)
    bench.clock.fixed = NOW + 2 * HOUR
    await until_idle(bench.releasing().step)
    assert await fates(bench) == {"#1": PENDING, "#2": PENDING}


async def test_old_news_is_no_alarm(bench: Bench) -> None:
    """Of an alarm that was too old to be told the end is not told either, however fresh."""
    await violate(bench)
    bench.clock.fixed = NOW + timedelta(days=30)
    await until_idle(bench.planning(A).step)
    await say(bench, IncidentStatus.DISMISSED, 60 * 24 * 30)
    await until_idle(bench.planning(A).step)
    assert await fates(bench) == {"#1": ("suppressed", "too_old"), "#2": ("suppressed", "alarm_not_told")}


async def test_a_digest_waits_if_all_it_tells_is_silenced(bench: Bench) -> None:
    """A silence of one regency does not hold the digest of its province, one of the province does; whose report comes
    meanwhile is told of after it."""
    bench.clock.fixed = JUDGED_AT
    await silence(bench, JUDGED_AT + 2 * HOUR, region="64.72", from_=JUDGED_AT - HOUR)
    await bench.judge().step()
    b = receivers_of({"name": "a"}, {"name": "samarinda", "regions": ["64.72"]})
    await until_told(bench.planning(b), bench.settling().step)
    assert {d["receiver"]: d["state"] for d in await bench.deliveries()} == {"a": "pending", "samarinda": "held"}
    await bench.file(a_report(JUDGED_AT + HOUR, region="64.72"))
    await until_told(bench.planning(b), bench.settling().step)
    bench.clock.fixed = JUDGED_AT + 2 * HOUR
    await until_idle(bench.releasing().step)
    found = await bench.deliveries(**{"payload.data.change": "resolved"})
    ends = {d["receiver"]: d["state"] for d in found}
    assert ends == {"a": "pending", "samarinda": "suppressed"}


async def test_two_replicas_release_it_once(bench: Bench) -> None:
    """Who comes second finds it decided, and does not make it due anew."""
    await silence(bench)
    await violate(bench)
    await until_idle(bench.planning(A).step)
    bench.clock.fixed = NOW + 2 * HOUR
    (held,) = await bench.deliveries()
    slow = bench.releasing()
    await until_idle(bench.releasing().step)
    await bench.store.database.deliveries.update_many({}, {"$set": {"state": "delivered"}})
    assert await slow._decide(held, bench.clock.fixed) is False
    assert await fates(bench) == {"#1": ("delivered", "silence:s")}


INHIBIT = [{"by": "quiet-period-violation", "mutes": ["missing-report"]}]


@pytest.mark.parametrize(
    ("region", "state"), [("64.72", "held"), ("64", "held"), ("64.72.01", "pending"), ("64.02", "pending")]
)
async def test_an_alert_holds_back_others_below_it(bench: Bench, region: str, state: str) -> None:
    """Those of its region and below, of the rules that the receivers file says."""
    bench.clock.fixed = JUDGED_AT
    await violate(bench, region=region)
    await bench.judge().step()
    file = receivers_of({"name": "samarinda", "regions": ["64.72"], "rules": ["missing-report"]}, inhibit=INHIBIT)
    await until_told(bench.planning(file), bench.settling().step)
    (told,) = await bench.deliveries()
    assert (told["state"], told.get("held_by")) == (state, f"inhibition:{VIOLATION}" if state == "held" else None)


async def test_what_is_held_back_is_told_when_the_other_ends(bench: Bench) -> None:
    """If it is still true; an acknowledged alert holds back too; an end is never held back."""
    bench.clock.fixed = JUDGED_AT
    await violate(bench)
    await bench.judge().step()
    rules = {"rules": ["missing-report"]}
    file = receivers_of(
        {"name": "a", "regions": ["64.72"], **rules}, {"name": "b", "regions": ["64.71"], **rules}, inhibit=INHIBIT
    )
    await until_told(bench.planning(file), bench.settling().step)
    assert {d["receiver"]: d["state"] for d in await bench.deliveries()} == {"a": "held", "b": "pending"}
    acknowledge = partial(alerts.acknowledged, at=NOW, by="budi", note="")
    await bench.store.update(alerts.COLLECTION, VIOLATION, acknowledge)
    bench.clock.fixed = JUDGED_AT + 9 * HOUR
    assert await bench.releasing(file).step() is False
    await violate(bench, "i2", "64.71")
    await bench.file(a_report(JUDGED_AT + HOUR, region="64.71"))
    await until_told(bench.planning(file), bench.settling().step)
    (end,) = await bench.deliveries(**{"payload.data.change": "resolved"})
    assert end["state"] == "pending"
    await say(bench, IncidentStatus.DISMISSED, 1)
    await until_idle(bench.releasing(file).step)
    (told,) = await bench.deliveries(receiver="a")
    assert told["state"] == "pending"
