"""Roll-ups over HTTP on every level: what can change back is asked, and agrees with the lists; by indexes alone."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from services.aggregator.rollups import rollup_store
from services.aggregator.rollups.flags import MOST_WEEKS
from services.aggregator.state import hand_overs
from services.aggregator.state.incidents import Status
from shared.election.calendar import Calendar
from shared.election.files import read_election
from shared.election.roster import ancestors_and_self
from shared.events.envelope import Envelope
from shared.events.incident import Severity
from shared.events.incident_status import IncidentStatus
from shared.events.report import Condition
from shared.events.verdict import Verdict
from shared.settings import Settings
from tests.builders import MONDAY, a_report, a_status, a_stock, a_withdrawal, an_incident, utc
from tests.service.aggregator.conftest import Bench, a_bench
from tests.service.aggregator.november import NOW, StandingClock, a_verdict, november

VILLAGE = "64.72.01.1001"
# The last ones have left the roster, or were never in it.
REGIONS = (
    "64",
    "64.71",
    "64.72",
    "64.72.01",
    VILLAGE,
    "64.72.02",
    "64.72.02.1001",
    "64.99",
    "64.99.01",
    "65.01.01.1001",
)
EVERYWHERE = sorted({above for code in REGIONS for above in ancestors_and_self(code)})
CATEGORIES = ("money_politics", "campaigning", "neutrality", "security", "power_internet", "no_longer_known")
DAY, WEEK = timedelta(days=1), timedelta(days=7)


@pytest.fixture
async def standing(settings: Settings, calendar: Calendar) -> AsyncIterator[Bench]:
    """An aggregator whose clock stands on Monday in the quiet period."""
    async with a_bench(settings, calendar, StandingClock()) as made:
        yield made


def at_random(seed: int, many: int = 120) -> Iterator[Envelope]:
    """Incidents of all kinds anywhere, and statuses: of them, of incidents that nobody has reported, of other regions,
    before and after what they speak of."""
    chosen = random.Random(seed)
    for n in range(many):
        received = NOW - timedelta(minutes=chosen.randrange(60 * 24 * 20))
        region = chosen.choice(REGIONS)
        if chosen.random() < 0.85:
            yield an_incident(
                received,
                received,
                region=region,
                event_id=f"i{n}",
                category=chosen.choice(CATEGORIES),
                severity=chosen.choice(list(Severity)),
            )
        for step in range(chosen.randrange(4)):
            yield a_status(
                received + timedelta(minutes=chosen.randrange(-60, 60)),
                chosen.choice(list(IncidentStatus)),
                incident_id=f"i{n}",
                region=region if chosen.random() < 0.9 else chosen.choice(REGIONS),
                event_id=f"s{n}-{step}",
            )


@pytest.mark.parametrize("seed", range(4))
async def test_a_roll_up_is_what_a_count_of_the_list_says(standing: Bench, seed: int) -> None:
    """By category, severity, status, open ones, overdue ones (at the very instant none is yet): at every level, of
    orphans and departed regions too."""
    due_now = [an_incident(NOW - within, NOW - within, event_id=f"due-{within.days}") for within in (DAY, WEEK)]
    assert {hand_overs.due_at(standing.calendar, "64.72", due.data.category, due.receivedat) for due in due_now} >= {
        NOW
    }
    events = [*at_random(seed), *due_now]
    random.Random(seed).shuffle(events)
    await standing.feed(*events)
    said: Counter[str] = Counter()
    for code in EVERYWHERE:
        region = await standing.json(f"/v1/regions/{code}")
        listed = await standing.items("/v1/incidents", region=code)
        known = [i for i in listed if i["category"] is not None]
        counted = {
            "by_category": dict(Counter(i["category"] for i in known)),
            "by_severity": dict(Counter(i["severity"] for i in known)),
            "count": len(known),
        }
        assert region["total"]["incidents"] == counted, code
        assert region["total"]["violations"] == sum(i["is_violation"] for i in known), code
        statuses = Counter(i["status"] for i in listed)
        assert region["incidents_by_status"] == {status.value: statuses[status] for status in Status}, code
        still_open = [i for i in listed if i["status"] in ("reported", "verified", "forwarded")]
        assert region["open"] == {
            "incidents": len(still_open),
            "violations": sum(i["is_violation"] for i in still_open),
            "quiet_period_violations": sum(i["is_quiet_period_violation"] for i in still_open),
            "overdue_hand_overs": sum((i["hand_over"] or {}).get("is_overdue", False) for i in still_open),
        }, code
        said.update({**region["open"], **region["incidents_by_status"]})
    assert all(said[name] > 0 for name in ("orphan", "dismissed", "overdue_hand_overs", "quiet_period_violations"))


async def test_a_status_changes_every_level_at_once(standing: Bench) -> None:
    """A village's violation is open in district, city and province until it is dismissed, and counted for ever."""
    await standing.feed(an_incident(NOW - 2 * timedelta(hours=30), region=VILLAGE))
    levels = (VILLAGE, "64.72.01", "64.72", "64")
    for status, is_open, is_overdue in [
        (None, 1, 1),
        (IncidentStatus.VERIFIED, 1, 1),
        (IncidentStatus.FORWARDED, 1, 0),
        (IncidentStatus.DISMISSED, 0, 0),
        (IncidentStatus.VERIFIED, 1, 1),  # taken up again
    ]:
        if status is not None:
            said_at = NOW + timedelta(minutes=len(await standing.items("/v1/incidents", status="dismissed")))
            history = (await standing.json("/v1/incidents"))["items"][0]["history"]
            said_at += timedelta(seconds=len(history))
            await standing.feed(a_status(said_at, status, region=VILLAGE, event_id=f"s{len(history)}"))
        for code in levels:
            region = await standing.json(f"/v1/regions/{code}")
            found = (region["open"]["violations"], region["open"]["overdue_hand_overs"], region["total"]["violations"])
            assert found == (is_open, is_overdue, 1), (code, status)
    assert (await standing.json("/v1/regions/64.71"))["open"]["incidents"] == 0


