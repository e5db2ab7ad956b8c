"""Alerts that nobody acknowledges: others are told, those who know are told again, by digest where the rule is."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest

from services.notifier.alerts import alerts
from services.notifier.holding import silences
from services.notifier.holding.silence_store import SilenceStore
from services.notifier.routing.receivers import Receivers
from services.notifier.telling.planned_deliveries import PlannedDeliveries
from shared.events.incident_status import IncidentStatus
from tests.builders import a_report, a_status, an_incident, utc
from tests.service.notifier.conftest import JUDGED_AT, Bench, Crash, receivers_of, until_idle, until_told

Document = dict[str, Any]
NOW = utc("2024-11-25T02:10:00Z")
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
VIOLATION = "quiet-period-violation:bawaslu:i1"
NAMES = ("watch", "head", "governor")
ROUTE: Document = {
    "to": ["watch"],
    "repeat_every": "1h",
    "escalate": [{"after": "30m", "to": ["head"]}, {"after": "2h", "to": ["governor"]}],
}


def file(route: Document = ROUTE, **more: Any) -> Receivers:
    return receivers_of(*({"name": name} for name in NAMES), routes=[route], **more)


async def violate(bench: Bench) -> None:
    await bench.file(an_incident(utc("2024-11-25T02:00Z"), event_id="i1"))


class Watch:
    """A notifier's loops, turned at moments of the election's time that a test sets."""

    def __init__(self, bench: Bench, receivers: Receivers) -> None:
        self.bench, self.receivers = bench, receivers

    async def turn(self, at: datetime | None = None) -> None:
        """Then whatever is to be sent arrives."""
        await self.turn_without_sending(at)
        await self.bench.store.database.deliveries.update_many({"state": "pending"}, {"$set": {"state": "delivered"}})

    async def turn_without_sending(self, at: datetime | None = None) -> None:
        bench = self.bench
        bench.clock.fixed = at or bench.clock.fixed
        planning, releasing = bench.planning(self.receivers), bench.releasing(self.receivers)
        await until_told(planning, bench.settling().step, releasing.step)
        await until_idle(bench.escalating(self.receivers).step)

    async def told(self, state: str | None = "delivered") -> dict[str, list[str]]:
        """By receiver the changes it was told of, in order."""
        found: dict[str, list[str]] = {}
        wanted = {"state": state} if state else {}
        for d in sorted(await self.bench.deliveries(**wanted), key=lambda d: d["payload"]["timestamp"]):
            found.setdefault(d["receiver"], []).append(d["payload"]["data"]["change"])
        return found


@pytest.fixture
async def watch(bench: Bench) -> Watch:
    """A violation, told to the watch at 10:10 in Samarinda."""
    made = Watch(bench, file())
    await violate(bench)
    await made.turn(NOW)
    return made


async def test_step_by_step(watch: Watch) -> None:
    """After half an hour the head, after two the governor, the watch each hour; not a moment earlier, each once."""
    assert await watch.told() == {"watch": ["raised"]}
    await watch.turn(NOW + 30 * MINUTE - timedelta(seconds=1))
    assert await watch.told() == {"watch": ["raised"]}
    await watch.turn(NOW + 30 * MINUTE)
    assert await watch.told() == {"watch": ["raised"], "head": ["escalated"]}
    await watch.turn(NOW + 30 * MINUTE)
    for minute in (60, 61, 119):
        await watch.turn(NOW + minute * MINUTE)
    assert await watch.told() == {"watch": ["raised", "repeated"], "head": ["escalated"]}
    await watch.turn(NOW + 5 * HOUR)
    assert await watch.told() == {
        "watch": ["raised", "repeated", "repeated"],
        "head": ["escalated"],
        "governor": ["escalated"],
    }
    history = ((await watch.bench.store.alert(VIOLATION)) or {})["history"]
    assert [(h["what"], h["why"]) for h in history[1:]] == [
        ("escalated", "30m"),
        ("repeated", "1h"),
        ("escalated", "2h"),
        ("repeated", "5h"),
    ]


async def test_what_is_said(watch: Watch) -> None:
    """For how long nobody acknowledged it, and the alarm's own words."""
    await watch.turn(NOW + 30 * MINUTE)
    (raised,), (escalated,) = [await watch.bench.deliveries(receiver=name) for name in ("watch", "head")]
    said, says = (d["payload"]["data"]["text"] for d in (raised, escalated))
    assert says["en"] == f"NOT ACKNOWLEDGED for 30 min: {said['en']}"
    assert says["id"] == f"BELUM DITANGANI selama 30 menit: {said['id']}"
    assert escalated["payload"]["data"]["rule"] == "quiet-period-violation"
    assert escalated["payload"]["data"]["alerts"][0]["id"] == VIOLATION
    assert escalated["notice"] == f"{VIOLATION}!escalated@2024-11-25T02:40:00Z"


