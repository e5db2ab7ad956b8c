"""Where districts and villages owe reports, too: lists and pages hold what was asked for, and count all of it."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from services.aggregator.periods.turnout import Turnout
from services.aggregator.store import Store
from shared.election.calendar import Calendar
from shared.election.config import Level, ReportRule
from shared.events.verdict import Verdict
from shared.http.lists import encode_cursor
from shared.settings import Settings
from shared.topics import ALERTS
from tests.builders import MONDAY, a_report, a_stock, utc
from tests.service.aggregator.conftest import Bench, a_bench
from tests.service.aggregator.november import NEXT_MONDAY, NOW, StandingClock, a_verdict, a_violation

VILLAGE, OTHER = "64.72.01.1001", "64.72.01.1002"
STRAY = "64.99"  # was judged, and has left the roster
REPORTED_AT = utc("2024-11-18 03:00")


@pytest.fixture(scope="module")
def below_all(calendar: Calendar) -> Calendar:
    """Every region but the province owes."""
    rules = tuple(
        ReportRule.model_validate({"level": level, "from": "2024-09-30", "until": "2024-12-16"})
        for level in (Level.REGENCY, Level.DISTRICT, Level.VILLAGE)
    )
    return Calendar(calendar.election.model_copy(update={"reports": rules}), calendar.roster)


@pytest.fixture
async def villages(settings: Settings, below_all: Calendar) -> AsyncIterator[Bench]:
    async with a_bench(settings, below_all, StandingClock()) as made:
        await made.feed(
            a_report(REPORTED_AT, region=VILLAGE),
            a_verdict(VILLAGE, Verdict.ON_TIME),
            a_verdict(OTHER, Verdict.MISSING),
            a_verdict("64.72", Verdict.LATE),
            a_verdict(STRAY, Verdict.MISSING),
        )
        yield made


async def test_a_period_is_paged_and_counted_whole(villages: Bench) -> None:
    """Every region that owes or was judged comes once, in order, whatever the size of the pages; each page counts
    all."""
    owing = [r.code for r in villages.calendar.roster if r.level is not Level.PROVINCE]
    rows = await villages.items(f"/v1/periods/{MONDAY}", limit=100)
    assert [row["region"] for row in rows] == sorted([*owing, STRAY])
    by_code = {row["region"]: row for row in rows}
    assert by_code[VILLAGE]["facts"]["filings"] == 1
    assert {c: by_code[c]["verdict"] for c in (VILLAGE, OTHER, "64.72", STRAY, "64.71")} == {
        VILLAGE: "on_time",
        OTHER: "missing",
        "64.72": "late",
        STRAY: "missing",
        "64.71": "pending",
    }
    counts = (await villages.json(f"/v1/periods/{MONDAY}", limit=1))["counts"]
    assert (counts["on_time"], counts["late"], counts["missing"]) == (1, 1, 2)
    assert sum(counts.values()) == len(rows)
    listed = {row["period"]: row["counts"] for row in (await villages.json("/v1/periods"))["items"]}
    assert listed[MONDAY.isoformat()] == counts


async def test_regions_behind_the_last_one_are_an_empty_page(villages: Bench) -> None:
    """A cursor at the end is no error, and finds nothing."""
    for path, called in (
        (f"/v1/periods/{MONDAY}", "attendance"),
        ("/v1/periods/2024-10-28", "attendance"),
        ("/v1/periods", "periods"),
        ("/v1/regions", "regions"),
    ):
        page = await villages.json(path, cursor=encode_cursor(called, "9999"))
        assert (page["items"], page["next"]) == ([], None), path


async def read_to(store: Store) -> Any:
    return (await store.read_to(ALERTS))[ALERTS]


async def test_a_verdict_is_counted_the_moment_it_is_read(villages: Bench) -> None:
    """What is kept of a period holds until the next verdict is read, on any replica."""
    store = Store(villages.database)
    replicas = [Turnout(villages.calendar, store) for _ in range(2)]
    before = [await replica.counts(MONDAY) for replica in replicas]
    listed = await replicas[0].listed(MONDAY, "64.72", await read_to(store))
    await villages.feed(a_verdict("64.71", Verdict.EXCUSED))
    for replica, was in zip(replicas, before, strict=True):
        now = await replica.counts(MONDAY)
        assert (now["excused"], now["pending"]) == (was["excused"] + 1, was["pending"] - 1)
    assert await replicas[0].listed(MONDAY, "64.72", await read_to(store)) == listed  # worked out anew, and the same


async def test_what_is_kept_is_not_asked_for_again(villages: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as no verdict is read, a second answer costs the database nothing that grows with the regions."""
    store = Store(villages.database)
    turnout = Turnout(villages.calendar, store)
    asked: list[Any] = []
    judged = store.judged

    async def counted(*about: Any) -> Any:
        asked.append(about)
        return await judged(*about)

    monkeypatch.setattr(store, "judged", counted)
    for _ in range(3):
        await turnout.counts(MONDAY)
        await turnout.listed(MONDAY, None, await read_to(store))
        await turnout.listed(MONDAY, "64", await read_to(store))
    assert asked == [(MONDAY,), (MONDAY, None), (MONDAY, "64")]


