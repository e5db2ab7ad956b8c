"""The page `/docs` in a real browser: it shows the calls, and nobody but the service is asked for anything."""

from __future__ import annotations

from playwright.async_api import Request, expect

from tests.browser.conftest import DESKTOP, Open
from tests.service.intake.real_intake import RealIntake


async def test_the_documents_need_nobody_else(open_page: Open, intake: RealIntake) -> None:
    """All that the page loads is ours; a call with its example is there, and can be tried."""
    page = await open_page(viewport=DESKTOP)
    asked: list[str] = []

    def note(request: Request) -> None:
        asked.append(request.url)

    page.on("request", note)
    home = page.url.partition("?")[0].rstrip("/")
    await page.goto(f"{home}/docs")
    call = page.locator("[id$=post_report_v1_reports_post]")
    await expect(call).to_be_visible()
    await call.get_by_role("button").first.click()
    await expect(call).to_contain_text("Try it out")
    await expect(call).to_contain_text("condition")
    assert len(asked) >= 4
    assert [url for url in asked if not url.startswith((home, "data:"))] == []
