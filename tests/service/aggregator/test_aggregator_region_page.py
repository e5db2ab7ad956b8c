"""A region's page: how it stands, what is flagged, all six verdicts with their reasons, and its past to the end."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any
from urllib.parse import unquote

import httpx
import pytest

from services.aggregator.pages.past import MOST_SHOWN
from shared.election.cadence import WEEK
from shared.election.calendar import Calendar
from shared.events.verdict import ExcuseTold, Verdict
from shared.settings import Settings
from tests.builders import MONDAY, a_report, a_status, a_withdrawal, an_incident, utc
from tests.service.aggregator.conftest import Bench, a_bench
from tests.service.aggregator.november import EARLIER_MONDAY, NOW, StandingClock, a_verdict, november
from tests.service.aggregator.test_aggregator_pages import browser, text_of

HOUR = timedelta(hours=1)


@pytest.fixture
async def november_bench(settings: Settings, calendar: Calendar) -> AsyncIterator[Bench]:
    async with a_bench(settings, calendar, StandingClock()) as made:
        await made.feed(*november())
        yield made


@pytest.fixture
async def page(november_bench: Bench) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(november_bench, november_bench.viewer) as visitor:
        yield visitor


def part(answer: httpx.Response, name: str) -> str:
    """The words of one part of a page."""
    found = re.search(rf'data-part="{name}">(.*?)</section>', answer.text, re.DOTALL)
    assert found is not None, name
    return html.unescape(" ".join(re.sub(r"<[^>]*>", " ", found[1]).split()))


async def test_how_a_region_stands(page: httpx.AsyncClient) -> None:
    """What is open, by status, who has reported for the current Monday, logistics; of it and all below it."""
    assert part(await page.get("/regions/64"), "summary") == (
        "Ringkasan wilayah ini dan semua di bawahnya "
        "Masih terbuka 4 insiden, di antaranya 3 pelanggaran 2 masa tenang "
        "Insiden menurut status Dilaporkan 2 · Diverifikasi 1 · Tidak terbukti 1 · Diteruskan 1 "
        "Laporan 25 Nov Ditunggu 10 "
        "Logistik 30/140 lengkap"
    )
    village = part(await page.get("/regions/64.72.01.1001?lang=en"), "summary")
    assert village.endswith("Still open Incidents: 0, of these violations: 0 Incidents by status –")


async def test_normal_while_something_is_open_is_flagged(page: httpx.AsyncClient) -> None:
    """On the overview of the current Monday and on the region's page, with the reasons, in both languages; not beside
    another Monday."""
    assert "Laporan 25 Nov menyebut normal, padahal pelanggaran terbuka: 1" in part(await page.get("/"), "regions")
    assert "menyebut normal" not in part(await page.get("/?period=2024-11-18"), "regions")
    balikpapan = part(await page.get("/regions/64.71?lang=en"), "summary")
    assert "The report for 25 Nov says normal, but open violations: 1" in balikpapan
    banjir = part(await page.get("/regions/64.03"), "summary")  # it says that something is wrong
    assert "menyebut normal" not in banjir


async def test_the_same_text_is_flagged(november_bench: Bench, page: httpx.AsyncClient) -> None:
    """From the third Monday on, with the Monday since which it is so."""
    for n in range(3):
        period = MONDAY - n * WEEK
        late = utc("2024-11-24 01:00") - n * WEEK
        await november_bench.feed(a_report(late, region="64.72", event_id=f"same{n}", period=period, summary="Aman."))
    told = "Teks laporan sama terus sejak 4 Nov (3 minggu)"
    assert told in part(await page.get("/"), "regions")
    assert told in part(await page.get("/regions/64.72"), "summary")


async def test_an_overdue_hand_over_is_told(november_bench: Bench, page: httpx.AsyncClient) -> None:
    """With the addressee and the moment until which it was due; it ends when the incident is forwarded."""
    await november_bench.feed(an_incident(NOW - 30 * HOUR, NOW - 25 * HOUR, region="64.02", event_id="i-late"))
    page_of_it = await page.get("/regions/64.02")
    assert "1 lewat waktu diteruskan" in part(page_of_it, "summary")
    assert "Politik uang Masa tenang Belum diteruskan, lewat waktu" in part(page_of_it, "incidents")
    told = "Diteruskan ke Bawaslu; perkara pidana ke Polri, paling lambat 25 Nov, 09.00 WITA"
    assert told in part(page_of_it, "incidents")
    forwarded = part(await page.get("/regions/64.71"), "incidents")
    assert "Diteruskan ke KPU" in forwarded
    assert "paling lambat" not in forwarded


ALL_SIX = [
    ("64.01", "on_time", "Tepat waktu", "diterima sebelum tenggat"),
    ("64.08", "late", "Terlambat", "melapor setelah dinyatakan belum lapor"),
    ("64.72", "missing", "Belum lapor", "tidak ada laporan"),
    ("64.74", "pending", "Ditunggu", "laporannya ditarik, tidak ada laporan lain"),
    ("64.11", "undetermined", "Belum dapat dipastikan", "belum dapat dipastikan semua kiriman sudah terbaca"),
    ("64.09", "excused", "Dimaklumi", "tidak ada laporan"),
]


async def test_all_six_verdicts_with_their_reasons_and_their_history(
    november_bench: Bench, page: httpx.AsyncClient
) -> None:
    """In words, at `/v1/periods/{monday}` and on the regions' pages; a corrected one keeps those before it."""
    await november_bench.feed(
        a_verdict("64.74", Verdict.ON_TIME, period=EARLIER_MONDAY),
        a_verdict("64.74", Verdict.PENDING, 2, reason="report_withdrawn", period=EARLIER_MONDAY),
    )
    board = await november_bench.json("/v1/periods/2024-11-11")
    regions = part(await page.get("/?period=2024-11-11"), "regions")
    assert "Terlambat 12 Nov, 03.30 WITA melapor setelah dinyatakan belum lapor" in regions
    assert "Belum lapor tidak ada laporan" not in regions  # said once
    rows = {row["region"]: row for row in board["items"]}
    for code, verdict, words, reason in ALL_SIX:
        row = rows[code]
        assert (row["verdict"], row["verdict_text"]["id"], row["reason_text"]["id"]) == (verdict, words, reason)
        assert row["verdicts"][-1]["verdict"] == verdict
        assert f"11 November 2024 {words} {reason} dinilai" in text_of(await page.get(f"/regions/{code}"))
    assert (
        {verdict for _, verdict, _, _ in ALL_SIX} == set(Verdict) == {name for name, n in board["counts"].items() if n}
    )
    shown = ("revision", "verdict", "reason", "judged_at", "verdict_text", "reason_text")
    assert [{name: one[name] for name in shown} for one in rows["64.74"]["verdicts"]] == [
        {
            "revision": 1,
            "verdict": "on_time",
            "reason": "received_in_time",
            "judged_at": "2024-11-18T19:00:00+00:00",
            "verdict_text": {"id": "Tepat waktu", "en": "On time"},
            "reason_text": {"id": "diterima sebelum tenggat", "en": "received before it was due"},
        },
        {
            "revision": 2,
            "verdict": "pending",
            "reason": "report_withdrawn",
            "judged_at": "2024-11-18T20:00:00+00:00",
            "verdict_text": {"id": "Ditunggu", "en": "Pending"},
            "reason_text": {
                "id": "laporannya ditarik, tidak ada laporan lain",
                "en": "its report was withdrawn, there is no other",
            },
        },
    ]
    withdrawn = part(await page.get("/regions/64.74"), "attended")
    assert "Sebelumnya: Tepat waktu (diterima sebelum tenggat)" in withdrawn


