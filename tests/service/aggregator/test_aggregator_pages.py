"""The pages, in this process: who may look, what is safe, and that a page of the nation asks a bounded number of
indexed questions. What they look like is `test_aggregator_browser.py`'s."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.aggregator.pages.page_store import PageStore
from shared.access.keys import Kind, Role
from shared.access.store import AccessUnknown
from shared.election.calendar import Calendar
from shared.election.config import Level
from shared.election.loaded import load_calendar
from shared.events.incident_status import IncidentStatus
from shared.events.verdict import Verdict
from shared.http.pages.visitor import KEY_KEPT_S
from shared.mongo import DatabaseError
from shared.settings import Settings
from tests.builders import a_report, a_status, a_stock, an_incident, utc
from tests.service.aggregator.conftest import Bench, a_bench
from tests.service.aggregator.november import NOW, StandingClock, a_verdict, a_violation, november

NATION = Path(__file__).resolve().parents[3] / "deploy" / "elections" / "nasional-2024.yaml"
HOST = "desk.example"
ORIGIN = {"origin": f"http://{HOST}"}


def browser(bench: Bench, key: str | None = None, **headers: str) -> httpx.AsyncClient:
    """Without JavaScript; signed in if there is a key."""
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(bench.app, raise_app_exceptions=False),
        base_url=f"http://{HOST}",
        headers={**ORIGIN, "accept-language": "id", **headers},
        cookies={"desk-viewer-key": key} if key else None,
    )


def text_of(answer: httpx.Response) -> str:
    return html.unescape(" ".join(re.sub(r"<[^>]*>", " ", answer.text).split()))


@pytest.fixture
async def november_bench(settings: Settings, calendar: Calendar) -> AsyncIterator[Bench]:
    async with a_bench(settings, calendar, StandingClock()) as made:
        await made.feed(*november())
        yield made


@pytest.mark.parametrize(
    ("headers", "cookie", "is_secure"),
    [({}, "desk-viewer-key", False), ({"x-forwarded-proto": "https"}, "__Host-desk-viewer-key", True)],
)
async def test_the_key_is_kept_where_no_script_and_no_other_site_gets_it(
    bench: Bench, headers: dict[str, str], cookie: str, is_secure: bool
) -> None:
    """Beside intake's own cookie: browsers share cookies between ports. Signing out deletes it."""
    async with browser(bench, **headers) as visitor:
        answer = await visitor.post(
            "/sign-in", data={"key": f" {bench.viewer}\n", "back": "/regions/64?period=2024-11-18"}
        )
        assert (answer.status_code, answer.headers["location"]) == (303, "/regions/64?period=2024-11-18")
        value, *attributes = answer.headers["set-cookie"].split("; ")
        expected = {"HttpOnly", "SameSite=strict", "Path=/", f"Max-Age={KEY_KEPT_S}"}
        assert (value, set(attributes)) == (
            f"{cookie}={bench.viewer}",
            expected | ({"Secure"} if is_secure else set()),
        )
        typed = {"content-type": "application/x-www-form-urlencoded"}
        gone = await visitor.post("/sign-out", headers=typed)
    assert (gone.status_code, gone.headers["location"]) == (303, "/")
    assert gone.headers["set-cookie"].startswith(f'{cookie}=""; ')


@pytest.mark.parametrize(
    ("key", "status", "words"),
    [
        ("wrong", 401, "Kunci tidak dikenal"),
        ("", 401, "Kunci tidak dikenal"),
        ("k" * 600, 401, "Kunci tidak dikenal"),
        ("kunçi", 401, "Kunci tidak dikenal"),
        ("agency", 403, "Ini kunci instansi"),
        ("revoked", 401, "Kunci tidak dikenal"),
    ],
)
async def test_a_key_that_may_not_look_leads_back_to_signing_in(
    bench: Bench, key: str, status: int, words: str
) -> None:
    """With a word of why, without a cookie, and the way back is kept."""
    keys = {
        "agency": await bench.key(agency="kpu", kinds=frozenset({Kind.REPORTS})),
        "revoked": await bench.key(role=Role.VIEWER, is_revoked=True),
    }
    async with browser(bench) as visitor:
        answer = await visitor.post("/sign-in", data={"key": keys.get(key, key), "back": "/regions/64"})
    assert (answer.status_code, "set-cookie" in answer.headers) == (status, False)
    assert words in answer.text
    assert 'value="/regions/64"' in answer.text
    assert not key or keys.get(key, key) not in answer.text