async def page_of(bench: Bench, path: str, **params: str) -> str:
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(bench.app),
        base_url="http://desk.example",
        headers={"accept-language": "id"},
        cookies={"desk-viewer-key": bench.viewer},
    ) as browser:
        answer = await browser.get(path, params=params)
    assert answer.status_code == 200
    return answer.text


def text_of(page: str) -> str:
    return html.unescape(" ".join(re.sub(r"<[^>]*>", " ", page).split()))


@pytest.mark.parametrize("path", ["/", "/regions/64"])
async def test_a_page_names_whole_levels_and_counts_the_rest(villages: Bench, path: str) -> None:
    """Regencies and districts fit and are named; the 1,038 villages are one line of numbers."""
    page = await page_of(villages, path, period=MONDAY.isoformat())
    rows = set(re.findall(r'<tr data-key="([^"]*)"', page))
    levels = [r for r in villages.calendar.roster if r.level in (Level.REGENCY, Level.DISTRICT)]
    assert rows == {STRAY, *(r.code for r in levels)}
    assert "Kelurahan/desa: 1/1.038" in text_of(page)
    assert f"/regions/{OTHER}" not in page


@pytest.mark.parametrize("path", ["/", "/regions/64"])
async def test_a_board_of_several_levels_agrees_with_its_regions(villages: Bench, path: str) -> None:
    """Each row tells what is open in its region and below it, and the flags; logistics are the regencies'."""
    await villages.feed(
        a_violation("i-village", 90, region=VILLAGE),
        a_violation("i-city", 80, region="64.72"),
        *(
            a_report(NOW, region=code, event_id=f"r-{code}", period=NEXT_MONDAY)
            for code in ("64.72", "64.72.01", "64.72.02")
        ),
        *(a_stock(NOW, 600, region=code, required=600, event_id=f"l-{code}") for code in ("64.71", "64.72.01")),
    )
    page = await page_of(villages, path)
    rows = dict(re.findall(r'<tr data-key="([^"]*)">(.*?)(?=<tr data-key|</tbody>)', page, re.DOTALL))
    for code, violations in (("64.72", 2), ("64.72.01", 1), ("64.72.02", 0), ("64.71", 0)):
        told = await villages.json(f"/v1/regions/{code}")
        assert told["open"]["violations"] == violations
        (shown,) = re.findall(r'"Pelanggaran terbuka">(\d+|–)', rows[code])
        assert shown == (str(violations) if violations else "–"), code
        for flag in told["flags"]:
            assert flag["text"]["id"] in html.unescape(rows[code]), code
    assert "2, di antaranya 2 pada masa tenang" in text_of(page)
    supplies = (await villages.json("/v1/regions/64"))["logistics"]
    assert f"Lengkap {supplies['complete']} dari {supplies['expected']} (" in text_of(page)
