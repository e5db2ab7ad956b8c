"""Reports and their withdrawals over HTTP: what is in force, what was withdrawn, nothing lost, nothing repeated."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from services.aggregator.changes import COLLECTIONS
from services.aggregator.rollups.rollup_store import RollUpStore
from services.aggregator.store import Store
from shared.election.roster import level_of
from shared.events.envelope import Envelope
from shared.events.report import Condition, ReportEvent
from shared.events.withdrawal import WithdrawalEvent
from shared.instants import kept
from tests.builders import MONDAY, a_report, a_status, a_stock, a_withdrawal, an_incident, utc
from tests.service.aggregator.conftest import Bench

AT = utc("2024-11-18 01:00")
HOUR, WEEK = timedelta(hours=1), timedelta(days=7)
VILLAGE = "64.72.01.1001"

FIRST = a_report(AT, event_id="r1", summary="Aman.", topics={"logistics": "14 items"}, source_office="Palaran")
SECOND = a_report(AT + HOUR, event_id="r2", condition=Condition.CRITICAL, summary="Banjir.", replaces="r1")
OF_SECOND = a_withdrawal(AT + 2 * HOUR, "r2", reason="Salah wilayah.")
OF_FIRST = a_withdrawal(AT + 3 * HOUR, "r1", event_id="w2")


async def facts(bench: Any, region: str = "64.72") -> Any:
    rows = (await bench.json("/v1/periods/2024-11-18"))["items"]
    return next(row for row in rows if row["region"] == region)["facts"]


@pytest.mark.parametrize("order", list(permutations([FIRST, SECOND, OF_SECOND])))
async def test_a_withdrawn_report_no_longer_counts(bench: Any, order: Sequence[Envelope]) -> None:
    """In any order: the report before it is in force again, whole, in the region's state, its conditions, and the
    period; the numbers of what arrived stay."""
    await bench.feed(*order)
    region = await bench.json("/v1/regions/64.72")
    assert region["own"]["latest_report"] == {
        "period": "2024-11-18",
        "condition": "normal",
        "summary": "Aman.",
        "received_at": AT.isoformat(),
        "submitted_at": None,
        "agency": "samarinda-desk",
        "id": "r1",
        "replaces": None,
        "topics": {"logistics": "14 items"},
        "source_office": "Palaran",
    }
    assert region["conditions"] == {"regency": {"normal": 1}}
    assert region["own"]["reports"]["count"] == 2
    assert region["own"]["withdrawals"] == 1
    assert region["own"]["last_event_at"] == (AT + 2 * HOUR).isoformat()
    filing: dict[str, Any] = {"received_at": AT.isoformat(), "agency": "samarinda-desk", "id": "r1"}
    filing |= {"submitted_at": None, "condition": "normal"}
    assert await facts(bench) == {"filings": 1, "first": filing, "latest": filing}
    for event in order:
        became = await bench.json(f"/v1/events/samarinda-desk/{event.id}")
        assert (became["status"], became["counted"]) == ("counted", True)


async def test_when_all_are_withdrawn_nobody_has_reported(bench: Any) -> None:
    """No report is in force and the period shows no facts; all above have counted the withdrawals."""
    await bench.feed(FIRST, SECOND, OF_FIRST, OF_SECOND)
    region = await bench.json("/v1/regions/64.72")
    assert (region["own"]["latest_report"], region["conditions"]) == (None, {})
    assert await facts(bench) is None
    assert (await bench.json("/v1/regions/64"))["total"]["withdrawals"] == 2
    assert {r["id"] for r in await bench.items("/v1/reports", withdrawn="true")} == {"r1", "r2"}


async def test_however_many_of_the_newest_are_withdrawn_the_one_before_them_is_in_force(bench: Bench) -> None:
    """In the region's state, among the conditions of its level, and where flags are told. Those of other regions, and
    of earlier periods received later, stay out of it."""
    sent = [a_report(AT + n * HOUR, event_id=f"r{n:02}", summary=f"Ke-{n}.") for n in range(40)]
    critical = a_report(AT + HOUR, event_id="r01", summary="Banjir.", condition=Condition.CRITICAL)
    withdrawals = [a_withdrawal(AT + 3 * WEEK, f"r{n:02}", event_id=f"w{n:02}") for n in range(2, 40)]
    earlier = a_report(AT + 2 * WEEK, event_id="earlier", period=MONDAY - WEEK)
    village = a_report(AT, event_id="village", region=VILLAGE)
    elsewhere = a_report(AT + 2 * WEEK, event_id="elsewhere", region="64.71")
    await bench.feed(sent[0], critical, *sent[2:], earlier, village, elsewhere, *withdrawals)
    region = await bench.json("/v1/regions/64.72")
    assert region["own"]["latest_report"]["summary"] == "Banjir."
    assert region["conditions"] == {"regency": {"critical": 1}, "village": {"normal": 1}}
    assert (await bench.json("/v1/regions/64"))["conditions"] == {
        "regency": {"critical": 1, "normal": 1},
        "village": {"normal": 1},
    }
    in_force = await RollUpStore(bench.database).in_force(["64.72", "64.71", "64.74"])
    assert {code: report["id"] for code, report in in_force.items()} == {"64.72": "r01", "64.71": "elsewhere"}


REGIONS = ("64", "64.71", "64.72", "64.74", "64.72.01", VILLAGE)


def a_history(chance: random.Random) -> list[Envelope]:
    """Reports of six regions and two weeks, some received in the same millisecond, and withdrawals in any order: most
    are meant for one of these, some name another region or another week."""
    periods, instants = (MONDAY, MONDAY + WEEK), [AT + timedelta(microseconds=us) for us in (0, 100, 5_000)]
    conditions = list(Condition)
    sent = [
        a_report(
            chance.choice(instants),
            region=chance.choice(REGIONS),
            event_id=f"r{n:02}",
            period=chance.choice(periods),
            condition=chance.choice(conditions),
        )
        for n in range(30)
    ]
    said: list[Envelope] = []
    for n in range(25):
        meant, is_meant = chance.choice(sent), chance.random() < 0.8
        region = meant.subject if is_meant else chance.choice(REGIONS)
        period = meant.period if is_meant else chance.choice(periods)
        said.append(a_withdrawal(AT + HOUR, meant.id, event_id=f"w{n:02}", region=region, period=period))
    events = [*sent, *said]
    chance.shuffle(events)
    return events


def searched(events: Sequence[Envelope]) -> dict[str, ReportEvent]:
    """By region, the newest report that nobody withdrew."""
    withdrawn = {(e.report_identity, e.subject, e.period) for e in events if isinstance(e, WithdrawalEvent)}
    left = [e for e in events if isinstance(e, ReportEvent) and (e.identity, e.subject, e.period) not in withdrawn]
    in_order = sorted(left, key=lambda e: (str(e.period), kept(e.receivedat), e.agency, e.id))
    return {report.subject: report for report in in_order}


@pytest.mark.parametrize("seed", range(3))
async def test_after_each_batch_what_is_in_force_is_what_a_search_finds(bench: Bench, seed: int) -> None:
    """Several events of a region in one, some sent again, and two replicas that fold the same."""
    chance = random.Random(seed)
    events = a_history(chance)
    done: list[Envelope] = []
    while len(done) < len(events):
        batch = events[len(done) : len(done) + chance.randint(1, 12)]
        records = bench.records([*batch, *chance.sample(done, min(2, len(done)))])
        await asyncio.gather(*(bench.steps().process(records) for _ in range(2)))
        done += batch
        found = await RollUpStore(bench.database).in_force(REGIONS)
        expected = searched(done)
        assert {code: one["id"] for code, one in found.items()} == {code: one.id for code, one in expected.items()}
        counts: dict[str, dict[str, int]] = {}
        for code, one in expected.items():
            of_level = counts.setdefault(level_of(code).value, {})
            of_level[one.data.condition.value] = of_level.get(one.data.condition.value, 0) + 1
        assert await Store(bench.database).conditions("64") == counts
        shown = {row["code"]: row["own"]["latest_report"] for row in (await bench.json("/v1/regions"))["items"]}
        told = {code: shown[code] and shown[code]["id"] for code in REGIONS if code in shown}
        assert told == {code: expected[code].id if code in expected else None for code in told}


async def test_regions_that_an_earlier_version_wrote_are_read_as_they_are(bench: Bench) -> None:
    """With ten reports and the one in force beside them, until an event of theirs comes."""
    others = {"64.71": "r4", "64.74": "r5"}
    await bench.feed(
        FIRST,
        SECOND,
        OF_SECOND,
        *(a_report(AT, region=code, event_id=event_id) for code, event_id in others.items()),
        a_withdrawal(AT + HOUR, "r5", event_id="w5", region="64.74"),
    )
    paths = [f"/v1/regions/{code}" for code in ("64", "64.71", "64.72", "64.74")]
    told = [await bench.json(path) for path in paths]
    regions = bench.database["regions"]
    async for document in regions.find({"own": {"$exists": True}}):
        (newest,) = document["own"]["recent_reports"]
        before = {**newest, "id": "r1", "received_at": AT - HOUR, "is_withdrawn": False}
        ten = {"own.recent_reports": [before, newest], "own.latest_report": before}
        await regions.update_one({"_id": document["_id"]}, {"$set": ten})
    assert [await bench.json(path) for path in paths] == told
    again = a_report(AT + 4 * HOUR, event_id="again", condition=Condition.ATTENTION)
    await bench.feed(again, an_incident(AT, AT, region="64.71"))
    assert (await bench.json("/v1/regions/64.72"))["conditions"] == {"regency": {"attention": 1}}
    for code in ("64.71", "64.72"):
        own = (await regions.find_one({"_id": code}))["own"]
        assert (len(own["recent_reports"]), "latest_report" in own) == (1, False)


async def test_a_report_that_lands_after_its_withdrawal_is_withdrawn_on_arrival(bench: Any) -> None:
    """A 503 whose write came through late: counted as sent, in force never. Until then nothing but its withdrawal is
    told of it."""
    await bench.feed(a_withdrawal(AT + HOUR, "r1"))
    assert await bench.items("/v1/reports") == []
    stub = await bench.json("/v1/reports/samarinda-desk/r1")
    assert (stub["region"], stub["summary"], stub["withdrawn"]) == (None, None, None)
    assert [(w["id"], w["is_orphan"]) for w in stub["withdrawals"]] == [("w1", True)]
    await bench.feed(FIRST)
    (report,) = await bench.items("/v1/reports")
    assert report["withdrawn"] == {
        "at": (AT + HOUR).isoformat(),
        "by": "samarinda-desk",
        "reason": "Salah wilayah.",
        "id": "w1",
    }
    assert await facts(bench) is None
    assert (await bench.json("/v1/regions/64.72"))["own"]["latest_report"] is None


@pytest.mark.parametrize("orphan", [{"period": MONDAY + WEEK}, {"region": VILLAGE}], ids=["period", "region"])
async def test_an_orphan_withdrawal_changes_nothing_and_is_shown(bench: Any, orphan: dict[str, Any]) -> None:
    """One that names another week or place than the report's: counted where it says, and seen with the report."""
    await bench.feed(FIRST, a_withdrawal(AT + HOUR, "r1", **orphan))
    report = await bench.json("/v1/reports/samarinda-desk/r1")
    assert report["withdrawn"] is None
    assert [(w["id"], w["is_orphan"]) for w in report["withdrawals"]] == [("w1", True)]
    region = await bench.json("/v1/regions/64.72")
    assert (region["own"]["latest_report"]["id"], region["total"]["withdrawals"]) == ("r1", 1)
    assert (await facts(bench))["filings"] == 1
    assert (await bench.json("/v1/events/samarinda-desk/w1"))["counted"]