async def test_an_excuse_is_shown_with_its_reason(november_bench: Bench, page: httpx.AsyncClient) -> None:
    """On the region's page, and in the API with who gave it and when."""
    excuse = ExcuseTold(id="banjir-1", reason="Banjir.", by="budi", at=utc("2024-11-18T20:00Z"))
    more = {"reason": "excuse_given", "excuse": excuse, "period": EARLIER_MONDAY}
    await november_bench.feed(a_verdict("64.72", Verdict.EXCUSED, 2, **more))
    assert "Dimaklumi ada alasan yang diterima: Banjir. (budi) dinilai" in text_of(await page.get("/regions/64.72"))
    (row,) = [r for r in (await november_bench.json("/v1/periods/2024-11-11"))["items"] if r["region"] == "64.72"]
    assert row["excuse"] == {"id": "banjir-1", "reason": "Banjir.", "by": "budi", "at": "2024-11-18T20:00:00+00:00"}
    assert [v["excuse"] for v in row["verdicts"]] == [None, row["excuse"]]


async def test_what_is_owed_now_is_told_before_anybody_has_judged_it(page: httpx.AsyncClient) -> None:
    """With its deadline; of a village, which owes nothing, nothing."""
    owed = "Senin, 25 November 2024 Ditunggu Tenggat 26 Nov, 00.00 WITA"
    samarinda = part(await page.get("/regions/64.72"), "attended")
    assert owed in samarinda
    assert f"{owed} Senin" in samarinda  # not judged: nothing about when
    assert "Belum ada penilaian." in part(await page.get("/regions/64.72.01.1001"), "attended")


def links(answer: httpx.Response, kind: str) -> list[str]:
    found = re.findall(rf'href="(\?[^"]*#h-{kind})"', answer.text)
    return [html.unescape(link).partition("#")[0] for link in found]


def keys(answer: httpx.Response, prefix: str) -> list[str]:
    return re.findall(rf'data-key="[^"]*({prefix}\d+)"', answer.text)