async def test_logistics_against_the_line_are_the_regencies(standing: Bench) -> None:
    """Of a province its regencies, item by item; of a regency its own; what a district states is listed, not owed."""
    await standing.feed(
        a_stock(NOW, 100, region="64.72", event_id="l1"),
        a_stock(NOW, 60, region="64.71", event_id="l2"),
        a_stock(NOW, 5, region="64.72", event_id="l3", item="ink"),
        a_stock(NOW, 7, region="64.72.01", event_id="l4"),
        a_stock(NOW, 9, region="64.99", event_id="l5", item="drums"),
    )
    province = (await standing.json("/v1/regions/64"))["logistics"]
    items = {row["item"]: row for row in province.pop("items")}
    assert province == {
        "line_at": "2024-11-26T16:00:00+00:00",
        "expected": 10 * 14,
        "stated": 3,
        "complete": 1,
        "required": 300,
        "received": 165,
    }
    assert items["ballot_boxes"] == {
        "item": "ballot_boxes",
        "label": {"id": "Kotak suara", "en": "Ballot boxes"},
        "stated": 2,
        "complete": 1,
        "required": 200,
        "received": 160,
    }
    city = (await standing.json("/v1/regions/64.72"))["logistics"]
    assert [city[name] for name in ("expected", "stated", "complete", "received")] == [14, 2, 1, 105]
    district = (await standing.json("/v1/regions/64.72.01"))["logistics"]
    assert [district[name] for name in ("expected", "stated", "received")] == [0, 1, 7]
    departed = (await standing.json("/v1/regions/64.99"))["logistics"]
    assert (departed["expected"], departed["items"][-1]["item"], departed["items"][-1]["label"]) == (0, "drums", None)


async def test_logistics_for_a_re_vote_are_stated_anew(settings: Settings, calendar: Calendar) -> None:
    """What had been received for the first voting is not there for the second, and counts as a gap from D-7 on."""
    revote = read_election(Path("deploy/elections/psu-kukar-2025.yaml"))
    both = Calendar(calendar.election, calendar.roster, [revote])
    clock = StandingClock(utc("2024-11-26T12:00:00Z"))
    async with a_bench(settings, both, clock) as bench:
        statements = [(utc("2024-11-20T04:00:00Z"), "64.02"), (utc("2024-11-20T04:00:00Z"), "64.71")]
        await bench.feed(*(a_stock(at, 100, region=region, event_id=region) for at, region in statements))
        november = await shown_logistics(bench)
        clock.instant = utc("2025-04-12T04:00:00Z")
        april = await shown_logistics(bench)
        await bench.feed(a_stock(utc("2025-04-11T04:00:00Z"), 80, region="64.02", event_id="again"))
        stated = await shown_logistics(bench)
    assert november == {"64.02": ("2024-11-26T16:00:00+00:00", 1), "64.71": ("2024-11-26T16:00:00+00:00", 1)}
    assert april == {"64.02": ("2025-04-18T16:00:00+00:00", 0), "64.71": ("2024-11-26T16:00:00+00:00", 1)}
    assert stated["64.02"] == ("2025-04-18T16:00:00+00:00", 1)


async def shown_logistics(bench: Bench) -> dict[str, tuple[str, int]]:
    """Of two regencies the line, and how many statements count for it."""
    found = {code: (await bench.json(f"/v1/regions/{code}"))["logistics"] for code in ("64.02", "64.71")}
    return {code: (logistics["line_at"], logistics["stated"]) for code, logistics in found.items()}


async def test_attendance_is_of_those_below_who_owe(standing: Bench) -> None:
    """The current period's verdicts: of a province its ten desks, of a regency its own, of a village nobody's."""
    await standing.feed(*november(), a_verdict("64.71", Verdict.ON_TIME, period=date(2024, 11, 25)))
    province = (await standing.json("/v1/regions/64"))["attendance"]
    assert (province["period"], province["counts"]["on_time"], province["counts"]["pending"]) == ("2024-11-25", 1, 9)
    assert (await standing.json("/v1/regions/64.71"))["attendance"]["counts"]["on_time"] == 1
    assert (await standing.json("/v1/regions/64.72"))["attendance"]["counts"]["pending"] == 1
    assert sum((await standing.json(f"/v1/regions/{VILLAGE}"))["attendance"]["counts"].values()) == 0