async def test_reports_are_listed_whole_and_filtered(bench: Any) -> None:
    """Newest first, by region with all below it, by period, withdrawn or not; what is kept inside is not shown."""
    later = a_report(AT + 4 * HOUR, event_id="later", period=MONDAY + WEEK)
    village = a_report(AT + 5 * HOUR, event_id="village", region=VILLAGE)
    elsewhere = a_report(AT + 6 * HOUR, event_id="elsewhere", region="64.71")
    await bench.feed(FIRST, SECOND, OF_SECOND, later, village, elsewhere)

    async def ids(**params: Any) -> list[str]:
        return [r["id"] for r in await bench.items("/v1/reports", limit=2, **params)]

    assert await ids() == ["elsewhere", "village", "later", "r2", "r1"]
    assert await ids(region="64.72") == ["village", "later", "r2", "r1"]
    assert await ids(region="64.72.01") == ["village"]
    assert await ids(period="2024-11-25") == ["later"]
    assert await ids(withdrawn="true") == ["r2"]
    assert await ids(withdrawn="false", region="64.72", period="2024-11-18") == ["village", "r1"]
    (report,) = await bench.items("/v1/reports", withdrawn="true")
    assert (report["summary"], report["replaces"]) == ("Banjir.", "r1")
    assert set(report) == {
        *("agency", "id", "region", "period", "received_at", "submitted_at", "condition", "summary", "topics"),
        *("source_office", "replaces", "withdrawn", "withdrawals"),
    }
    assert report == await bench.json("/v1/reports/samarinda-desk/r2")
    own = (await bench.json("/v1/regions/64.72"))["own"]
    assert set(own) == {
        *("reports", "withdrawals", "incidents", "violations", "quiet_period_violations"),
        *("latest_report", "last_event_at"),
    }