async def test_the_past_is_read_to_its_end_by_links_alone(settings: Settings, calendar: Calendar) -> None:
    """Every report and every incident once, the newest first; each list turns its pages for itself; and back."""
    many = 2 * MOST_SHOWN + 7
    async with a_bench(settings, calendar, StandingClock()) as bench, browser(bench, bench.viewer) as page:
        at = [NOW - timedelta(hours=many) + n * HOUR for n in range(many)]
        correcting = many - MOST_SHOWN
        await bench.feed(
            *(
                a_report(at[n], event_id=f"r{n}", replaces=f"r{n - 1}" if n == correcting else None)
                for n in range(many)
            ),
            *(an_incident(at[n], event_id=f"i{n}") for n in range(many)),
        )
        address, seen, turned = "/regions/64.72?period=2024-11-18", [], 0
        while True:
            answer = await page.get(address)
            assert answer.status_code == 200
            seen += keys(answer, "r")
            assert keys(answer, "i")[0] == f"i{many - 1}"  # the other list stays where it is
            if turned == 1:  # the one that was corrected stands on another page than its correction
                assert f"dikoreksi oleh r{correcting}" in part(answer, "reports")
            *back, older = links(answer, "reports") or [""]
            if "reports=" not in older:
                break
            assert len(back) == (turned > 0)
            address, turned = f"/regions/64.72{older}", turned + 1
        assert seen == [f"r{n}" for n in reversed(range(many))]
        assert turned == 2
        assert older == "?period=2024-11-18"  # to the newest
        both = await page.get(f"/regions/64.72{links(await page.get(address), 'incidents')[-1]}")
        assert (keys(both, "i")[0], keys(both, "r")[0]) == (f"i{many - 1 - MOST_SHOWN}", "r6")


async def test_a_correction_that_was_withdrawn_corrects_nothing(bench: Bench) -> None:
    """The report before it is in force again, here as on the front page; a correction that holds is told as before."""
    at = utc("2024-11-18 02:00")
    await bench.feed(
        a_report(at, event_id="r1"),
        a_report(at + HOUR, event_id="r2", replaces="r1", summary="Salah."),
        a_report(at, region="64.74", event_id="r3"),
        a_report(at + HOUR, region="64.74", event_id="r4", replaces="r3"),
        a_withdrawal(at + 2 * HOUR, report="r2", event_id="w1"),
    )
    async with browser(bench, bench.viewer) as page:
        samarinda, bontang = [part(await page.get(f"/regions/{code}"), "reports") for code in ("64.72", "64.74")]
    assert "Ditarik" in samarinda
    assert "ikoreksi" not in samarinda
    assert "dikoreksi oleh r4" in bontang


async def test_what_is_said_of_an_incident_that_nobody_has_reported_is_shown(bench: Bench) -> None:
    """By whom and with what note: it is all that is known of it."""
    await bench.feed(a_status(NOW, region="64.71", note="Laporan lisan, menyusul."))
    async with browser(bench, bench.viewer) as page:
        told = part(await page.get("/regions/64.71"), "incidents")
    assert "Insiden yang laporannya belum sampai" in told
    assert "Diverifikasi 25 Nov, 10.00 WITA, province-desk · Laporan lisan, menyusul." in told
    assert "untuk wilayah lain" not in told


async def test_verdicts_are_read_to_their_end(settings: Settings, calendar: Calendar) -> None:
    """More Mondays than a page holds."""
    mondays = [date(2024, 11, 18) - n * WEEK for n in range(MOST_SHOWN + 3)]
    async with a_bench(settings, calendar, StandingClock()) as bench, browser(bench, bench.viewer) as page:
        await bench.feed(*(a_verdict("64.72", Verdict.ON_TIME, period=monday) for monday in mondays))
        first = await page.get("/regions/64.72")
        (older,) = links(first, "verdicts")
        rest = await page.get(f"/regions/64.72{older}")
        judged = [len(re.findall('<article class="judged">', answer.text)) for answer in (first, rest)]
    assert judged == [MOST_SHOWN + 1, 3]  # and the one that is awaited now
    assert unquote(older) == f"?verdicts={mondays[MOST_SHOWN - 1]}"


@pytest.mark.parametrize("query", ["reports=x", "incidents=eA", "verdicts=soon", "reports="])
async def test_a_place_that_is_none_of_ours_is_not_found(page: httpx.AsyncClient, query: str) -> None:
    """404 in words, never a fault."""
    answer = await page.get(f"/regions/64.72?{query}")
    assert (answer.status_code, "Halaman tidak ditemukan" in answer.text) == (404, True)


async def test_a_region_s_page_asks_a_bounded_number_of_indexed_questions(november_bench: Bench) -> None:
    """Whatever its level."""
    async with browser(november_bench, november_bench.viewer) as visitor:
        await visitor.get("/")  # the key is known from here on
        for code in ("64", "64.72", "64.72.01.1001"):
            await november_bench.database.command({"profile": 2})
            await visitor.get(f"/regions/{code}")
            await november_bench.database.command({"profile": 0})
            found = november_bench.database["system.profile"].find({"op": {"$in": ["query", "command", "getmore"]}})
            asked: list[Any] = [q async for q in found if "profile" not in q["command"]]
            await november_bench.database.drop_collection("system.profile")
            assert 0 < len(asked) <= 24, code
            assert [q["command"] for q in asked if "COLLSCAN" in q.get("planSummary", "")] == [], code