async def test_flags_say_why(standing: Bench) -> None:
    """Normal though a village's violation is open and logistics are not there; the same text three Mondays running,
    reports that were withdrawn or replaced left out."""
    said = "Aman dan  terkendali."
    first, second = MONDAY - 2 * WEEK, MONDAY - WEEK
    at = utc("2024-11-18 01:00")
    await standing.feed(
        a_report(at - 2 * WEEK, period=first, event_id="r1", summary=said),
        a_report(at - WEEK, period=second, event_id="r2", summary="Banjir."),
        a_report(at - WEEK + timedelta(hours=1), period=second, event_id="r2b", summary=said.upper(), replaces="r2"),
        a_report(at, event_id="r3", summary=said),
        a_report(at + timedelta(hours=1), event_id="r4", summary="Kacau.", condition=Condition.CRITICAL),
        a_withdrawal(at + timedelta(hours=2), "r4"),
        an_incident(NOW - timedelta(hours=1), region=VILLAGE),
    )
    flagged = {flag["flag"]: flag for flag in (await standing.json("/v1/regions/64.72"))["flags"]}
    assert flagged["normal_while_open"]["counts"] == {
        "open_violations": 1,
        "quiet_period_violations": 1,
        "logistics_gaps": 14,
    }
    assert (flagged["same_text"]["since"], flagged["same_text"]["counts"]) == ("2024-11-04", {"weeks": 3})
    await standing.feed(
        a_report(at + timedelta(hours=3), event_id="r5", summary="Lain.", condition=Condition.ATTENTION)
    )
    assert (await standing.json("/v1/regions/64.72"))["flags"] == []
    assert (await standing.json("/v1/regions/64"))["flags"] == []  # the province itself has not reported
    await standing.feed(a_withdrawal(at + timedelta(hours=4), "r5", event_id="w5"))
    assert len((await standing.json("/v1/regions/64.72"))["flags"]) == 2


async def test_a_long_run_of_the_same_text_is_followed_to_its_beginning(standing: Bench) -> None:
    """Beyond the weeks from which on it counts; other regions' texts are no part of it."""
    at = utc("2024-11-18 01:00")
    runs = {"64.71": 2, "64.01": 3, "64.02": 12, "64.72": 14, "64.74": 60}
    await standing.feed(
        *(
            a_report(at - n * WEEK, period=MONDAY - n * WEEK, region=region, event_id=f"{region}-{n}")
            for region, weeks in runs.items()
            for n in range(weeks)
        )
    )
    found = {}
    for region in runs:
        flagged = (await standing.json(f"/v1/regions/{region}"))["flags"]
        found[region] = [(f["since"], f["counts"]["weeks"]) for f in flagged if f["flag"] == "same_text"]
    assert found == {
        "64.71": [],
        "64.01": [("2024-11-04", 3)],
        "64.02": [("2024-09-02", 12)],
        "64.72": [("2024-08-19", 14)],
        "64.74": [("2023-11-20", MOST_WEEKS)],  # a year is long enough
    }


async def test_a_region_asks_few_questions_each_by_an_index(standing: Bench) -> None:
    """None scans a collection, at any level, whatever there is; incidents are counted in an index alone."""
    await standing.feed(*november(), *at_random(1))
    await standing.json("/v1/regions")  # the key is known from here on
    for code in ("64", "64.72", VILLAGE, "64.99"):
        await standing.database.command({"profile": 2})
        await standing.json(f"/v1/regions/{code}")
        await standing.database.command({"profile": 0})
        found = standing.database["system.profile"].find({"op": {"$in": ["query", "command", "getmore"]}})
        asked = [q async for q in found if "profile" not in q["command"]]
        await standing.database.drop_collection("system.profile")
        assert 0 < len(asked) <= 12, code
        assert [q["command"] for q in asked if "COLLSCAN" in q.get("planSummary", "")] == [], code
    for pipeline, collection in [
        (rollup_store.by_status("64", NOW), "incidents"),
        (rollup_store.texts_of(["2024-11-18"], ["64.71"]), "reports"),
    ]:
        plan = {"aggregate": collection, "pipeline": pipeline, "cursor": {}}
        told = await standing.database.command("explain", plan, verbosity="executionStats")
        assert "COLLSCAN" not in str(told)
        stages = told["stages"][0]["$cursor"] if "stages" in told else told
        assert (stages["executionStats"]["totalDocsExamined"] > 0) is (collection == "reports")


def test_the_regions_of_the_test_are_of_every_kind(calendar: Calendar) -> None:
    """Each level, and some that are not in the roster."""
    assert {code.count(".") for code in REGIONS if code in calendar.roster} == {0, 1, 2, 3}
    assert any(code not in calendar.roster for code in REGIONS)
