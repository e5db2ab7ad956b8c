"""The page in a real browser (Chromium), over a real server and a real MongoDB. It writes the documents' pictures when
`DESK_TEST_SCREENSHOTS` is set."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, Page, expect

from services.aggregator.stream.hub import Hub
from shared.election.calendar import Calendar
from shared.settings import Settings
from tests.browser.chromium import a_browser
from tests.service.aggregator.browser import SCREENSHOTS, served
from tests.service.aggregator.conftest import Bench, a_bench
from tests.service.aggregator.november import StandingClock, a_violation, november

PHONE, DESKTOP, PROJECTOR, A4 = (390, 844), (1280, 900), (1920, 1080), (794, 1123)


@dataclass
class Seen:
    """A browser before an aggregator."""

    bench: Bench
    url: str
    browser: Browser

    async def visitor(self, size: tuple[int, int] = DESKTOP, **options: Any) -> BrowserContext:
        """Signed in by the form, as a person does."""
        viewport: Any = {"width": size[0], "height": size[1]}
        context = await self.browser.new_context(**{"viewport": viewport, "locale": "id-ID", **options})
        context.set_default_timeout(10_000)
        page = await context.new_page()
        await page.goto(self.url)
        await page.fill("#key", self.bench.viewer)
        await page.click("button.main")
        await expect(page.locator("h1")).to_have_text("Kondisi terkini")
        await page.close()
        return context


@pytest.fixture(scope="module")
async def seen(mongo_url: str, calendar: Calendar) -> AsyncIterator[Seen]:
    settings = Settings(mongo=mongo_url, kafka="127.0.0.1:1")
    async with a_bench(settings, calendar, StandingClock()) as bench:
        consumer: Any = bench.consumer
        consumer._is_joined, consumer.lag = True, 0  # as one that reads and has read everything
        await bench.feed(*november())
        async with bench.streaming(), served(bench.app) as url, a_browser() as browser:
            yield Seen(bench, url, browser)


async def picture(page: Page, name: str, whole: bool = False) -> None:
    if os.environ.get("DESK_TEST_SCREENSHOTS"):
        SCREENSHOTS.mkdir(exist_ok=True)
        await page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=whole, animations="disabled")


async def width_beyond(page: Page) -> int:
    """How far the page is wider than its window, or a table than its place."""
    found: int = await page.evaluate(
        "Math.max(document.documentElement.scrollWidth - window.innerWidth,"
        " ...[...document.querySelectorAll('.scroll')].map(one => one.scrollWidth - one.clientWidth))"
    )
    return found


async def test_without_javascript_the_page_is_complete(seen: Seen) -> None:
    """Sign in, see who is missing, go to another Monday, to a region, switch the language, sign out."""
    context = await seen.visitor(java_script_enabled=False)
    page = await context.new_page()
    await page.goto(f"{seen.url}/?period=2024-11-18")
    attendance = page.locator(".attendance")
    await expect(attendance.locator(".figure")).to_have_text("7/10 sudah lapor")
    await expect(attendance.locator(".silent")).to_contain_text(
        "Kabupaten Kutai Barat, Kabupaten Kutai Timur, Kota Samarinda"
    )
    await expect(page.locator(".countdown .figure strong")).to_have_text("1 hari 14 jam")
    await expect(page.locator(".status")).to_contain_text("Semua kiriman sudah terbaca")
    await expect(page.locator("[data-live]")).to_be_hidden()
    assert await page.locator(".violations article h3").all_inner_texts() == [
        "Politik uang Masa tenang",
        "Iklan media Masa tenang",
        "Alat peraga kampanye (APK) Pelanggaran",
    ]
    await page.click("text=11 Nov")
    await expect(attendance.locator(".figure")).to_have_text("5/10 sudah lapor")
    await page.click("text=English")
    await expect(page.locator("h1")).to_have_text("Current condition")
    assert {"On time", "Late", "Missing", "Undetermined", "Excused", "Pending"} == {
        text.strip() for text in await attendance.locator(".verdict").all_inner_texts()
    }
    await page.click(".regions >> text=Kutai Timur")
    await expect(page.locator("h1")).to_contain_text("Kabupaten Kutai Timur")
    await expect(page.locator("[data-part=attended]")).to_contain_text("Before: Missing (no report was received)")
    await page.click("text=Sign out")
    await expect(page.locator("#key")).to_be_visible()
    await context.close()


@pytest.mark.parametrize(
    ("size", "name"), [(PHONE, "page-phone"), (DESKTOP, "page-desktop"), (PROJECTOR, "page-projector")]
)
async def test_it_can_be_read_on_a_phone_and_on_a_projector(seen: Seen, size: tuple[int, int], name: str) -> None:
    """Nothing is wider than the window, letters are large enough, and the missing are named without scrolling."""
    context = await seen.visitor(size)
    page = await context.new_page()
    for path in ("/?period=2024-11-18", "/", "/regions/64.71", "/regions/64", "/regions/64.72.01"):
        await page.goto(seen.url + path)
        assert await width_beyond(page) <= 0
    await page.goto(f"{seen.url}/?period=2024-11-18")
    await expect(page.locator("[data-live]")).to_be_visible()
    letters = await page.evaluate("parseFloat(getComputedStyle(document.querySelector('.silent p')).fontSize)")
    assert letters >= {PHONE: 16, DESKTOP: 16, PROJECTOR: 22}[size]
    box = await page.locator(".silent").bounding_box()
    assert box is not None
    assert box["y"] + box["height"] <= size[1]
    await picture(page, name)
    if size == DESKTOP:
        await page.goto(f"{seen.url}/regions/64.71")
        await expect(page.locator("[data-live]")).to_be_visible()
        await expect(page.locator(".summary .flags")).to_contain_text("Laporan 25 Nov menyebut normal")
        await picture(page, "page-region")
    await context.close()


async def test_it_prints_for_the_coordination_meeting(seen: Seen) -> None:
    """Black on white, no buttons; each verdict is told by a word and a sign, and the page is a few sheets."""
    context = await seen.visitor(A4)
    page = await context.new_page()
    await page.goto(f"{seen.url}/?period=2024-11-18")
    await page.emulate_media(media="print")
    for hidden in (".periods", ".switch", "footer form"):
        await expect(page.locator(hidden)).to_be_hidden()
    missing = page.locator(".regions .verdict.missing >> nth=0")
    await expect(missing).to_have_text("Belum lapor")
    sign, colour = await missing.evaluate(
        "one => [getComputedStyle(one, '::before').content, getComputedStyle(one).color]"
    )
    assert (sign, colour) == ('"✕"', "rgb(0, 0, 0)")
    printed = await page.pdf(format="A4")
    assert printed.count(b"/Type /Page\n") <= 4
    await picture(page, "page-print")
    await page.goto(seen.url)
    flag = page.locator(".flagged .flags li >> nth=0")
    await expect(flag).to_be_visible()
    sign, border = await flag.evaluate(
        "one => [getComputedStyle(one, '::before').content, getComputedStyle(one).borderTopStyle]"
    )
    assert ("\u2691" in sign, border) == (True, "dashed")
    assert (await page.pdf(format="A4")).count(b"/Type /Page\n") <= 5
    await page.goto(f"{seen.url}/regions/64.71")
    await expect(page.locator(".summary .flags li")).to_be_visible()
    await context.close()


async def test_verdicts_differ_without_colour(seen: Seen) -> None:
    """Word, sign and border: any two of the six differ in all of them, or nearly."""
    context = await seen.visitor()
    page = await context.new_page()
    await page.goto(f"{seen.url}/?period=2024-11-11")
    found = await page.locator(".counts .verdict").evaluate_all(
        "all => all.map(one => [one.textContent, getComputedStyle(one, '::before').content])"
    )
    assert len(found) == len({word for word, _ in found}) == len({sign for _, sign in found}) == 6
    await context.close()


async def test_a_new_violation_appears_without_a_reload(seen: Seen) -> None:
    """With its mark, on top; what a reader has opened stays open, and no rule of the content policy is broken."""
    context = await seen.visitor()
    page = await context.new_page()
    broken: list[str] = []
    page.on("console", lambda message: broken.append(message.text) if message.type in ("error", "warning") else None)
    await page.goto(f"{seen.url}/?period=2024-11-18")
    await expect(page.locator("[data-live]")).to_have_text("Diperbarui langsung")
    await page.evaluate("window.isSame = true")
    await page.click(".violations summary >> nth=0")
    await seen.bench.feed(
        a_violation("i-new", 1, region="64.74", description="Pembagian sembako.", category="campaigning")
    )
    first = page.locator(".violations article >> nth=0")
    await expect(first).to_contain_text("Pembagian sembako.")
    assert "fresh" in (await first.get_attribute("class") or "")
    await expect(page.locator(".violations article >> nth=1").locator("details")).to_have_attribute("open", "")
    assert await page.evaluate("window.isSame") is True
    assert broken == []
    await context.close()


async def test_the_page_says_so_when_the_stream_is_cut(seen: Seen, monkeypatch: pytest.MonkeyPatch) -> None:
    """And catches up once it is back."""
    context = await seen.visitor()
    page = await context.new_page()
    await page.goto(seen.url)
    mark = page.locator("[data-live]")
    await expect(mark).to_have_text("Diperbarui langsung")
    with monkeypatch.context() as cut:
        cut.setattr(Hub, "is_full", property(lambda _hub: True))
        for watcher in list(seen.bench.hub._members):
            watcher.end()
        await expect(mark).to_have_text("Sambungan terputus, menyambung lagi …")
        await seen.bench.feed(a_violation("i-cut", 0, region="64.74", description="Saat sambungan terputus."))
    await expect(mark).to_have_text("Diperbarui langsung", timeout=15_000)
    await expect(page.locator(".violations")).to_contain_text("Saat sambungan terputus.")
    await context.close()
