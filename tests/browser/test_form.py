"""The form for people in a real browser: what a clerk does, what the log then holds."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.async_api import Page, expect

from shared.events.incident import IncidentEvent
from shared.events.report import ReportEvent
from tests.browser.conftest import DESKTOP, PHONE, Agency, Open, Shoot
from tests.browser.log_of_events import Log
from tests.service.intake.real_intake import RealIntake
from tests.tcp_proxy import Wire

SEND = "button.main"
SENT = re.compile("/sent")
SUMMARY = "Aman dan terkendali. Gudang logistik siap menerima kotak suara."


async def sign_in(page: Page, key: str) -> None:
    await page.fill("#key", key)
    await page.click(SEND)
    await expect(page.locator(".cards")).to_be_visible()


async def fill_report(page: Page, summary: str = SUMMARY) -> None:
    await page.check("[value=normal]")
    await page.fill("#summary", summary)


async def send(page: Page) -> None:
    await page.click(SEND)
    await expect(page).to_have_url(SENT)


async def focused(page: Page) -> str:
    """The id, name or text of what has the focus."""
    return str(await page.evaluate("(e => e.id || e.name || e.textContent.trim())(document.activeElement)"))


async def test_a_report_from_a_phone_without_javascript(
    open_page: Open, agency: Agency, log: Log, shoot: Shoot
) -> None:
    """Sign in once, fill in, send: one event in the log, and a receipt that can be loaded again."""
    page = await open_page(java_script_enabled=False)
    await page.fill("#key", "desk_salah")
    await page.click(SEND)
    await expect(page.get_by_role("alert")).to_contain_text("Kunci tidak dikenal")
    await shoot(page, "sign-in-phone")
    await sign_in(page, agency.key)
    (cookie,) = [c for c in await page.context.cookies() if c["name"] == "desk-key"]
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Strict")
    await page.click("a[href='/report']")
    await fill_report(page)
    await shoot(page, "report-phone")
    form_id = await page.input_value("[name=id]")
    await send(page)
    await expect(page.get_by_role("heading", name="Laporan diterima")).to_be_visible()
    await expect(page.locator("main")).to_contain_text("Senin, 18 November 2024, 10.00 WITA")
    await page.reload()
    await expect(page.locator(".id")).to_have_text(form_id)
    (event,) = await log.events(agency.name, at_least=1)
    assert isinstance(event, ReportEvent)
    assert (event.id, event.subject, event.data.summary) == (form_id, "64.72", SUMMARY)


async def test_a_second_tap_is_no_second_report(open_page: Open, agency: Agency, log: Log) -> None:
    """However often it reaches the log, it is one event: the same id, the same content."""
    page = await open_page(has_touch=True)
    await sign_in(page, agency.key)
    await page.goto("/report")
    await fill_report(page)
    await page.dblclick(SEND, no_wait_after=True)
    await expect(page).to_have_url(SENT)
    events = await log.events(agency.name, at_least=1)
    assert len({(event.identity, event.contenthash) for event in events}) == 1


async def test_back_after_sending_leads_to_the_receipt(open_page: Open, agency: Agency, log: Log) -> None:
    """Whether the browser shows the page it kept, or asks again: nothing is sent twice."""
    page = await open_page()
    await sign_in(page, agency.key)
    await page.click("a[href='/report']")
    await fill_report(page)
    await send(page)
    await page.go_back()
    if not SENT.search(page.url):
        await fill_report(page)
        await page.click(SEND)
    await expect(page.get_by_role("status")).to_contain_text("tidak dihitung dua kali")
    events = await log.events(agency.name, at_least=1)
    assert len({(event.identity, event.contenthash) for event in events}) == 1


async def test_errors_stand_beside_the_fields_and_take_the_focus(
    open_page: Open, agency: Agency, shoot: Shoot
) -> None:
    """The summary is focused and leads to each field; what was typed is still there."""
    page = await open_page()
    await sign_in(page, agency.key)
    await page.click("a[href='/report']")
    await page.fill("#source_office", "Kelurahan Handil Bakti")
    await page.click(SEND)
    await expect(page.locator("#errors")).to_be_focused()
    await shoot(page, "errors-phone")
    wrong = page.locator("#summary-wrong")
    await expect(wrong).to_have_text("Wajib diisi.")
    label, field = page.locator("label[for=summary]"), page.locator("#summary")
    tops = [box["y"] for box in [await part.bounding_box() for part in (label, wrong, field)] if box]
    assert (tops == sorted(tops), len(tops), tops[2] - tops[0] < 150) == (True, 3, True)
    await expect(field).to_have_accessible_description(re.compile("Wajib diisi"))
    await expect(page.locator("#source_office")).to_have_value("Kelurahan Handil Bakti")
    await page.click("#errors a[href='#summary']")
    assert await focused(page) == "summary"


async def test_with_the_keyboard_alone(open_page: Open, agency: Agency, log: Log) -> None:
    """In the order in which one reads; Enter in a line sends, and presses no other button."""
    page = await open_page(viewport=DESKTOP)
    await page.keyboard.press("Tab")  # the way past the heading
    assert await focused(page) == "Langsung ke isi"
    await page.focus("#key")
    await page.keyboard.insert_text(agency.key)
    await page.keyboard.press("Enter")
    await expect(page.locator(".cards")).to_be_visible()
    await page.goto("/report")
    await page.focus("#region")
    visited = []
    for typed in ("", "", " ", SUMMARY, "", "Kantor camat"):
        visited.append(await focused(page))
        await page.keyboard.press("Space") if typed == " " else await page.keyboard.insert_text(typed)
        if visited[-1] != "source_office":
            await page.keyboard.press("Tab")
    expected = ["region", "period", "condition", "summary", "Bagian tambahan (tidak wajib)", "source_office"]
    assert visited == expected
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(SENT)
    (event,) = await log.events(agency.name, at_least=1)
    assert isinstance(event, ReportEvent)
    assert (event.data.condition, event.data.source_office) == ("normal", "Kantor camat")


async def test_an_incident_and_a_switch_of_the_language_in_between(
    open_page: Open, agency: Agency, log: Log, shoot: Shoot
) -> None:
    """What was typed stays over the switch; the time is the region's own."""
    page = await open_page(color_scheme="dark")
    await sign_in(page, agency.key)
    await page.click("a[href='/incident']")
    await page.select_option("#region", label="Kecamatan Palaran")
    await page.select_option("#category", label="Politik uang")
    await page.fill("#occurred_at", "2024-11-18T09:15")
    await page.fill("#description", "Amplop dibagikan di pasar pagi.")
    await shoot(page, "incident-phone-dark")
    await page.get_by_role("button", name="English").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Incident")
    assert await page.get_attribute("html", "lang") == "en"
    await send(page)
    await expect(page.get_by_role("heading", name="Incident accepted")).to_be_visible()
    (event,) = await log.events(agency.name, at_least=1)
    assert isinstance(event, IncidentEvent)
    assert (event.subject, event.data.category) == ("64.72.01", "money_politics")
    assert event.data.occurred_at.isoformat() == "2024-11-18T01:15:00+00:00"


