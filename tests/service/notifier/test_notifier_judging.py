"""The judge: no false alarm, no silent miss, whoever dies when and however many judge."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from pymongo.errors import AutoReconnect

from services.notifier.store import Store
from services.notifier.verdicts import roll_call
from tests.builders import MONDAY, a_calendar, a_report, a_withdrawal, utc
from tests.service.notifier.conftest import JUDGED_AT, Bench, Crash, dying, receivers_of, until_idle, until_told

IN_TIME = utc("2024-11-18T08:00:00Z")
ALL_SILENT = {"64.02": ["missing"], "64.71": ["missing"], "64.72": ["missing"]}


async def test_nothing_before_the_moment(bench: Bench) -> None:
    """A microsecond before due + grace nobody is judged, whatever is read."""
    bench.clock.fixed = JUDGED_AT - timedelta(microseconds=1000)  # the database keeps milliseconds
    assert await bench.judge().step() is False
    assert await bench.verdicts() == {}


async def test_exactly_the_silent_ones_are_missing(bench: Bench) -> None:
    """At that moment, all read: who reported keeps its verdict, the others are missing."""
    await bench.file(a_report(IN_TIME, region="64.72"))
    assert await bench.judge().step() is True
    assert await bench.verdicts() == {"64.02": ["missing"], "64.71": ["missing"], "64.72": ["on_time"]}
    assert await bench.in_digest() == ["64.02", "64.71"]
    judgement = await bench.store.database.judgements.find_one()
    assert judgement is not None
    assert judgement["state"] == "closed"
    assert await bench.judge().step() is False


async def test_everyone_reported(bench: Bench) -> None:
    """Nobody missing: no verdict of ours, no digest to write."""
    for region in ("64.02", "64.71", "64.72"):
        await bench.file(a_report(IN_TIME, region=region))
    await until_idle(bench.judge().step, bench.planning(receivers_of({"name": "all"})).step)
    assert await bench.verdicts() == {r: ["on_time"] for r in ("64.02", "64.71", "64.72")}
    assert await bench.deliveries() == []


@pytest.mark.parametrize("problem", ["behind", "never committed", "kafka away", "no partitions", "another log"])
async def test_what_cannot_be_proven_waits(bench: Bench, problem: str) -> None:
    """While it cannot be shown that everything accepted has been read, nobody is called missing."""
    if problem == "behind":
        bench.offsets.done = {0: 4}
    elif problem == "never committed":
        bench.offsets.done = {}
    elif problem == "kafka away":
        bench.offsets.is_away = True
    elif problem == "another log":
        bench.offsets.is_another_log = True
    else:
        bench.offsets.log = {}
    for _ in range(3):
        assert await bench.judge().step() is False
    assert await bench.verdicts() == {}
    assert await bench.alerts() == {}


async def test_ends_are_taken_once_and_by_the_first(bench: Bench) -> None:
    """What is written after the moment of judgement need not be read for it: the first end offsets hold."""
    bench.offsets.done = {0: 4}
    await bench.judge().step()
    bench.offsets.log = {0: (0, 500), 1: (0, 500)}
    assert await bench.judge().step() is False
    bench.offsets.done = {0: 5}
    assert await bench.judge().step() is True
    assert await bench.verdicts() == ALL_SILENT


@pytest.mark.expect_errors("cannot_evaluate")
async def test_bounded_wait(bench: Bench) -> None:
    """After it: once, undetermined for who has no verdict and one alert about ourselves; then judged and resolved."""
    await bench.file(a_report(IN_TIME, region="64.72"))
    bench.offsets.done = {0: 4}
    judge = bench.judge(undetermined_after_s=900)
    await judge.step()
    bench.real_shift = timedelta(seconds=899)
    await judge.step()
    assert await bench.alerts() == {}
    bench.real_shift = timedelta(seconds=901)
    for _ in range(3):
        assert await judge.step() is False
    assert await bench.verdicts() == {"64.02": ["undetermined"], "64.71": ["undetermined"], "64.72": ["on_time"]}
    alert = await bench.store.database.alerts.find_one()
    assert alert is not None
    assert (alert["_id"], alert["state"], alert["revision"]) == ("cannot-evaluate:2024-11-18", "firing", 1)
    assert alert["details"] == {"reason": "partitions_unread", "values": {"topic": "desk.reports", "partitions": [0]}}
    assert await bench.settling().step() is False  # undetermined raises no alarm

    bench.offsets.done = {0: 5}
    await judge.step()
    assert (await bench.verdicts())["64.02"] == ["undetermined", "missing"]
    assert (await bench.verdicts())["64.72"] == ["on_time"]
    assert (await bench.alerts())["cannot-evaluate:2024-11-18"] == "resolved"


@pytest.mark.expect_errors("cannot_evaluate")
async def test_more_time_is_given_while_all_is_undetermined(bench: Bench) -> None:
    """Kafka hung when it was to be judged, and the desk gives everybody six more hours in the file: who is silent then
    is missing, and the digest of that moment says so."""
    bench.offsets.done = {0: 4}
    bench.real_shift = timedelta(hours=1)
    await bench.judge().step()
    assert await bench.verdicts() == {region: ["undetermined"] for region in ALL_SILENT}
    bench.calendar = a_calendar(reports=[{"level": "regency", "grace": "8h", "from": MONDAY, "until": MONDAY}])
    bench.offsets.done = {0: 5}
    judge, planning = bench.judge(), bench.planning(receivers_of({"name": "all"}))
    await judge.plan()
    bench.clock.fixed = JUDGED_AT + timedelta(hours=6)
    await until_told(planning, judge.step, bench.settling().step)
    assert await bench.verdicts() == {region: ["undetermined", "missing"] for region in ALL_SILENT}
    notices = [d["payload"]["data"]["notice"] for d in await bench.deliveries()]
    assert "missing-report:2024-11-18:64@2024-11-19T00:00:00Z" in notices


@pytest.mark.expect_errors("cannot_evaluate")
async def test_report_after_undetermined(bench: Bench) -> None:
    """A report that is read after all beats undetermined, and its region is not called missing then."""
    bench.offsets.done = {0: 4}
    bench.real_shift = timedelta(hours=1)
    await bench.judge().step()
    await bench.file(a_report(IN_TIME, region="64.71"))
    bench.offsets.done = {0: 5}
    await until_idle(bench.judge().step, bench.settling().step)
    assert (await bench.verdicts())["64.71"] == ["undetermined", "on_time"]
    assert "missing-report:2024-11-18:64.71" not in await bench.alerts()


async def test_withdrawn_before_the_moment_is_judged_like_any_other(bench: Bench) -> None:
    """Pending again until due + grace, then missing, and counted in the judgement."""
    await bench.file(a_report(IN_TIME, region="64.72"))
    await bench.file(a_withdrawal(JUDGED_AT - timedelta(hours=1)))
    bench.clock.fixed = JUDGED_AT - timedelta(minutes=1)
    await bench.judge().step()
    assert await bench.verdicts() == {"64.72": ["on_time", "pending"]}
    bench.clock.fixed = JUDGED_AT
    await bench.judge().step()
    assert (await bench.verdicts())["64.72"] == ["on_time", "pending", "missing"]
    assert await bench.in_digest() == ["64.02", "64.71", "64.72"]
    assert await bench.judge().step() is False


@pytest.mark.parametrize("is_read_early", [True, False])
async def test_withdrawn_after_the_moment_is_no_matter_of_the_judgement(bench: Bench, is_read_early: bool) -> None:
    """It had reported when it was judged, whether the withdrawal is read before the judgement or after it."""
    await bench.file(a_report(IN_TIME, region="64.72"))
    withdrawal = a_withdrawal(JUDGED_AT + timedelta(seconds=1))
    if is_read_early:
        await bench.file(withdrawal)
    await bench.judge().step()
    if not is_read_early:
        await bench.file(withdrawal)
    await until_idle(bench.judge().step, bench.settling().step)
    assert (await bench.verdicts())["64.72"] == ["on_time", "missing"]
    assert await bench.in_digest() == ["64.02", "64.71"]
    assert (await bench.alerts())["missing-report:2024-11-18:64.72"] == "firing"
    await until_told(bench.planning(receivers_of({"name": "a"})))
    assert [d["notice"] for d in await bench.deliveries(alerts="missing-report:2024-11-18:64.72")] == [
        "missing-report:2024-11-18:64~1-raised"
    ]


async def test_a_withdrawal_that_is_read_after_the_judgement(bench: Bench) -> None:
    """Received before it (it was on its way at that moment): no region stays pending for ever, and it is told of."""
    await bench.file(a_report(IN_TIME, region="64.72"))
    await bench.judge().step()
    await bench.file(a_withdrawal(JUDGED_AT - timedelta(seconds=1)))
    await bench.file(a_report(JUDGED_AT + timedelta(hours=1), region="64.72", event_id="r2"))
    assert (await bench.verdicts())["64.72"] == ["on_time", "pending"]
    assert await bench.judge().step() is True
    assert await bench.judge().step() is False
    assert (await bench.verdicts())["64.72"] == ["on_time", "pending", "missing", "late"]
    await until_told(bench.planning(receivers_of({"name": "a"})), bench.settling().step)
    notices = [d["notice"] for d in await bench.deliveries(alerts="missing-report:2024-11-18:64.72")]
    assert notices == ["missing-report:2024-11-18:64~1-raised", "missing-report:2024-11-18:64~2-resolved"]


async def test_pending_again_waits_for_its_judgement(bench: Bench) -> None:
    """While the log is not provably read, one whose report was withdrawn is no more missing than the others."""
    bench.offsets.done = {0: 4}
    await bench.file(a_report(IN_TIME, region="64.72"))
    await bench.file(a_withdrawal(JUDGED_AT - timedelta(hours=1)))
    assert await bench.judge().step() is False
    assert await bench.verdicts() == {"64.72": ["on_time", "pending"]}


async def test_two_judges_at_once(bench: Bench) -> None:
    """Two replicas judge the same moment: each verdict once, each alert once, one digest."""
    await bench.file(a_report(IN_TIME, region="64.72"))
    judges = [bench.judge(Store(bench.store.database)) for _ in range(4)]
    await asyncio.gather(*(judge.plan() for judge in judges))
    await asyncio.gather(*(judge.step() for judge in judges))
    assert await bench.verdicts() == {"64.02": ["missing"], "64.71": ["missing"], "64.72": ["on_time"]}
    receivers = receivers_of({"name": "all"})
    plannings = [bench.planning(receivers, Store(bench.store.database)) for _ in range(3)]
    settlings = [bench.settling() for _ in range(3)]
    steps = [*(planning.step for planning in plannings), *(settling.step for settling in settlings)]
    await asyncio.gather(*(step() for step in steps))
    await until_idle(*steps)
    alerts = [a async for a in bench.store.database.alerts.find().sort("_id", 1)]
    assert [(a["_id"], a["revision"], len(a["history"])) for a in alerts] == [
        ("missing-report:2024-11-18:64.02", 1, 1),
        ("missing-report:2024-11-18:64.71", 1, 1),
    ]
    assert len(await bench.deliveries()) == 1


@pytest.mark.expect_errors("cannot_evaluate")
async def test_two_judges_at_once_cannot_evaluate(bench: Bench) -> None:
    """Two replicas that both wait too long raise one alert about ourselves, with one change."""
    bench.offsets.done, bench.real_shift = {}, timedelta(hours=1)
    await asyncio.gather(*(bench.judge().step() for _ in range(3)))
    alert = await bench.store.database.alerts.find_one()
    assert alert is not None
    assert (alert["revision"], len(alert["history"])) == (1, 1)
    assert await bench.verdicts() == {r: ["undetermined"] for r in ALL_SILENT}


@pytest.mark.parametrize("portions", [0, 1, 2])
async def test_dies_between_verdicts(bench: Bench, monkeypatch: pytest.MonkeyPatch, portions: int) -> None:
    """The judgement stays open; whoever comes next judges the rest and adds nothing to what was judged."""
    monkeypatch.setattr(roll_call, "PORTION", 1)
    dying_judge = bench.judge(dying(bench.store, "update_all", portions))
    with pytest.raises(Crash):
        await until_idle(dying_judge.step)
    assert len(await bench.verdicts()) == portions
    await until_idle(bench.judge().step)
    assert await bench.verdicts() == ALL_SILENT
    assert await bench.in_digest() == ["64.02", "64.71", "64.72"]


async def test_a_portion_that_fails_is_called_again_by_the_same_judge(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one beside it ends; none behind it is called before it, nor the judgement closed."""
    monkeypatch.setattr(roll_call, "PORTION", 1)
    update_all, failures = bench.store.update_all, [AutoReconnect("away")]

    async def fails_once(collection: str, changes: dict[str, Any], absent: set[str]) -> Any:
        if "2024-11-18:64.02" in changes and failures:
            raise failures.pop()
        return await update_all(collection, changes, absent)

    monkeypatch.setattr(bench.store, "update_all", fails_once)
    judge = bench.judge()
    with pytest.raises(AutoReconnect):
        await judge.step()
    assert list(await bench.verdicts()) == ["64.71"]
    await until_idle(judge.step)
    assert await bench.verdicts() == ALL_SILENT
    assert await bench.in_digest() == ["64.02", "64.71", "64.72"]


