"""Where the browser of these tests comes from: DESK_TEST_CHROMIUM, else PATH, else playwright's own, which is fetched
once where it is missing and can be had."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from playwright.async_api import Browser, Error, Playwright, async_playwright

VARIABLE = "DESK_TEST_CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome")
INSTALL_TIMEOUT_S = 120.0
LAUNCH_TIMEOUT_MS = 60_000
# In containers and as root, and without a word to anybody outside.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


class NoBrowser(Exception):
    """Why there is none, and what to do."""


@asynccontextmanager
async def a_browser() -> AsyncIterator[Browser]:
    """Skips the test, with the reason, where there is none."""
    async with async_playwright() as playwright:
        try:
            browser = await launch(playwright)
        except NoBrowser as reason:
            pytest.skip(str(reason))
        try:
            yield browser
        finally:
            await browser.close()


async def launch(playwright: Playwright) -> Browser:
    """A running Chromium. Raises NoBrowser; Error for one that DESK_TEST_CHROMIUM names in vain."""
    path = os.environ.get(VARIABLE) or next(filter(None, map(shutil.which, NAMES)), None)
    if path is not None:
        return await _launch(playwright, path)
    try:
        return await _launch(playwright, None)
    except Error:
        problem = _install()
    try:
        return await _launch(playwright, None)
    except Error as error:
        raise NoBrowser(
            f"no Chromium: none of {', '.join(NAMES)} is on PATH, {VARIABLE} names none, and playwright's own is "
            f"missing ({problem or str(error).splitlines()[0]})"
        ) from None


async def _launch(playwright: Playwright, path: str | None) -> Browser:
    return await playwright.chromium.launch(executable_path=path, args=ARGUMENTS, timeout=LAUNCH_TIMEOUT_MS)


def _install() -> str | None:
    """None if it went well, else why not."""
    command = [sys.executable, "-m", "playwright", "install", "--only-shell", "chromium"]
    try:
        done = subprocess.run(command, capture_output=True, timeout=INSTALL_TIMEOUT_S, check=False)
    except subprocess.TimeoutExpired:
        return f"its installation took longer than {INSTALL_TIMEOUT_S:.0f} s"
    return None if done.returncode == 0 else f"its installation failed with exit code {done.returncode}"
