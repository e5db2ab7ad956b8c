"""Logistics: what a regency lacks at each step towards the line is told, when the log proves it."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from services.notifier.moments.logistics_watch import LogisticsWatch
from services.notifier.moments.looking import Looking
from services.notifier.moments.moment_store import MomentStore
from services.notifier.store import Store
from shared import mongo
from shared.election.calendar import Calendar
from shared.mongo import Document
from tests.builders import MONDAY, a_calendar, a_stock, utc
from tests.service.notifier.conftest import Bench, Crash, dying, receivers_of, until_idle, until_told

D7, D3 = utc("2024-11-19T16:00Z"), utc("2024-11-23T16:00Z")
D1, LINE = utc("2024-11-25T16:00Z"), utc("2024-11-26T16:00Z")
HOUR = timedelta(hours=1)
BOTH = ("64.02", "64.72")


@pytest.fixture
def calendar() -> Calendar:
    """Balikpapan needs nothing at all, the others one item."""
    rule = {"level": "regency", "from": MONDAY, "until": MONDAY}
    made = a_calendar(reports=[rule])
    items = {slug: item for slug, item in made.election.logistics.items.items() if slug == "ink"}
    ink = items["ink"].model_copy(update={"regions": BOTH})
    supplies = made.election.logistics.model_copy(update={"items": {"ink": ink}})
    return Calendar(made.election.model_copy(update={"logistics": supplies}), made.roster)


class Desk:
    """A notifier that looks at logistics, at an hour that a test sets."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.moments = MomentStore(bench.store.database)
        self.watch, self.looking = self.parts()
        self.planning = bench.planning(receivers_of({"name": "a", "rules": ["logistics", "cannot-evaluate"]}))

    def parts(
        self, store: Store | None = None, moments: MomentStore | None = None, patience_s: float = 900
    ) -> tuple[LogisticsWatch, Looking]:
        bench, moments = self.bench, moments or self.moments

        async def now() -> datetime:
            return bench.clock.now()

        watch = LogisticsWatch(store or bench.store, moments, bench.calendar, now)
        looking = Looking(moments, [watch], bench.offsets, bench.clock, bench._database_now, patience_s)
        return watch, looking

    async def at(self, instant: datetime) -> None:
        """All that is to be done at an hour."""
        self.bench.clock.fixed = instant
        await self.looking.plan()
        await until_idle(self.looking.step, self.watch.step)
        await until_told(self.planning)

    async def state(self, pieces: int, as_of: datetime, region: str = "64.72", required: int = 10) -> None:
        stated = a_stock(as_of, pieces, region=region, item="ink", required=required, event_id=f"{region}@{as_of}")
        await self.bench.file(stated)

    async def told(self) -> list[str]:
        """What was told of which alert, in the order of planning."""
        found = self.bench.store.database.deliveries.find().sort("planned_at", 1)
        return [f"{d['payload']['data']['change']} {alert}" async for d in found for alert in d["alerts"]]

    async def texts(self) -> list[str]:
        found = self.bench.store.database.deliveries.find().sort("planned_at", 1)
        return [d["payload"]["data"]["text"]["en"] async for d in found]

    async def alert(self, alert_id: str) -> Document:
        found = await self.bench.store.alert(alert_id)
        assert found is not None
        return found


@pytest.fixture
async def desk(bench: Bench) -> Desk:
    return Desk(bench)


