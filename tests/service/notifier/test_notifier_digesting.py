"""Digests on a real MongoDB: collected for a while, then told once, whoever dies."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest

from services.notifier.routing.receivers import Receivers
from services.notifier.telling import digests
from services.notifier.telling.digest_store import DigestStore
from services.notifier.telling.planning import Planning
from tests.builders import a_report, an_incident, utc
from tests.service.notifier.conftest import JUDGED_AT, Bench, Crash, dying, receivers_of, until_idle, until_told

Document = dict[str, Any]
SERIES = "missing-report:2024-11-18:64"
REGIONS = ("64.02", "64.71", "64.72")


async def all_missing(bench: Bench) -> None:
    """All three regions are missing, and told of."""
    await bench.judge().step()
    await until_told(bench.planning(receivers_of({"name": "other", "rules": ["outage"]})), bench.settling().step)


async def report(bench: Bench, region: str, hours: int = 1) -> None:
    await bench.file(a_report(JUDGED_AT + timedelta(hours=hours), region=region, event_id=f"r-{region}"))
    await until_idle(bench.settling().step)


async def told(bench: Bench) -> dict[str, str]:
    return {d["_id"]: str(d["payload"]["data"]["text"]["en"]) for d in await bench.deliveries()}


async def wait_is_over(bench: Bench) -> None:
    """What is collected is due."""
    await bench.store.database.digests.update_many({}, {"$set": {"due_at": utc("2024-01-01T00:00Z")}})


async def test_changes_are_collected(bench: Bench) -> None:
    """From the first on for `digest_wait` of real time; then one message a receiver, each of its own regions."""
    await all_missing(bench)
    receivers = receivers_of({"name": "a"}, {"name": "b", "regions": ["64.72"]}, digest_wait="1h")
    planning = bench.planning(receivers)
    await report(bench, "64.71")
    await until_told(planning)
    (before,) = [d async for d in bench.store.database.digests.find()]
    await report(bench, "64.72", 2)
    await until_told(planning)
    assert await told(bench) == {}
    (after,) = [d async for d in bench.store.database.digests.find()]
    assert after == before
    assert timedelta(minutes=59) < after["due_at"] - await bench._database_now() <= timedelta(hours=1)
    await wait_is_over(bench)
    await until_told(planning)
    assert await told(bench) == {
        f"{SERIES}~1-resolved|a": "Reported late for 18-11-2024: Kota Balikpapan (19-11-2024 03:00 WITA), Kota "
        "Samarinda (19-11-2024 04:00 WITA). Kalimantan Timur: 2/3 have reported for 18-11-2024; missing: Kabupaten "
        "Kutai Kartanegara.",
        f"{SERIES}~1-resolved|b": "Kota Samarinda reported late for 18-11-2024 (19-11-2024 04:00 WITA). Kalimantan "
        "Timur (your regions): 1/1 have reported for 18-11-2024; none is missing any more.",
    }
    await report(bench, "64.02", 3)
    await until_told(planning)
    assert len(await told(bench)) == 2  # the next one waits as long
    await wait_is_over(bench)
    await until_told(planning)
    assert set(await told(bench)) == {f"{SERIES}~1-resolved|a", f"{SERIES}~1-resolved|b", f"{SERIES}~2-resolved|a"}


async def test_a_violation_does_not_wait(bench: Bench) -> None:
    """What presses goes out at once, however much is being collected."""
    await all_missing(bench)
    for region in REGIONS:
        await report(bench, region)
    await bench.file(an_incident(utc("2024-11-25T02:00Z")))
    await until_told(bench.planning(receivers_of({"name": "a"}, digest_wait="1h")))
    assert list(await told(bench)) == ["quiet-period-violation:bawaslu:i1#1|a"]


ALL_THREE = {f"{SERIES}~1-resolved|a": 3, f"{SERIES}~1-resolved|b": 1}


def with_digests(planning: Planning, store: DigestStore) -> Planning:
    planning.digesting._digests = store
    return planning


async def number_told(bench: Bench) -> dict[str, int]:
    return {d["_id"]: len(d["alerts"]) for d in await bench.deliveries()}


RECEIVERS = receivers_of({"name": "a"}, {"name": "b", "regions": ["64.72"]})


@pytest.mark.parametrize("method", ["due", "changed", "freeze", "alerts", "verdicts", "close"])
async def test_dies_anywhere(bench: Bench, method: str) -> None:
    """Whoever comes next tells the same, once."""
    await all_missing(bench)
    for region in REGIONS:
        await report(bench, region)
    store = DigestStore(bench.store.database)
    with pytest.raises(Crash):
        await until_told(with_digests(bench.planning(RECEIVERS), dying(store, method)))
    await report(bench, "64.72")  # a repeat, which changes nothing
    await until_told(bench.planning(RECEIVERS))
    assert await number_told(bench) == ALL_THREE
    assert await left(bench) == []


@pytest.mark.parametrize("after", range(6))
async def test_dies_between_two_alerts(bench: Bench, after: int) -> None:
    """Some are collected or taken off, and some are not: then there may be two messages, and each tells of its own."""
    await all_missing(bench)
    for region in REGIONS:
        await report(bench, region)
    with pytest.raises(Crash):
        await until_told(bench.planning(RECEIVERS, dying(bench.store, "update", after)))
    await until_told(bench.planning(RECEIVERS))
    count = Counter(alert for d in await bench.deliveries(receiver="a") for alert in d["alerts"])
    assert count == {f"missing-report:2024-11-18:{region}": 1 for region in REGIONS}
    assert await left(bench) == []


async def left(bench: Bench) -> list[Document]:
    """Alerts with something to tell that nobody would find."""
    found = bench.store.database.alerts.find({"$or": [{"to_digest.0": {"$exists": True}}, {"digest": {"$gt": ""}}]})
    return [a async for a in found]


async def test_several_replicas_tell_once(bench: Bench) -> None:
    """All at once, while reports come in: each change is told once to each receiver."""
    await all_missing(bench)
    replicas = [bench.planning(RECEIVERS) for _ in range(4)]
    for region in REGIONS:
        await report(bench, region)
        await asyncio.gather(*(step() for r in replicas for step in (r.step, r.digesting.step)))
    await until_idle(*(step for r in replicas for step in (r.step, r.digesting.step)))
    count = Counter((d["receiver"], alert) for d in await bench.deliveries() for alert in d["alerts"])
    alert_of = {region: f"missing-report:2024-11-18:{region}" for region in REGIONS}
    assert count == {**{("a", alert): 1 for alert in alert_of.values()}, ("b", alert_of["64.72"]): 1}
    assert await left(bench) == []


async def test_a_slow_replica_undoes_nothing(bench: Bench) -> None:
    """Frozen once under a number, whoever saw it unfrozen; what was closed meanwhile is not closed again."""
    await all_missing(bench)
    await report(bench, "64.71")
    await bench.planning(RECEIVERS).step()
    store = DigestStore(bench.store.database)
    (seen,) = await store.due(0)
    told = digests.first_changes(await store.changed(SERIES))
    frozen = await store.freeze(seen, told)
    assert frozen is not None
    assert (frozen["number"], frozen["frozen"]) == (1, told)
    assert await store.freeze(seen, []) is None
    assert await store.freeze({**seen, "number": 1}, []) is None  # it is frozen
    await store.close(frozen, is_more=True)
    again = await store.freeze(frozen, told)
    await store.close(frozen, is_more=False)
    assert await store.due(0) == [again]


async def test_a_message_tells_of_so_many(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """More than one message may tell of are told in the next, at once."""
    monkeypatch.setattr(digests, "MOST_ALERTS", 2)
    await all_missing(bench)
    for region in REGIONS:
        await report(bench, region)
    planning = bench.planning(receivers_of({"name": "a"}, digest_wait="1h"))
    await until_told(planning)
    await wait_is_over(bench)
    await until_told(planning)
    assert await number_told(bench) == {f"{SERIES}~1-resolved|a": 2, f"{SERIES}~2-resolved|a": 1}


async def test_routes_severities_and_stages(bench: Bench) -> None:
    """A route tells of what it selects alone; one that selects another stage or severity tells of nothing."""
    await all_missing(bench)
    file = {
        "receivers": [{"name": name, "channel": "console"} for name in ("a", "b", "c")],
        "teams": [{"name": "t", "members": [{"name": "Budi", "receivers": ["a"]}]}],
        "routes": [
            {"to": ["t"], "regions": ["64.72"], "stages": ["campaign"]},
            {"to": ["b"], "stages": ["quiet_period"]},
            {"to": ["c"], "severities": ["critical"]},
        ],
        "digest_wait": "0s",
    }
    for region in REGIONS:
        await report(bench, region)
    await until_told(bench.planning(Receivers.model_validate(file)))
    assert await number_told(bench) == {f"{SERIES}~1-resolved|a": 1}