async def test_a_key_that_cannot_be_checked_is_not_called_wrong(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database is away: 503, try again."""

    async def away(_key: str) -> Any:
        raise AccessUnknown

    monkeypatch.setattr(bench.access, "grant_of", away)
    async with browser(bench, "desk_somebody") as visitor:
        answer = await visitor.get("/")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    assert "Kunci belum dapat diperiksa" in answer.text


@pytest.mark.parametrize("path", ["/", "/regions/64.72", "/regions/64?period=2024-11-18"])
async def test_nothing_is_shown_without_a_key(november_bench: Bench, path: str) -> None:
    """A key that has ended is said so and forgotten."""
    async with browser(november_bench) as visitor:
        answer = await visitor.get(path)
        assert (answer.status_code, "Samarinda" in answer.text) == (200, False)
        assert f'value="{html.escape(path)}"' in answer.text
    async with browser(november_bench, "desk_ended") as visitor:
        answer = await visitor.get(path)
        assert (answer.status_code, "Max-Age=0" in answer.headers["set-cookie"]) == (401, True)


@pytest.mark.parametrize(
    "back", ["//evil.example", "https://evil.example", "/\\evil.example", "javascript:x", "/\nx", ""]
)
async def test_signing_in_leads_nowhere_else(bench: Bench, back: str) -> None:
    """An address that is not ours is home."""
    async with browser(bench) as visitor:
        answer = await visitor.post("/sign-in", data={"key": bench.viewer, "back": back})
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


@pytest.mark.parametrize(
    ("headers", "content", "status"),
    [
        ({"origin": "https://evil.example"}, "key=x", 403),
        ({"sec-fetch-site": "cross-site"}, "key=x", 403),
        ({"origin": ""}, "key=x", 403),
        ({"content-type": "application/json"}, "{}", 400),
        ({}, "key=x&key=y", 400),
        ({}, "key=x&other=y", 400),
        ({}, "key=%FF", 400),
        ({}, "key=" + "x" * 20_000, 400),
    ],
)
async def test_what_our_page_does_not_send_is_refused(
    bench: Bench, headers: dict[str, str], content: str, status: int
) -> None:
    """As a page, in words; the status behind it is the precise one."""
    plain = {"content-type": "application/x-www-form-urlencoded"}
    async with browser(bench) as visitor:
        answer = await visitor.post("/sign-in", headers={**plain, **headers}, content=content)
    precise = {"application/json": 415}.get(headers.get("content-type", ""), 413 if len(content) > 9_000 else status)
    assert (answer.status_code, answer.headers["content-type"]) == (precise, "text/html; charset=utf-8")


@pytest.mark.parametrize(
    "path",
    ["/regions/99.99", "/regions/nonsense", "/regions/64.72.01.1001.1", "/?period=18-11-2024", "/?period=2024-13-01"],
)
async def test_what_is_not_there_is_said_so(november_bench: Bench, path: str) -> None:
    """404, as a page."""
    async with browser(november_bench, november_bench.viewer) as visitor:
        answer = await visitor.get(path)
    assert (answer.status_code, "Halaman tidak ditemukan" in answer.text) == (404, True)


async def test_a_database_that_is_away_is_said_so(november_bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 in words; a page is never half a page."""

    async def away(*_: Any) -> Any:
        raise DatabaseError("away")

    monkeypatch.setattr(PageStore, "open_violations", away)
    async with browser(november_bench, november_bench.viewer) as visitor:
        await visitor.get("/regions/64.72")
        answer = await visitor.get("/")
    assert (answer.status_code, "Basis data tidak menjawab" in answer.text) == (503, True)


@pytest.mark.parametrize(
    ("method", "path", "accept", "status", "is_page"),
    [
        ("GET", "/nowhere", "text/html,*/*", 404, True),
        ("GET", "/nowhere", "application/json", 404, False),
        ("GET", "/v1/nowhere", "text/html", 404, False),
        ("GET", "/v1/regions", "text/html", 401, False),
        ("DELETE", "/regions/64", "", 405, True),
    ],
)
async def test_errors_are_pages_for_people_and_problems_for_programs(
    bench: Bench, method: str, path: str, accept: str, status: int, is_page: bool
) -> None:
    """The API's problem+json stays as it is."""
    async with browser(bench, accept=accept) as visitor:
        answer = await visitor.request(method, path)
    media_type = answer.headers["content-type"].partition(";")[0]
    assert (answer.status_code, media_type) == (status, "text/html" if is_page else "application/problem+json")


@pytest.mark.expect_errors("unexpected")
async def test_a_defect_of_ours_is_a_page_too(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is logged under the number that the page shows."""

    async def defective(*_: Any) -> Any:
        raise RuntimeError("a defect")

    monkeypatch.setattr(PageStore, "open_violations", defective)
    async with browser(bench, bench.viewer) as visitor:
        answer = await visitor.get("/")
    assert (answer.status_code, "Kesalahan di pihak kami" in answer.text) == (500, True)
    assert "a defect" not in answer.text


async def test_pages_keep_to_themselves(november_bench: Bench) -> None:
    """Nothing inline, nothing foreign, not kept by anybody; assets for ever, by their content's address."""
    async with browser(november_bench, november_bench.viewer) as visitor:
        answer = await visitor.get("/")
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self'" in policy
        assert "unsafe" not in policy
        assert answer.headers["cache-control"] == "no-store"
        assert not re.search(r"<script(?! src=)|<style|\sstyle=|\son[a-z]+=", answer.text)
        for address in re.findall(r'(?:src|href)="(/(?:live|desk)\.[^"]+)"', answer.text):
            asset = await visitor.get(address.replace("&amp;", "&"))
            assert (asset.status_code, "immutable" in asset.headers["cache-control"]) == (200, True)


async def test_what_agencies_write_is_text(bench: Bench) -> None:
    """Never markup, wherever it stands."""
    evil = '<script>alert(1)</script>"><img src=x onerror=alert(1)>'
    await bench.feed(
        a_report(NOW, summary=evil, source_office=evil, topics={"logistics": evil}),
        an_incident(utc("2024-11-25 01:00"), description=evil, place=evil, reported_party=evil),
    )
    async with browser(bench, bench.viewer) as visitor:
        for path in ("/", "/regions/64.72"):
            answer = await visitor.get(path)
            assert answer.status_code == 200
            assert not re.search(r"<script(?! src=)|<img", answer.text)
        assert evil in html.unescape(answer.text)


async def test_violations_of_the_quiet_period_come_first(bench: Bench) -> None:
    """Also when newer ones come that are none of it: on voting day."""
    await bench.feed(
        a_violation("i-quiet", 0, description="Di masa tenang."),
        an_incident(utc("2024-11-27 03:00"), event_id="i-voting", category="neutrality", description="Di hari H."),
        an_incident(utc("2024-11-20 03:00"), event_id="i-campaign", category="neutrality", description="Di kampanye."),
    )
    async with browser(bench, bench.viewer) as visitor:
        for path in ("/", "/regions/64"):
            shown = (await visitor.get(path)).text.partition('data-part="violations"')[2].partition("</section>")[0]
            assert re.findall(r'<p class="text">([^<]*)', shown) == ["Di masa tenang.", "Di hari H.", "Di kampanye."]


async def test_what_is_open_changes_with_each_event_though_it_is_kept_between_them(bench: Bench) -> None:
    """On the page of everything and on the province's, in both languages, each asked for twice."""
    steps: list[tuple[Any, str]] = [
        (a_violation("i1", 30), "1, 1 of the quiet period"),
        (a_violation("i2", 20, region="64.71"), "2, 2 of the quiet period"),
        (an_incident(utc("2024-11-20 03:00"), event_id="i3", category="neutrality"), "3, 2 of the quiet period"),
        (a_status(NOW, IncidentStatus.DISMISSED, incident_id="i1"), "2, 1 of the quiet period"),
    ]
    async with browser(bench, bench.viewer) as visitor:
        for event, expected in steps:
            await bench.feed(event)
            for path in ("/", "/regions/64") * 2:
                assert expected in text_of(await visitor.get(path, params={"lang": "en"})), (path, expected)
                count, quiet = expected[0], expected[3]
                told = text_of(await visitor.get(path, params={"lang": "id"}))
                assert f"{count}, di antaranya {quiet} pada masa tenang" in told


async def test_a_region_tells_its_whole_story(november_bench: Bench) -> None:
    """Verdicts with their earlier revisions, withdrawn and corrected reports, incidents with their steps."""
    async with browser(november_bench, november_bench.viewer) as visitor:
        timur = text_of(await visitor.get("/regions/64.08"))
        assert "Terlambat melapor setelah dinyatakan belum lapor dinilai 19 Nov, 04.00 WITA" in timur
        assert "Sebelumnya: Belum lapor (tidak ada laporan)" in timur
        samarinda = text_of(await visitor.get("/regions/64.72"))
        assert "Ditarik" in samarinda
        assert "Salah wilayah." in samarinda
        assert "Palaran (Kota Samarinda), Pasar Palaran, TPS 012" in samarinda
        assert "Diverifikasi 25 Nov, 09.00 WITA, province-desk · Dua saksi." in samarinda
        assert "UU 10/2016 pasal 73 dan 187A" in samarinda
        balikpapan = text_of(await visitor.get("/regions/64.71"))
        assert "dikoreksi oleh r-again" in balikpapan
        assert (
            "Diteruskan 20 Nov, 14.00 WITA, province-desk · kepada KPU · Diserahkan dengan berita acara." in balikpapan
        )
        assert "600 dari 600 Lengkap" in balikpapan
        english = text_of(await visitor.get("/regions/64.71?lang=en"))
        assert "corrected by r-again" in english
        assert "18 Nov, 10:25 WITA" in english


async def test_a_page_of_the_nation_asks_few_questions_each_by_an_index(settings: Settings) -> None:
    """514 regions in three zones: as many queries as for ten, no scan of a whole collection; provinces link down."""
    calendar = load_calendar(NATION, None, None)
    regencies = calendar.roster.at_level(Level.REGENCY)
    async with a_bench(settings, calendar, StandingClock()) as bench:
        begin = utc("2024-11-18 01:00")
        await bench.feed(*(a_report(begin, region=r.code, event_id=f"r{r.code}") for r in regencies[::2]))
        await bench.feed(*(an_incident(begin, region=r.code, event_id=f"i{r.code}") for r in regencies[::9]))
        await bench.feed(*(a_stock(begin, region=r.code, event_id=f"l{r.code}") for r in regencies[::7]))
        await bench.feed(*(a_verdict(r.code, Verdict.ON_TIME) for r in regencies[::2]))
        async with browser(bench, bench.viewer) as visitor:
            await visitor.get("/")  # the key is known from here on
            await bench.database.command({"profile": 2})
            home = await visitor.get("/?period=2024-11-18")
            await bench.database.command({"profile": 0})
            asked = [
                q
                async for q in bench.database["system.profile"].find({"op": {"$in": ["query", "command", "getmore"]}})
            ]
            asked = [q for q in asked if "profile" not in q["command"]]
            assert 0 < len(asked) <= 14
            assert [q["command"] for q in asked if "COLLSCAN" in q.get("planSummary", "")] == []
            words = text_of(home)
            assert f"{len(regencies[::2])}/{len(regencies)} sudah lapor" in words
            assert "Papua" in words
            assert '<a href="/regions/64?period=2024-11-18">Kalimantan Timur</a>' in home.text
            papua = text_of(await visitor.get("/regions/91?period=2024-11-18"))
            assert "WIT" in papua
            assert "WITA" not in papua.partition("Kondisi")[0]


PREFIX = "/pantau"


@pytest.mark.parametrize("path", ["/", "/regions/64", "/regions/64.72", "/regions/99"])
async def test_below_a_gateways_path_every_address_stays_below_it(november_bench: Bench, path: str) -> None:
    """The gateway takes the path off and says so; what a page loads, links to and posts to begins with it again."""
    async with browser(november_bench, november_bench.viewer, **{"x-forwarded-prefix": PREFIX}) as visitor:
        for address in (path, "/sign-in"):
            page = (await visitor.get(address, headers={"accept": "text/html"})).text
            found = re.findall(r'(?:href|src|action|data-stream)="(/[^"]*)"', page)
            assert found
            assert [one for one in found if not one.startswith(f"{PREFIX}/")] == []


async def test_below_a_gateways_path_redirects_and_documents_stay_below_it(bench: Bench) -> None:
    """Where to after signing in and out, and where Swagger's calls go. What is no path changes nothing."""
    typed = {"key": bench.viewer, "back": "/regions/64"}
    async with browser(bench, **{"x-forwarded-prefix": PREFIX}) as visitor:
        signed_in = await visitor.post("/sign-in", data=typed)
        assert signed_in.headers["location"] == f"{PREFIX}/regions/64"
        form = {"content-type": "application/x-www-form-urlencoded"}
        assert (await visitor.post("/sign-out", headers=form)).headers["location"] == f"{PREFIX}/"
        assert (await visitor.get("/openapi.json")).json()["servers"] == [{"url": PREFIX}]
    for wrong in ("//evil.example", "/a b", "/", "https://evil.example", '/"x'):
        async with browser(bench, **{"x-forwarded-prefix": wrong}) as visitor:
            assert (await visitor.post("/sign-in", data=typed)).headers["location"] == "/regions/64"
            assert "servers" not in (await visitor.get("/openapi.json")).json()