async def test_every_region_of_a_page_shows_its_own_latest_report(bench: Any) -> None:
    """Whole, and null where there is none."""
    codes = sorted(r.code for r in bench.calendar.roster.children("64"))
    await bench.feed(*(a_report(AT, region=code, event_id=f"r{code}", summary=code) for code in codes[1:]))
    page = await bench.json("/v1/regions", level="regency")
    assert [r["own"]["latest_report"] and r["own"]["latest_report"]["summary"] for r in page["items"]] == [
        None,
        *codes[1:],
    ]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/reports/samarinda-desk/nobody", 404),
        ("/v1/reports/samarinda-desk/$where", 422),
        ("/v1/reports?withdrawn=perhaps", 422),
        ("/v1/reports?period=1731888000", 422),
        ("/v1/reports?condition=normal", 422),
        ("/v1/reports?cursor=MjAyNA", 422),
    ],
)
async def test_what_means_nothing_is_refused(bench: Any, path: str, status: int) -> None:
    """An unknown report, a parameter that is none, a stranger's cursor."""
    bare, _, query = path.partition("?")
    params = dict([query.split("=")]) if query else {}
    answer = await bench.get(bare, **params)
    assert answer.status == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


async def test_facts_are_what_a_recount_says(bench: Any) -> None:
    """Of hundreds of reports, most of them withdrawn, several within one millisecond, fed in random batches."""
    chosen = random.Random(18)
    regions, instants = ("64.71", "64.72", "64.74"), [AT + timedelta(microseconds=400 * n) for n in range(40)]
    sent = [a_report(chosen.choice(instants), region=chosen.choice(regions), event_id=f"r{n}") for n in range(300)]
    meant = [chosen.choice(sent) for _ in range(400)]
    withdrawals = [a_withdrawal(AT, r.id, region=r.subject, event_id=f"w{n}") for n, r in enumerate(meant)]
    left: list[Envelope] = [*sent, *withdrawals]
    chosen.shuffle(left)
    while left:
        size = chosen.randint(1, 200)
        await bench.feed(*left[:size])
        left = left[size:]
    in_force = {r.id: r for r in sent if r not in meant}
    assert 50 < len(in_force) < 150
    for code in regions:
        told = await facts(bench, code)
        ranked = sorted((_ms(r), r.id) for r in in_force.values() if r.subject == code)
        assert (told["filings"], told["first"]["id"], told["latest"]["id"]) == (
            len(ranked),
            ranked[0][1],
            ranked[-1][1],
        )


