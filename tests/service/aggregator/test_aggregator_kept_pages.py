"""Pages and lists by a process that has shown them before: they say what one says that has kept nothing."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI

from services.aggregator.app import build
from shared.election.calendar import Calendar
from shared.events.incident_status import IncidentStatus
from shared.events.verdict import Verdict
from shared.exactly_once import guard
from shared.exactly_once.guard import Guard
from shared.exactly_once.steps import Poisoned
from shared.settings import Settings
from tests.builders import a_report, a_status, a_stock
from tests.service.aggregator.conftest import Bench, a_bench
from tests.service.aggregator.november import NEXT_MONDAY, NOW, StandingClock, a_verdict, a_violation, november

PAGES = (
    "/",
    "/?period=2024-11-25",
    "/?period=2024-11-18",
    "/regions/64",
    "/regions/64.72",
    "/regions/64.71",
    "/regions/64.72.01",
)
LISTS = ("/v1/incidents", "/v1/reports", "/v1/logistics", "/v1/alerts", "/v1/incidents?region=64.72&limit=2")
MINUTE = timedelta(minutes=1)
FED_AT_ONCE = 3


@pytest.fixture
async def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
async def bench(settings: Settings, calendar: Calendar, clock: StandingClock) -> AsyncIterator[Bench]:
    async with a_bench(settings, calendar, clock) as made:
        yield made


async def page(
    bench: Bench, address: str, app: FastAPI | None = None, language: str = "en", root: str | None = None
) -> str:
    path, _, query = address.partition("?")
    headers = [(b"cookie", f"desk-viewer-key={bench.viewer}".encode()), (b"accept-language", language.encode())]
    if root is not None:
        headers.append((b"x-forwarded-prefix", root.encode()))
    return await got(app or bench.app, path, query, headers)


async def listed(bench: Bench, address: str, app: FastAPI | None = None) -> str:
    path, _, query = address.partition("?")
    return await got(app or bench.app, path, query, [(b"authorization", f"Bearer {bench.viewer}".encode())])


async def got(app: FastAPI, path: str, query: str, headers: list[tuple[bytes, bytes]]) -> str:
    answered: list[Any] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        answered.append(message)

    about = {"type": "http", "method": "GET", "scheme": "http", "http_version": "1.1", "root_path": ""}
    address = {"path": path, "raw_path": path.encode(), "query_string": query.encode(), "server": ("aggregator", 80)}
    await app({**about, **address, "headers": headers}, receive, send)
    assert answered[0]["status"] == 200, (path, query)
    return b"".join(message.get("body", b"") for message in answered[1:]).decode()


def text_of(page: str) -> str:
    return html.unescape(" ".join(re.sub(r"<[^>]*>", " ", page).split()))


async def test_each_event_is_shown_as_by_a_process_that_has_kept_nothing(bench: Bench, clock: StandingClock) -> None:
    """Of the election's November, some events after the others, while the time passes now and then: on every page and
    in every list, byte for byte."""
    events = [*november(), *later()]
    for n in range(0, len(events), FED_AT_ONCE):
        await bench.feed(*events[n : n + FED_AT_ONCE])
        clock.instant += MINUTE if n % 5 == 0 else timedelta()
        anew = build(bench.parts)
        # In the other order, lest both take the same page for another one.
        fresh = {address: await page(bench, address, anew) for address in reversed(PAGES)}
        for address in PAGES:
            assert await page(bench, address) == fresh[address], (address, n)
        for address in LISTS:
            assert await listed(bench, address) == await listed(bench, address, anew), (address, n)


def later() -> list[Any]:
    """What takes back, comes again, and is done."""
    return [
        a_violation("late-1", 5),
        a_violation("late-2", 4, region="64.72.01"),
        a_status(NOW, IncidentStatus.DISMISSED, incident_id="late-1", event_id="d1"),
        a_stock(NOW, region="64.72", event_id="all-there", received_pieces=600, required=600),
        a_report(NOW, region="64.72", event_id="again", summary="Ada kejadian."),
        a_verdict("64.72", Verdict.LATE, 7),
    ]


@pytest.mark.parametrize("address", ["/", "/regions/64", "/regions/64.72"])
async def test_each_reader_has_their_own_language_and_addresses(bench: Bench, address: str) -> None:
    """Of one process, in turn: of what was drawn for another reader nothing is shown."""
    await bench.feed(*november())
    readers: list[Any] = [
        {"language": language, "root": root} for language in ("id", "en") for root in (None, "/pantau")
    ]
    shown = [await page(bench, address, **reader) for reader in readers]
    assert len(set(shown)) == len(readers)
    for reader, before in zip(readers, shown, strict=True):
        assert await page(bench, address, **reader) == before
        assert await page(bench, address, build(bench.parts), **reader) == before


@pytest.mark.parametrize(
    "moved",
    [{"$set": {"model": "2024-11-25T02:00:00+00:00"}}, {"$inc": {"offset": -1}}, {"$set": {"hash": "another"}}, None],
    ids=["exchanged", "restored", "another log", "lost"],
)
async def test_other_documents_are_shown_whichever_way_the_positions_went(bench: Bench, moved: Any) -> None:
    """`desk replay --switch` leaves them where they were and names the model, an older backup lies behind them."""
    await bench.feed(*november())
    before = {address: await page(bench, address) for address in PAGES}
    await bench.database.incidents.delete_many({"_id": {"$regex": "i-envelope"}})
    await bench.database.logistics.delete_many({"region": "64.72"})
    await bench.database.attendance.update_many({"region": "64.71"}, {"$set": {"verdict": "late"}})
    positions = bench.database[guard.COLLECTION]
    await (positions.delete_many({}) if moved is None else positions.update_many({}, moved))
    for address in PAGES:
        assert await page(bench, address) == await page(bench, address, build(bench.parts)), address
    assert await page(bench, "/") != before["/"]
    assert open_in(text_of(await page(bench, "/"))) == open_in(text_of(before["/"])) - 1


async def test_what_is_listed_never_waits_for_the_log_s_position(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between an event's documents and the position behind it a page shows the event, and its sums without it; with
    the position they follow, whether anything else happens or not."""
    await bench.feed(*november())
    before = text_of(await page(bench, "/"))
    moves: list[Any] = []

    async def later(one: Guard, records: Any, news: Any) -> None:
        moves.append((one, records, news))

    advance = Guard.advance
    monkeypatch.setattr(Guard, "advance", later)
    in_time = a_report(NOW, region="64.74", event_id="new-r", period=NEXT_MONDAY)
    await bench.feed(a_violation("new", 1, description="Baru saja."), in_time)
    between = text_of(await page(bench, "/"))
    assert ("Baru saja." in before, "Baru saja." in between) == (False, True)
    assert open_in(between) == open_in(before)
    assert reported(between) == reported(before) + 1
    for one, records, news in moves:
        await advance(one, records, news)
    assert open_in(text_of(await page(bench, "/"))) == open_in(before) + 1