@pytest.mark.parametrize("end", ["acknowledged", "resolved"])
async def test_it_ends(watch: Watch, end: str) -> None:
    """Acknowledged or resolved, nobody is told any more; the end is told to all who got the alarm."""
    await watch.turn(NOW + 30 * MINUTE)
    bench = watch.bench
    if end == "acknowledged":
        change = partial(alerts.acknowledged, at=NOW + 31 * MINUTE, by="budi", note="")
        await bench.store.update(alerts.COLLECTION, VIOLATION, change)
    else:
        await bench.file(a_status(NOW + 31 * MINUTE, IncidentStatus.DISMISSED))
    before = await watch.told()
    await watch.turn(NOW + 9 * HOUR)
    ended = {name: changes[len(before.get(name, [])) :] for name, changes in (await watch.told()).items()}
    assert ended == dict.fromkeys(("watch", "head"), [] if end == "acknowledged" else ["resolved"])
    assert await bench.store.alerts_to_look_at(NOW + 99 * HOUR) == []


async def test_fired_again_it_presses_anew(watch: Watch) -> None:
    """From the beginning, counted from then."""
    bench = watch.bench
    await watch.turn(NOW + 30 * MINUTE)
    await bench.file(a_status(NOW + 31 * MINUTE, IncidentStatus.DISMISSED))
    await watch.turn(NOW + 31 * MINUTE)
    await bench.file(a_status(NOW + 5 * HOUR, IncidentStatus.VERIFIED, event_id="s2"))
    await watch.turn(NOW + 5 * HOUR)
    await watch.turn(NOW + 5 * HOUR + 29 * MINUTE)
    assert (await watch.told())["head"] == ["escalated", "resolved"]
    await watch.turn(NOW + 5 * HOUR + 30 * MINUTE)
    assert (await watch.told())["head"] == ["escalated", "resolved", "escalated"]


async def test_by_digest(bench: Bench) -> None:
    """Three missing are one message with names to the head, not three; without those who reported meanwhile."""
    watch = Watch(bench, file())
    await bench.judge().step()
    await watch.turn(JUDGED_AT)
    await bench.file(a_report(JUDGED_AT + 10 * MINUTE, region="64.72"))
    await watch.turn(JUDGED_AT + 10 * MINUTE)
    await watch.turn(JUDGED_AT + 30 * MINUTE)
    (told,) = await bench.deliveries(receiver="head")
    assert told["payload"]["data"]["text"] == {
        "en": "NOT ACKNOWLEDGED for 30 min: missing reports (18-11-2024): Kabupaten Kutai Kartanegara, "
        "Kota Balikpapan.",
        "id": "BELUM DITANGANI selama 30 menit: belum lapor (18-11-2024): Kabupaten Kutai Kartanegara, "
        "Kota Balikpapan.",
    }
    assert told["notice"] == "missing-report:2024-11-18:64!escalated@2024-11-18T18:30:00Z"
    assert told["alerts"] == ["missing-report:2024-11-18:64.02", "missing-report:2024-11-18:64.71"]
    await bench.file(a_report(JUDGED_AT + 40 * MINUTE, region="64.71"))
    await watch.turn(JUDGED_AT + 40 * MINUTE)
    _alarm, end = await bench.deliveries(receiver="head")
    assert end["payload"]["data"]["text"]["en"] == (
        "Kota Balikpapan reported late for 18-11-2024 (19-11-2024 02:40 WITA)."
    )


async def test_the_night_of_those_who_sleep_wakes_nobody_else(bench: Bench) -> None:
    """What is held in the watch's quiet hours is escalated to nobody: half an hour counts from the morning on."""
    team: Document = {"name": "piket", "members": [{"name": "Budi", "receivers": ["watch"]}]}
    team["quiet_hours"] = {"from": "22:00", "to": "06:00"}
    watch = Watch(bench, file({**ROUTE, "to": ["piket"]}, teams=[team]))
    await bench.judge().step()
    await watch.turn(JUDGED_AT)  # 02:00 in Samarinda
    (held,) = await bench.deliveries()
    morning = utc("2024-11-18T22:00:00Z")
    assert (held["state"], held["held_by"], held["held_until"]) == ("held", "quiet-hours:watch", morning)
    assert held["people"] == [{"team": "piket", "name": "Budi"}]
    await watch.turn(morning - MINUTE)
    assert await watch.told(None) == {"watch": ["raised"]}
    await watch.turn(morning)
    assert await watch.told() == {"watch": ["raised"]}
    await watch.turn(morning + 29 * MINUTE)
    assert await watch.told() == {"watch": ["raised"]}
    await watch.turn(morning + 31 * MINUTE)
    assert await watch.told() == {"watch": ["raised"], "head": ["escalated"]}