async def test_the_way_to_the_line(desk: Desk) -> None:
    """Each step is told once of who lacks something, the earlier one ends without a word, the last receipt is told."""
    await desk.at(D7 - HOUR)
    assert await desk.bench.alerts() == {}
    await desk.at(D7)
    assert await desk.bench.alerts() == {f"logistics:{region}:D-7": "firing" for region in BOTH}
    await desk.state(10, D7 + HOUR, "64.02")
    await desk.state(4, D7 + HOUR)
    await desk.at(D3)
    await desk.at(D1)
    await desk.state(10, D1 + HOUR)
    await desk.at(D1 + 2 * HOUR)
    await desk.at(LINE)
    assert {name: (await desk.alert(name))["resolution"] for name in await desk.bench.alerts()} == {
        "logistics:64.02:D-7": "received",
        "logistics:64.72:D-7": "superseded",
        "logistics:64.72:D-3": "superseded",
        "logistics:64.72:D-1": "received",
    }
    assert sorted(await desk.told()) == [
        "raised logistics:64.02:D-7",
        "raised logistics:64.72:D-1",
        "raised logistics:64.72:D-3",
        "raised logistics:64.72:D-7",
        "resolved logistics:64.02:D-7",
        "resolved logistics:64.72:D-1",
    ]
    assert (await desk.texts())[:3] == [
        "Logistics are not complete: Kabupaten Kutai Kartanegara (D-7, line 27-11-2024; not received: Ink), "
        "Kota Samarinda (D-7, line 27-11-2024; not received: Ink). "
        "Kalimantan Timur: regencies without all their logistics: Kabupaten Kutai Kartanegara, Kota Samarinda.",
        "Kabupaten Kutai Kartanegara: all logistics have been received (20-11-2024 01:05 WITA; line 27-11-2024). "
        "Kalimantan Timur: regencies without all their logistics: Kota Samarinda.",
        "Kota Samarinda: logistics are not complete (D-3; line 27-11-2024); not received: Ink 4/10. "
        "Kalimantan Timur: regencies without all their logistics: Kota Samarinda.",
    ]


async def test_who_is_told_of_one_regency_is_not_told_that_all_are_complete(desk: Desk) -> None:
    """Samarinda's own desk is told how its regencies stand, and that it is theirs alone."""
    desk.planning = desk.bench.planning(receivers_of({"name": "a", "rules": ["logistics"], "regions": ["64.72"]}))
    await desk.at(D7)
    await desk.state(10, D7 + HOUR)
    await desk.at(D7 + 2 * HOUR)
    _alarm, end = await desk.texts()
    assert end.endswith("Kalimantan Timur (your regions): logistics are complete in all regencies.")


async def test_too_late_for_the_line(desk: Desk) -> None:
    """What comes at the line is not there by it; it is told, and so is its coming. A later correction fires again."""
    await desk.at(D1)
    await desk.bench.file(a_stock(LINE - HOUR, 10, received=LINE, item="ink", required=10, event_id="at the line"))
    await desk.at(LINE + HOUR)
    alert = await desk.alert("logistics:64.72:line")
    assert [h["why"] for h in alert["history"]] == ["not_complete", "received"]
    assert alert["history"][0]["at"] <= alert["resolved_at"]
    await desk.state(9, LINE + 2 * HOUR)
    await desk.at(LINE + 3 * HOUR)
    assert (await desk.alert("logistics:64.72:line"))["state"] == "firing"
    told = [line for line in await desk.told() if line.endswith("64.72:line")]
    assert told == [f"{change} logistics:64.72:line" for change in ("raised", "resolved", "raised_again")]


async def test_complete_and_taken_back(desk: Desk) -> None:
    """Of who was complete at a step, the alert of that step fires when something is missing after all."""
    await desk.state(10, D7 - HOUR)
    await desk.at(D3)
    assert "logistics:64.72:D-3" not in await desk.bench.alerts()
    await desk.state(8, D3 + HOUR)
    await desk.at(D3 + 2 * HOUR)
    assert (await desk.bench.alerts())["logistics:64.72:D-3"] == "firing"
    assert "logistics:64.72:D-7" not in await desk.bench.alerts()


async def test_a_notifier_that_was_down_for_days_tells_of_the_last_step_alone(desk: Desk) -> None:
    """The earlier alerts are in the record, as of what was there then; nobody is told the same thing four times."""
    await desk.state(4, D7 - HOUR, "64.02")
    await desk.state(10, D7 + HOUR, "64.02")
    await desk.at(LINE + HOUR)
    assert await desk.bench.alerts() == {
        "logistics:64.02:D-7": "resolved",
        **{f"logistics:64.72:{step}": "resolved" for step in ("D-1", "D-3", "D-7")},
        "logistics:64.72:line": "firing",
    }
    assert await desk.told() == ["raised logistics:64.72:line"]