async def test_dies_between_verdicts_and_a_late_report_comes(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Judged missing, then the judge dies, then a late report: it was missing all the same, and the digest says so."""
    monkeypatch.setattr(roll_call, "PORTION", 1)
    dying_judge = bench.judge(dying(bench.store, "update_all", 1))
    with pytest.raises(Crash):
        await until_idle(dying_judge.step)
    await bench.file(a_report(JUDGED_AT + timedelta(minutes=1), region="64.02"))
    await until_idle(bench.judge().step)
    assert await bench.in_digest() == ["64.02", "64.71", "64.72"]
    assert (await bench.verdicts())["64.02"] == ["missing", "late"]


async def test_dies_between_verdict_and_alert(bench: Bench) -> None:
    """Verdicts are written, the process dies before any alert: settling finishes, also twice."""
    with pytest.raises(Crash):
        await bench.judge(dying(bench.store, "close_judgement")).step()
    assert await bench.alerts() == {}
    await until_idle(bench.settling().step)
    assert set((await bench.alerts()).values()) == {"firing"}
    assert len(await bench.alerts()) == 3
    await bench.store.database.obligations.update_many(
        {}, {"$set": {"unsettled": 1}}
    )  # dies before the mark is taken off
    await until_idle(bench.settling().step)
    assert [a["revision"] async for a in bench.store.database.alerts.find()] == [1, 1, 1]


@pytest.mark.expect_errors("cannot_evaluate")
async def test_settles_again_after_undetermined(bench: Bench) -> None:
    """A death between alert and mark settles an obligation twice: the alarm must still be there."""
    bench.offsets.done, bench.real_shift = {}, timedelta(hours=1)
    await bench.judge().step()
    bench.offsets.done = {0: 5}
    await bench.judge().step()
    obligations = [o async for o in bench.store.database.obligations.find()]
    for _ in range(2):
        await bench.settling().settle(obligations)
    states = {a: s for a, s in (await bench.alerts()).items() if a.startswith("missing-report")}
    assert set(states.values()) == {"firing"}


@pytest.mark.expect_errors("cannot_evaluate")
async def test_dies_before_the_alert_about_ourselves_ends(bench: Bench) -> None:
    """Judged at last, and dead at that moment: whoever comes next ends the alert about ourselves."""
    bench.offsets.done, bench.real_shift = {}, timedelta(hours=1)
    await bench.judge().step()
    bench.offsets.done = {0: 5}
    with pytest.raises(Crash):
        await bench.judge(dying(bench.store, "ended_waits")).step()
    assert (await bench.alerts())["cannot-evaluate:2024-11-18"] == "firing"
    await bench.judge().step()
    assert (await bench.alerts())["cannot-evaluate:2024-11-18"] == "resolved"


async def test_planning_judgements_twice_changes_nothing(bench: Bench) -> None:
    """A restart keeps what is judged."""
    await bench.judge().step()
    before = [j async for j in bench.store.database.judgements.find()]
    await bench.judge().plan()
    assert [j async for j in bench.store.database.judgements.find()] == before
