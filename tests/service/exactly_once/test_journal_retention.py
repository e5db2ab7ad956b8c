"""How long the journal keeps its entries, and what the guard says of one that is not there, on a real MongoDB."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from pymongo import UpdateOne

from shared.clock import real
from shared.exactly_once import journal
from shared.exactly_once.guard import Guard, JournalLost, OtherLog
from shared.exactly_once.journal import RETENTION_INDEX, Journal, keep_for
from shared.exactly_once.steps import Steps
from shared.topics import REPORTS
from tests.service.exactly_once.test_steps import Bench, produce, report

DAY = timedelta(days=1)
RETENTION = 30 * DAY


@pytest.fixture
def bench(database: Any) -> Bench:
    return Bench(database)


def guard(bench: Bench, retention: timedelta | None = RETENTION) -> Guard:
    entries = Journal(bench.database[journal.COLLECTION])
    return Guard(bench.database["positions"], bench.log, entries, retention)


async def verify(bench: Bench, retention: timedelta | None = RETENTION) -> None:
    """As at start."""
    await guard(bench, retention).verify_all([(REPORTS.name, 0)])


async def age(bench: Bench, by: timedelta) -> None:
    """As if everything had been written that much earlier."""
    for name, field in ((journal.COLLECTION, "written_at"), ("positions", "journaled_at")):
        earlier: list[Any] = [{"$set": {field: {"$subtract": [f"${field}", int(by.total_seconds() * 1000)]}}}]
        await bench.database[name].bulk_write([UpdateOne({}, earlier)])


async def index(bench: Bench) -> Any:
    return (await bench.database[journal.COLLECTION].index_information()).get(RETENTION_INDEX)


async def test_the_index_follows_the_setting(bench: Bench) -> None:
    """Made once, changed in place, dropped where entries are kept for ever, made again; twice is as good as once."""
    entries = bench.database[journal.COLLECTION]
    for retention, seconds in [(400 * DAY, 34_560_000), (30 * DAY, 2_592_000), (None, None), (DAY, 86_400)]:
        for _ in range(2):
            await keep_for(entries, retention)
            found = await index(bench)
            assert (found and found["expireAfterSeconds"]) == seconds
    assert (await index(bench))["key"] == [("written_at", 1)]


async def test_entries_are_dated_in_real_time(bench: Bench) -> None:
    """Whatever the election's clock says: MongoDB's own clock decides what has expired."""
    await bench.steps().process(produce(bench, "a"))
    entry = await bench.entry("a")
    assert abs(real() - entry["written_at"]) < timedelta(minutes=1)
    assert entry["received_at"].year == 2024


@pytest.mark.parametrize(
    ("age_of_entry", "retention", "is_refused"),
    [
        (timedelta(), RETENTION, True),
        (29 * DAY, RETENTION, True),
        (31 * DAY, RETENTION, False),  # expired
        (31 * DAY, None, True),  # nothing expires
        (31 * DAY, 60 * DAY, True),
    ],
)
async def test_a_missing_entry_passes_only_if_it_may_have_expired(
    bench: Bench, age_of_entry: timedelta, retention: timedelta | None, is_refused: bool
) -> None:
    """A journal that was dropped, or not restored with the rest, would count every retry a second time: refused, and
    not mended by a new batch."""
    await bench.steps().process(produce(bench, "a", "b"))
    await verify(bench, retention)
    await age(bench, age_of_entry)
    await bench.database[journal.COLLECTION].delete_many({})
    if not is_refused:
        await verify(bench, retention)
        return
    with pytest.raises(JournalLost, match="reports:0: the journal has no entry of /agencies/kpu/b"):
        await verify(bench, retention)
    with pytest.raises(OtherLog):
        await guard(bench, retention).check(produce(bench, "c"))


async def test_another_log_is_refused_though_its_entry_expired(bench: Bench) -> None:
    """What the journal has forgotten, the position still knows: a topic made anew never slips through."""
    await bench.steps().process(produce(bench, "a", "b"))
    await age(bench, 31 * DAY)
    await bench.database[journal.COLLECTION].delete_many({})
    bench.log.partitions.clear()
    produce(bench, "x", "y", "z")
    with pytest.raises(OtherLog, match="another one"):
        await verify(bench)


async def test_duplicates_and_bad_records_prove_nothing_about_the_journal(bench: Bench) -> None:
    """A batch without a new event leaves the last new one of its partition as what must be there."""
    steps: Steps = bench.steps()
    await steps.process(produce(bench, "a"))
    await steps.process(produce(bench, "a"))
    position = await bench.database["positions"].find_one({"_id": "reports:0"})
    assert (position["offset"], position["event"]) == (1, "/agencies/kpu/a")
    await verify(bench)


async def test_a_database_of_a_version_before_it_passes(bench: Bench) -> None:
    """Positions that name no event are compared with the log alone."""
    await bench.steps().process([bench.log.produce(report("a"))])
    await bench.database["positions"].update_many({}, {"$unset": {"event": "", "journaled_at": ""}})
    await bench.database[journal.COLLECTION].delete_many({})
    await verify(bench)


async def test_an_entry_notes_a_bounded_number_of_repeats(bench: Bench) -> None:
    """An event that is sent without end is noted fifty times, and counts once."""
    for _ in range(4):
        await bench.steps().process(produce(bench, *["a"] * 30))
    assert len((await bench.entry("a"))["others"]) == 50
    assert await bench.counted() == ["a"]