async def test_statements_of_districts_are_no_regencys_stock(desk: Desk) -> None:
    await desk.at(D3)
    await desk.state(1, D3 + HOUR, "64.72.01")
    await desk.at(D3 + 2 * HOUR)
    assert not [name for name in await desk.bench.alerts() if "64.72.01" in name]


async def test_what_cannot_be_proven_waits(desk: Desk) -> None:
    """Nothing is raised while the log up to the step is not read; one alert about ourselves says so, and ends."""
    desk.bench.offsets.done = {0: 4}
    await desk.at(D3)
    assert await desk.bench.alerts() == {}
    desk.bench.real_shift = timedelta(seconds=901)
    await desk.at(D3)
    moments = [f"cannot-evaluate:logistics:2024-11-27:{name}" for name in ("D-3@2024-11-23", "D-7@2024-11-19")]
    assert await desk.bench.alerts() == {f"{name}T16:00:00Z": "firing" for name in moments}
    assert len(await desk.told()) == 2
    await desk.state(10, D3 - HOUR)  # it was in the log all the time
    desk.bench.offsets.done = {0: 5}
    await desk.at(D3 + HOUR)
    assert await desk.bench.alerts() == {
        **{f"{name}T16:00:00Z": "resolved" for name in moments},
        "logistics:64.02:D-3": "firing",
        "logistics:64.02:D-7": "resolved",
        "logistics:64.72:D-7": "resolved",
    }


@pytest.mark.parametrize(
    ("where", "method", "after_calls"),
    [
        *(("store", "update", n) for n in range(6)),
        ("moments", "close", 0),
        ("moments", "keep_settled", 0),
        ("store", "take_off", 0),
    ],
)
async def test_dies_anywhere(desk: Desk, where: str, method: str, after_calls: int) -> None:
    """Whoever comes next ends with the same alerts, each told once."""
    await desk.at(D7)
    await desk.state(4, D7 + HOUR)
    await desk.state(10, D3 - HOUR, "64.02")
    desk.bench.clock.fixed = D3 + HOUR
    if where == "store":
        watch, looking = desk.parts(store=dying(desk.bench.store, method, after_calls))
    else:
        watch, looking = desk.parts(moments=dying(desk.moments, method, after_calls))
    with pytest.raises(Crash):
        await until_idle(looking.step, watch.step)
    await desk.at(D3 + HOUR)
    assert {name: (await desk.alert(name))["resolution"] for name in await desk.bench.alerts()} == {
        "logistics:64.02:D-7": "received",
        "logistics:64.72:D-7": "superseded",
        "logistics:64.72:D-3": None,
    }
    assert sorted(await desk.told()) == [
        "raised logistics:64.02:D-7",
        "raised logistics:64.72:D-3",
        "raised logistics:64.72:D-7",
        "resolved logistics:64.02:D-7",
    ]


async def test_a_receipt_between_the_look_and_its_end(desk: Desk) -> None:
    """A statement that is settled before the step is closed is not lost: whoever closes it settles again."""
    desk.bench.clock.fixed = D7
    await desk.looking.plan()
    ((moment, _),) = [(m, 0) for m in desk.watch.moments() if m.name == "2024-11-27:D-7"]
    await desk.watch.look(moment, D7)
    await desk.state(10, D7 + HOUR)
    await until_idle(desk.watch.step)
    assert (await desk.bench.alerts())["logistics:64.72:D-7"] == "firing"
    await desk.at(D7 + HOUR)
    assert (await desk.bench.alerts())["logistics:64.72:D-7"] == "resolved"


async def test_a_moment_of_another_election_file_is_nobodys(desk: Desk) -> None:
    """Nothing is looked at that this file does not know, and it stops nothing."""
    await mongo.database(desk.bench.client, "test_notifier").moments.insert_one(
        {"_id": "logistics:other", "rule": "logistics", "at": D7, "state": "open", "is_settled": True}
    )
    await desk.at(D7)
    assert len(await desk.bench.alerts()) == 2