async def test_an_outage_keeps_the_form_and_its_id(
    open_page: Open, intake: RealIntake, cut_off: int, agency: Agency, log: Log
) -> None:
    """503 from a replica without Kafka: the filled form says "send again". The next tap, which the gateway leads to
    another replica, is the same report."""
    gateway = await lead_to(intake.port)
    page = await open_page(gateway.port)
    await sign_in(page, agency.key)
    await page.click("a[href='/report']")
    await fill_report(page)
    form_id = await page.input_value("[name=id]")
    gateway = await lead_to(cut_off, instead_of=gateway)
    await page.click(SEND)
    await expect(page.get_by_role("alert")).to_contain_text("Belum dapat dipastikan tersimpan")
    assert await page.input_value("[name=id]") == form_id
    assert await page.input_value("#summary") == SUMMARY
    gateway = await lead_to(intake.port, instead_of=gateway)
    await page.get_by_role("button", name="Kirim lagi").click()
    await expect(page).to_have_url(SENT)
    await gateway.cut()
    events = await log.events(agency.name, at_least=1)
    assert [event.id for event in events] == [form_id]


async def lead_to(port: int, instead_of: Wire | None = None) -> Wire:
    """A gateway that leads to one replica, at the address of another gateway if it stands in for it."""
    gateway = Wire("127.0.0.1", port)
    if instead_of is not None:
        await instead_of.cut()
        gateway.port = instead_of.port
    await gateway.join()
    return gateway


async def test_a_correction_from_a_large_scope(
    open_page: Open, new_agency: Callable[..., Agency], log: Log, shoot: Shoot
) -> None:
    """The province's desk narrows its regions, reports for a village, corrects what it sent; all from the pages."""
    province = new_agency("64")
    page = await open_page(viewport=DESKTOP, language="en-GB")
    await sign_in(page, province.key)
    await shoot(page, "home-desktop")
    await page.click("a[href='/report']")
    await page.select_option("#region", label="Kota Samarinda")
    await page.get_by_role("button", name="Show the regions below it").click()
    await page.select_option("#region", label="Handil Bakti")
    await fill_report(page)
    await send(page)
    await shoot(page, "receipt-desktop")
    await page.get_by_role("link", name="Correct this report").click()
    await fill_report(page, "The power is out.")
    await page.get_by_role("button", name="Send as a correction").click()
    await expect(page).to_have_url(SENT)
    first, second = await log.events(province.name, at_least=2)
    assert isinstance(second, ReportEvent)
    assert (first.subject, second.subject) == ("64.72.01.1002", "64.72.01.1002")
    assert second.data.replaces == first.id


@pytest.mark.parametrize("viewport", [{"width": 320, "height": 600}, PHONE, DESKTOP], ids=lambda v: f"{v['width']}px")
async def test_pages_fit_and_targets_are_large(
    open_page: Open, agency: Agency, viewport: dict[str, int], shoot: Shoot
) -> None:
    """Nothing to scroll sideways, and every control is as tall as a finger (44 px) on every page."""
    page = await open_page(viewport=viewport)
    await fits(page)
    await sign_in(page, agency.key)
    await fits(page)
    for path in ("/report", "/incident"):
        await page.goto(path)
        await fits(page)
        await page.click(SEND)
        await fits(page)
    await page.goto("/withdraw?report=r1&region=64.72&period=2024-11-18")
    await fits(page)
    await page.goto("/nowhere")
    await fits(page)


async def fits(page: Page) -> None:
    """The page has no unseen part at its side, and its controls are large."""
    assert await page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), page.url
    shown = "select, textarea, button:not(.default), summary, .choice, .cards a, .switch > *, .next a"
    heights = await page.evaluate(f"""[...document.querySelectorAll('input:not([type=hidden], [type=radio]), {shown}')]
        .filter(e => e.checkVisibility()).map(e => [e.outerHTML.slice(0, 60), e.getBoundingClientRect().height])""")
    assert [found for found in heights if found[1] < 44] == [], page.url
