"""Reminders before a report is due: to those who have not reported, and only to them."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from services.notifier.moments.looking import Looking
from services.notifier.moments.moment_store import MomentStore
from services.notifier.moments.report_reminders import ReportReminders
from services.notifier.store import Store
from shared.election.calendar import Calendar
from shared.mongo import Document
from tests.builders import MONDAY, a_calendar, a_report, a_withdrawal, utc
from tests.service.notifier.conftest import JUDGED_AT, Bench, Crash, dying, receivers_of, until_idle, until_told

REMIND_AT, DUE = utc("2024-11-18T12:00Z"), utc("2024-11-18T16:00Z")  # 20.00 and 24.00 in Samarinda
HOUR = timedelta(hours=1)
TICK = timedelta(microseconds=1)


@pytest.fixture
def calendar() -> Calendar:
    rule = {"level": "regency", "from": MONDAY, "until": MONDAY, "remind_before": "4h"}
    return a_calendar(reports=[rule])


class Desk:
    """A notifier that reminds and judges, at an hour that a test sets."""

    def __init__(self, bench: Bench) -> None:
        self.bench, self.moments = bench, MomentStore(bench.store.database)
        self.reminders, self.looking = self.parts()
        receivers = receivers_of({"name": "samarinda", "regions": ["64.72"]}, {"name": "all"})
        self.planning = bench.planning(receivers)

    def parts(
        self, store: Store | None = None, moments: MomentStore | None = None, patience_s: float = 900
    ) -> tuple[ReportReminders, Looking]:
        bench, moments = self.bench, moments or self.moments
        reminders = ReportReminders(store or bench.store, bench.calendar)
        looking = Looking(moments, [reminders], bench.offsets, bench.clock, bench._database_now, patience_s)
        return reminders, looking

    async def at(self, instant: datetime) -> None:
        """All that is to be done at an hour."""
        self.bench.clock.fixed = instant
        await self.looking.plan()
        await self.bench.judge().step()
        await until_idle(self.looking.step, self.reminders.step, self.bench.settling().step)
        await until_told(self.planning)

    async def states(self) -> dict[str, str | None]:
        """Region -> how its reminder ended, None if it has not."""
        found = self.bench.store.database.alerts.find({"rule": "report-reminder"}).sort("_id", 1)
        return {d["region"]: d["resolution"] async for d in found}

    async def told(self) -> dict[str, str]:
        """Receiver -> what it was told of reminders."""
        data = [(d["receiver"], d["payload"]["data"]) for d in await self.bench.deliveries()]
        return {receiver: told["text"]["en"] for receiver, told in data if told["rule"] == "report-reminder"}


@pytest.fixture
def desk(bench: Bench) -> Desk:
    return Desk(bench)


async def test_who_has_not_reported_is_reminded(desk: Desk) -> None:
    """Once, in one message; its own desk of itself alone. That it reports, or is judged, is told to nobody."""
    await desk.bench.file(a_report(REMIND_AT - TICK, region="64.71"))
    await desk.at(REMIND_AT - TICK)
    assert await desk.states() == {}
    await desk.at(REMIND_AT)
    assert await desk.states() == {"64.02": None, "64.72": None}
    due = "due 19-11-2024 00:00 WITA"
    told = {
        "all": "REMINDER: no report for 18-11-2024 has been received from: "
        f"Kabupaten Kutai Kartanegara ({due}), Kota Samarinda ({due}).",
        "samarinda": "REMINDER: the report of Kota Samarinda for 18-11-2024 has not been received; it is "
        "due 19-11-2024 00:00 WITA.",
    }
    assert await desk.told() == told
    await desk.bench.file(a_report(REMIND_AT + HOUR, region="64.72"))
    await desk.at(REMIND_AT + HOUR)
    assert await desk.states() == {"64.02": None, "64.72": "reported"}
    await desk.at(JUDGED_AT)
    assert await desk.states() == {"64.02": "judged", "64.72": "reported"}
    assert await desk.told() == told


@pytest.mark.parametrize("silent", [["64.02"], []])
async def test_who_reports_while_the_reminder_waits_is_not_named(desk: Desk, silent: list[str]) -> None:
    """Reminders are told together, after `digest_wait`: nobody would tell anybody that one was wrong by then."""
    desk.planning = desk.bench.planning(receivers_of({"name": "all"}, digest_wait="1h"))
    await desk.bench.file(a_report(REMIND_AT - TICK, region="64.71"))
    await desk.at(REMIND_AT)
    for region in {"64.02", "64.72"} - set(silent):
        await desk.bench.file(a_report(REMIND_AT + TICK, region=region))
    await desk.at(REMIND_AT + HOUR)
    await desk.bench.store.database.digests.update_many({}, {"$set": {"due_at": utc("2024-01-01T00:00Z")}})
    await desk.at(REMIND_AT + HOUR)
    told = "REMINDER: the report of Kabupaten Kutai Kartanegara for 18-11-2024 has not been received; it is"
    assert await desk.told() == ({"all": f"{told} due 19-11-2024 00:00 WITA."} if silent else {})
    left = {"$or": [{"to_digest": {"$nin": [None, []]}}, {"digest": {"$ne": None}}]}
    assert await desk.bench.store.database.alerts.count_documents({"rule": "report-reminder", **left}) == 0


async def test_when_it_is_due_nobody_is_reminded_any_more(desk: Desk) -> None:
    """Neither again, nor of what was held until then, though the judgement comes only with the grace."""
    team: Document = {"name": "piket", "members": [{"name": "Budi", "receivers": ["asleep"]}]}
    team["quiet_hours"] = {"from": "19:00", "to": "00:30"}
    route = {"to": ["awake", "piket"], "rules": ["report-reminder"], "repeat_every": "1h"}
    receivers = receivers_of({"name": "awake"}, {"name": "asleep"}, teams=[team], routes=[route])
    desk.planning = desk.bench.planning(receivers)
    for hours in (0, 1, 3, 4.5, 5):
        await desk.at(REMIND_AT + hours * HOUR)
        await until_idle(desk.bench.releasing(receivers).step, desk.bench.escalating(receivers).step)
        await desk.bench.store.database.deliveries.update_many({"state": "pending"}, {"$set": {"state": "delivered"}})
    found = await desk.bench.deliveries()
    assert sorted(d["payload"]["timestamp"] for d in found if d["state"] == "delivered") == [
        REMIND_AT,
        REMIND_AT + HOUR,
        REMIND_AT + 3 * HOUR,
    ]
    (held,) = [d for d in found if d["receiver"] == "asleep" and d["payload"]["data"]["change"] == "raised"]
    assert held["suppressed_because"] == "no_longer_true"


async def test_a_report_that_is_withdrawn_again(desk: Desk) -> None:
    """Whoever has taken back what it reported is reminded like others."""
    await desk.bench.file(a_report(REMIND_AT - 2 * HOUR))
    await desk.bench.file(a_withdrawal(REMIND_AT - HOUR))
    await desk.at(REMIND_AT)
    assert "64.72" in await desk.states()


async def test_read_while_reminders_are_raised(desk: Desk) -> None:
    """A report that is read between the look and the alert ends the reminder, though nothing else will."""
    desk.bench.clock.fixed = REMIND_AT
    await desk.looking.plan()
    (moment,) = desk.reminders.moments()
    await desk.reminders.look(moment, REMIND_AT)
    await desk.bench.file(a_report(REMIND_AT + TICK))
    await desk.bench.store.database.obligations.update_many({}, {"$set": {"unended": 0}})
    await desk.at(REMIND_AT)
    assert (await desk.states())["64.72"] == "reported"


@pytest.mark.parametrize("proven_at", [DUE - TICK, DUE])
async def test_what_cannot_be_proven_waits(desk: Desk, proven_at: datetime) -> None:
    """Nobody is reminded who may have reported, nor when it is too late; no alert about ourselves is needed."""
    desk.bench.offsets.done = {0: 4}
    await desk.at(REMIND_AT)
    desk.bench.real_shift = timedelta(seconds=901)
    await desk.at(REMIND_AT)
    assert await desk.bench.alerts() == {}
    desk.bench.offsets.done = {0: 5}
    await desk.at(proven_at)
    assert len(await desk.states()) == (3 if proven_at < DUE else 0)


@pytest.mark.parametrize(
    ("where", "method"),
    [("store", "insert_new"), ("moments", "close"), ("moments", "keep_settled"), ("store", "update")],
)
async def test_dies_anywhere(desk: Desk, where: str, method: str) -> None:
    """Whoever comes next ends with the same reminders, told once."""
    await desk.bench.file(a_report(REMIND_AT + TICK, region="64.71"))
    desk.bench.clock.fixed = REMIND_AT
    if where == "store":
        reminders, looking = desk.parts(store=dying(desk.bench.store, method))
    else:
        reminders, looking = desk.parts(moments=dying(desk.moments, method))
    await looking.plan()
    with pytest.raises(Crash):
        await until_idle(looking.step, reminders.step)
    await desk.at(REMIND_AT + HOUR)
    assert await desk.states() == {"64.02": None, "64.72": None}
    assert len(await desk.told()) == 2


async def test_where_the_election_file_says_nothing(bench: Bench) -> None:
    """Nobody is reminded."""
    rule = {"level": "regency", "from": MONDAY, "until": MONDAY}
    assert not ReportReminders(bench.store, a_calendar(reports=[rule])).moments()
