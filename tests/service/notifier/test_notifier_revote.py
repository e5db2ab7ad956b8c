"""A region with two calendars: the regional election of November 2024, and the re-vote of April 2025 in one regency.

Both are judged, each for its own election and for whoever owes in it; the quiet period of the re-vote alerts where it
is held, and nowhere else. A notifier that judged November is given the second calendar afterwards.
"""

from __future__ import annotations

from datetime import date
from typing import Any

import orjson
import pytest

from services.notifier.outbox import Outbox
from services.notifier.store import Store
from shared import mongo
from shared.election.calendar import Calendar
from shared.election.roster import Roster
from shared.metrics import Metrics
from tests.builders import MONDAY, REGIONS, a_report, an_election, an_incident, utc
from tests.service.notifier.conftest import JUDGED_AT, Bench, FakePublisher, receivers_of, until_idle

KUKAR, BALIKPAPAN, SAMARINDA = "64.02", "64.71", "64.72"
REVOTE_MONDAY = date(2025, 4, 14)
REVOTE_JUDGED_AT = utc("2025-04-14T18:00:00Z")
NOVEMBER = an_election(reports=[{"level": "regency", "from": MONDAY, "until": MONDAY}])
REVOTE = an_election(
    election="psu-kukar-2025",
    stages=[{"stage": "quiet_period", "from": date(2025, 4, 16), "to": date(2025, 4, 18), "regions": [KUKAR]}],
    reports=[{"level": "regency", "from": date(2025, 4, 14), "until": date(2025, 4, 14), "regions": [KUKAR]}],
    obligations_from=date(2025, 4, 14),
)
RECEIVERS = receivers_of({"name": "desk"})


@pytest.fixture
def calendar() -> Calendar:
    return Calendar(NOVEMBER, Roster(REGIONS))


async def with_the_revote(bench: Bench, client: mongo.Client) -> Bench:
    """The notifier started again with the second election in its file."""
    again = Bench(bench.store, Calendar(NOVEMBER, Roster(REGIONS), [REVOTE]), client)
    await again.judge().plan()
    return again


async def work(bench: Bench) -> None:
    """Until nothing is left to judge, settle or plan."""
    await until_idle(bench.judge().step, bench.settling().step, bench.planning(RECEIVERS).step)


async def published(store: Store) -> dict[str, tuple[str, str]]:
    """Verdict events by obligation: the election, the verdict."""
    publisher = FakePublisher()
    await until_idle(Outbox(store, publisher, Metrics("revote")).step)
    events: list[dict[str, Any]] = [orjson.loads(value) for _, _, value in publisher.published]
    return {
        f"{event['data']['period']}:{event['subject']}": (event["data"]["election"], event["data"]["verdict"])
        for event in events
        if event["type"] == "desk.verdict.v1"
    }


async def test_both_calendars_are_judged(bench: Bench, notifier_client: mongo.Client) -> None:
    """Everybody in November, the regency of the re-vote in April; the first verdicts stay, nobody is told twice."""
    await bench.file(a_report(utc("2024-11-18T08:00:00Z"), region=SAMARINDA))
    await work(bench)
    told_in_november = await bench.deliveries()
    assert len(told_in_november) == 1
    november = await bench.store.database.obligations.find().sort("_id", 1).to_list(None)

    again = await with_the_revote(bench, notifier_client)
    again.clock.fixed = utc("2025-04-14T17:59:59Z")
    await work(again)
    assert await again.deliveries() == told_in_november
    again.clock.fixed = REVOTE_JUDGED_AT
    await work(again)

    assert (await again.store.database.obligations.find().sort("_id", 1).to_list(None))[:3] == november
    assert await published(again.store) == {
        f"{MONDAY}:{KUKAR}": ("kaltim-2024", "missing"),
        f"{MONDAY}:{BALIKPAPAN}": ("kaltim-2024", "missing"),
        f"{MONDAY}:{SAMARINDA}": ("kaltim-2024", "on_time"),
        f"{REVOTE_MONDAY}:{KUKAR}": ("psu-kukar-2025", "missing"),
    }
    (digest,) = [d for d in await again.deliveries() if d not in told_in_november]
    assert digest["alerts"] == [f"missing-report:{REVOTE_MONDAY}:{KUKAR}"]
    assert digest["payload"]["data"]["counts"] == {"owed": 1, "reported": 0, "missing": 1, "excused": 0}


async def test_a_report_for_the_re_vote_says_nothing_of_november(bench: Bench, notifier_client: mongo.Client) -> None:
    """Each obligation has a report of its own; one of another region for that day is welcome, and owed by nobody."""
    again = await with_the_revote(bench, notifier_client)
    await again.file(a_report(utc("2025-04-14T08:00:00Z"), region=KUKAR, period=REVOTE_MONDAY))
    again.clock.fixed = REVOTE_JUDGED_AT
    await work(again)
    assert await published(again.store) == {
        **{f"{MONDAY}:{code}": ("kaltim-2024", "missing") for code in (KUKAR, BALIKPAPAN, SAMARINDA)},
        f"{REVOTE_MONDAY}:{KUKAR}": ("psu-kukar-2025", "on_time"),
    }


@pytest.mark.parametrize(
    ("region", "occurred", "alerts"),
    [
        (KUKAR, "2025-04-15T15:50:00Z", 0),
        (KUKAR, "2025-04-15T16:00:00Z", 1),  # 16 April 00:00 in Tenggarong
        (SAMARINDA, "2025-04-17T04:00:00Z", 0),
        (KUKAR, "2024-11-25T04:00:00Z", 1),
        (SAMARINDA, "2024-11-25T04:00:00Z", 1),
    ],
)
async def test_the_quiet_period_of_the_re_vote_holds_where_it_is_held(
    bench: Bench, notifier_client: mongo.Client, region: str, occurred: str, alerts: int
) -> None:
    """That of November held everywhere."""
    again = await with_the_revote(bench, notifier_client)
    again.clock.fixed = JUDGED_AT
    await again.file(an_incident(utc(occurred), utc(occurred), region=region))
    await until_idle(again.planning(RECEIVERS).step)
    assert len(await again.deliveries()) == alerts