@pytest.mark.parametrize("address", ["/", "/regions/64", "/regions/64.72"])
async def test_a_position_that_is_never_written_holds_no_page_up_for_longer_than_a_minute(
    bench: Bench, clock: StandingClock, monkeypatch: pytest.MonkeyPatch, address: str
) -> None:
    """One lane of a batch is folded, the other one meets nothing but bad records: the consumer stops for a person, who
    looks at these pages meanwhile."""
    await bench.feed(*november())
    await page(bench, address)

    async def stop(*_args: Any) -> None:
        raise Poisoned

    monkeypatch.setattr(Guard, "advance", stop)
    with pytest.raises(Poisoned):
        await bench.feed(a_violation("new", 1, region="64.72"), a_verdict("64.72", Verdict.LATE, 7))
    clock.instant += MINUTE
    assert await page(bench, address) == await page(bench, address, build(bench.parts))


def open_in(text: str) -> int:
    found = re.search(r"(\d+), \d+ of the quiet period", text)
    assert found
    return int(found[1])


def reported(text: str) -> int:
    found = re.search(r"(\d+)/\d+ have reported", text)
    assert found
    return int(found[1])


@pytest.mark.parametrize(("address", "most"), [("/", 3), ("/regions/64", 7), ("/regions/64.72", 6)])
async def test_a_second_look_asks_for_the_positions_and_for_what_is_listed(
    bench: Bench, address: str, most: int
) -> None:
    """Nothing that was read since, nothing that is summed up anew."""
    await bench.feed(*november())
    shown = await page(bench, address)
    await bench.database.command({"profile": 2})
    assert await page(bench, address) == shown
    await bench.database.command({"profile": 0})
    found = bench.database["system.profile"].find({"op": {"$in": ["query", "command", "getmore"]}})
    asked = [q async for q in found if "profile" not in q["command"]]
    assert 0 < len(asked) <= most
