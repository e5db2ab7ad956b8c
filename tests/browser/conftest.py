"""A real browser in front of a real intake, on the real broker and database. One browser a run, one agency a test.

`DESK_SCREENSHOTS=docs/screenshots make test TESTS=tests/browser` writes the pictures of the documents anew.
"""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Page
from pymongo import MongoClient

from desk.service_processes import environment, service_child, why_not_ready
from desk.stack.ports import free_ports
from shared import mongo
from shared.access import store
from shared.access.keys import Grant, Kind, new_key
from tests.browser.chromium import a_browser
from tests.browser.log_of_events import Log, open_log
from tests.browser.small_png import small_png
from tests.builders import a_holder_document
from tests.service.intake.real_intake import RealIntake, real_intake

CLOCK = "2024-11-18T10:00:00+08:00@1"  # nobody starts it: it stands
PHONE = {"width": 360, "height": 740}
DESKTOP = {"width": 1100, "height": 800}
TIMEOUT_MS = 15_000
KEY_BEGINS = "desk_desk-"  # must not stand in any log

Open = Callable[..., Awaitable[Page]]
Shoot = Callable[[Page, str], Awaitable[None]]


@dataclass(frozen=True)
class Agency:
    name: str
    key: str


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    async with a_browser() as browser:
        yield browser


@pytest.fixture(scope="session")
def replica_without_kafka(mongo_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port of an intake that has lost Kafka; started, and not waited for."""
    (port,), home = free_ports(1), tmp_path_factory.mktemp("cut-off")
    env = environment(os.environ, kafka="127.0.0.1:1", mongo=mongo_url, clock=CLOCK, data_dir=home)
    process = service_child("intake", port, env, home / "intake.log").start()
    yield port
    process.stop()


@pytest.fixture(scope="session")
def intake(
    chromium: Browser,
    replica_without_kafka: int,
    broker_address: str,
    mongo_url: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RealIntake]:
    home = tmp_path_factory.mktemp("intake")
    with real_intake(broker_address, mongo_url, {}, home, clock=CLOCK, data_dir=home) as started:
        yield started
    assert KEY_BEGINS not in (home / "intake.log").read_text()


@pytest.fixture
def cut_off(replica_without_kafka: int) -> int:
    """The same, once it answers."""
    deadline = time.monotonic() + 60
    while (problem := why_not_ready(replica_without_kafka)) is not None and "Kafka" not in problem:
        assert time.monotonic() < deadline, problem
        time.sleep(0.1)
    return replica_without_kafka


@pytest.fixture
def new_agency(mongo_url: str) -> Callable[..., Agency]:
    """Makes an agency of its own, of Samarinda if nothing else is said, that may send everything the form sends."""

    def make(*regions: str) -> Agency:
        name = f"desk-{secrets.token_hex(4)}"
        key = new_key(name)
        assert key.startswith(KEY_BEGINS)
        kinds = frozenset({Kind.REPORTS.value, Kind.INCIDENTS.value})
        document = a_holder_document(key, Grant(name, name, kinds, regions or ("64.72",)))
        client: MongoClient[dict[str, object]] = MongoClient(mongo_url, tz_aware=True)
        with client:
            client[mongo.ACCESS_DB][store.COLLECTION].insert_one(document)
        return Agency(name, key)

    return make


@pytest.fixture
def agency(new_agency: Callable[..., Agency]) -> Agency:
    return new_agency()


@pytest.fixture
async def log(intake: RealIntake, broker_address: str) -> AsyncIterator[Log]:
    async with open_log(broker_address) as log:
        yield log


@pytest.fixture
async def open_page(chromium: Browser, intake: RealIntake) -> AsyncIterator[Open]:
    """A page of a browser that knows nothing yet. It is closed afterwards, and must have obeyed the page's policy."""
    contexts: list[BrowserContext] = []
    said: list[str] = []

    async def open_one(port: int | None = None, language: str = "id-ID", **options: object) -> Page:
        wanted = {"viewport": PHONE, "locale": language, "base_url": f"http://127.0.0.1:{port or intake.port}"}
        context = await chromium.new_context(**{**wanted, **options})  # type: ignore[arg-type]
        contexts.append(context)
        context.set_default_timeout(TIMEOUT_MS)
        page = await context.new_page()
        page.on("console", lambda message: said.append(message.text))
        await page.goto("/")
        return page

    yield open_one
    for context in contexts:
        await context.close()
    assert [line for line in said if "Content Security Policy" in line] == []


@pytest.fixture
def shoot() -> Shoot:
    """A picture for the documents, where DESK_SCREENSHOTS names a directory."""
    directory = os.environ.get("DESK_SCREENSHOTS")

    async def shoot_one(page: Page, name: str) -> None:
        if directory:
            picture = small_png(await page.screenshot(full_page=True))
            (Path(directory) / f"form-{name}.png").write_bytes(picture)

    return shoot_one