async def test_who_sleeps_gets_the_alarm_in_the_morning_and_no_reminder_of_it(bench: Bench) -> None:
    """Others were told at night, so that it presses: in the morning the digest itself comes, with all that it says."""
    team: Document = {"name": "piket", "members": [{"name": "Budi", "receivers": ["head"]}]}
    team["quiet_hours"] = {"from": "22:00", "to": "06:00"}
    watch = Watch(bench, file({"to": ["watch", "piket"], "repeat_every": "1h"}, teams=[team]))
    await bench.judge().step()
    for hour in range(4):
        await watch.turn(JUDGED_AT + hour * HOUR)
    assert (await watch.told())["watch"] == ["raised", "repeated", "repeated", "repeated"]
    await watch.turn(utc("2024-11-18T22:00:00Z"))
    (told,) = await bench.deliveries(receiver="head", state="delivered")
    assert told["payload"]["data"]["text"]["en"].startswith("Kalimantan Timur: 0/3 have reported")
    await watch.turn(utc("2024-11-18T23:00:00Z"))
    assert (await watch.told())["head"] == ["raised", "repeated"]


async def test_what_presses_waits_for_no_quiet_hours(bench: Bench) -> None:
    """A critical alert is told in the night."""
    team: Document = {"name": "piket", "members": [{"name": "Budi", "receivers": ["watch"]}]}
    team["quiet_hours"] = {"from": "00:00", "to": "23:59"}
    watch = Watch(bench, file({**ROUTE, "to": ["piket"]}, teams=[team]))
    await violate(bench)
    await watch.turn(NOW)
    assert await watch.told() == {"watch": ["raised"]}


async def test_a_silence_holds_the_steps_too(watch: Watch) -> None:
    """What was due meanwhile is told afterwards, of the reminders the last one, if nobody has acknowledged it."""
    silence = silences.made(
        "s", region="64", rule=None, from_=NOW, until=NOW + 3.5 * HOUR, reason="x", by="budi", at=NOW
    )
    await SilenceStore(watch.bench.store.database).add(silence)
    for minute in (30, 60, 120, 180):
        await watch.turn(NOW + minute * MINUTE)
    assert await watch.told("held") == {"head": ["escalated"], "governor": ["escalated"], "watch": ["repeated"] * 3}
    await watch.turn(NOW + 3.5 * HOUR)
    assert await watch.told() == {"watch": ["raised", "repeated"], "head": ["escalated"], "governor": ["escalated"]}


async def test_no_pile_of_reminders(bench: Bench) -> None:
    """A receiver that is away for hours gets the alarm when it is back, and one reminder at the next hour."""
    watch = Watch(bench, file())
    await violate(bench)
    await watch.turn_without_sending(NOW)
    for hour in (1, 2, 3):
        await watch.turn_without_sending(NOW + hour * HOUR)
    assert (await watch.told("suppressed")) == {"watch": ["repeated"] * 3}
    assert (await watch.told("pending"))["watch"] == ["raised"]
    await watch.turn(NOW + 3 * HOUR)
    await watch.turn(NOW + 4 * HOUR)
    assert (await watch.told())["watch"] == ["raised", "repeated"]


async def test_who_selects_without_a_route_is_told_once(bench: Bench) -> None:
    """Nothing presses where no route says so, and nothing is looked at again."""
    watch = Watch(bench, receivers_of({"name": "watch"}))
    await violate(bench)
    await watch.turn(NOW)
    await watch.turn(NOW + 48 * HOUR)
    assert await watch.told() == {"watch": ["raised"]}
    assert await bench.store.alerts_to_look_at(NOW + 99 * HOUR) == []


async def test_old_news_presses_nobody(bench: Bench) -> None:
    """What is too old to be told is too old to be escalated."""
    watch = Watch(bench, file())
    await violate(bench)
    await watch.turn(NOW + timedelta(days=8))
    await watch.turn(NOW + timedelta(days=9))
    assert await watch.told(None) == {"watch": ["raised"]}
    assert await watch.told() == {}


async def test_dies_between_plan_and_note(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same again, under the same ids; noted once."""
    bench, original = watch.bench, PlannedDeliveries.plan

    async def plan_and_die(*args: Any) -> None:
        await original(*args)
        raise Crash

    bench.clock.fixed = NOW + 30 * MINUTE
    monkeypatch.setattr(PlannedDeliveries, "plan", plan_and_die)
    with pytest.raises(Crash):
        await bench.escalating(watch.receivers).step()
    monkeypatch.undo()
    (before,) = await bench.deliveries(receiver="head")
    await watch.turn_without_sending()
    assert await bench.deliveries(receiver="head") == [before]
    whats = [h["what"] for h in ((await bench.store.alert(VIOLATION)) or {})["history"]]
    assert whats == ["raised", "escalated"]


async def test_two_replicas_press_once(watch: Watch) -> None:
    """Who read the alert before another noted it notes nothing."""
    bench = watch.bench
    bench.clock.fixed = NOW + 30 * MINUTE
    seen = await bench.store.alert(VIOLATION)
    assert seen is not None
    await watch.turn()
    await bench.escalating(watch.receivers)._look([seen], bench.clock.fixed)
    whats = [h["what"] for h in ((await bench.store.alert(VIOLATION)) or {})["history"]]
    assert (whats, await watch.told()) == (["raised", "escalated"], {"watch": ["raised"], "head": ["escalated"]})