def _ms(report: ReportEvent) -> int:
    return int(report.receivedat.timestamp() * 1_000_000) // 1000


async def test_replays_change_nothing(bench: Any) -> None:
    """The whole log read again, from the beginning, from the middle and by a zombie with an old batch, leaves every
    document as it is, its revision too."""
    events = [
        a_withdrawal(AT, "r1"),
        FIRST,
        SECOND,
        a_status(AT + HOUR),
        an_incident(AT - HOUR, AT),
        a_status(AT + 2 * HOUR, event_id="s2", region="64.71"),
        a_stock(AT, 10),
        a_stock(AT - HOUR, 5, event_id="l2"),
        OF_SECOND,
        a_withdrawal(AT + 5 * HOUR, "r2", event_id="again"),
    ]
    records = bench.records(events)
    await bench.steps().process(records)
    before = await _documents(bench)
    for begin, end in ((0, len(records)), (4, len(records)), (0, 3)):
        await bench.steps().process(records[begin:end])
        assert await _documents(bench) == before
    assert {name: len(found) for name, found in before.items()} == {
        "reports": 2,
        "incidents": 1,
        "logistics": 1,
        "attendance": 0,
        "alerts": 0,
        "regions": 2,
    }


async def _documents(bench: Any) -> dict[str, list[Any]]:
    return {name: [d async for d in bench.database[name].find().sort("_id", 1)] for name in COLLECTIONS}


async def test_one_id_of_two_kinds_is_a_conflict_and_the_first_counts(bench: Any) -> None:
    """A withdrawal under the id of a report changes no number."""
    await bench.feed(FIRST, a_withdrawal(AT + HOUR, "r1", event_id="r1").model_copy(update={"contenthash": "1" * 64}))
    became = await bench.json("/v1/events/samarinda-desk/r1")
    assert (became["status"], became["type"]) == ("conflict", "desk.report.v1")
    region = await bench.json("/v1/regions/64.72")
    assert (region["own"]["withdrawals"], region["own"]["latest_report"]["id"]) == (0, "r1")
