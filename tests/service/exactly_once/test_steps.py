"""Exactly once, against a real MongoDB and on both drivers: crashes, zombies, rivals, duplicates, bad records.

The documents count: `regions` per region (written first), `sums` all together, so a lost or doubled event shows.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Sequence, Set
from datetime import UTC, date, datetime
from typing import Any

import pytest

from shared.events.codec import encode
from shared.events.report import Condition, ReportData, ReportEvent
from shared.exactly_once import journal
from shared.exactly_once.cursors import Change, Document
from shared.exactly_once.dead_letters import DeadLetters
from shared.exactly_once.documents import Documents, TooManyMismatches
from shared.exactly_once.guard import Gap, Guard, OtherLog
from shared.exactly_once.journal import Journal
from shared.exactly_once.progress import Progress
from shared.exactly_once.sightings import Sighting, read_records
from shared.exactly_once.steps import Parts, Poisoned, Steps
from shared.metrics import Metrics
from shared.records import Look, Position, Record
from shared.topics import DEAD_LETTERS, INCIDENTS, REPORTS
from tests.builders import an_incident

GROUP = "desk.test"
COLLECTIONS = ("regions", "sums")
AT = datetime(2024, 11, 18, 1, tzinfo=UTC)


class FakeLog:
    """A broker's log in memory: what is produced stands at the next offset of its partition."""

    def __init__(self) -> None:
        self.partitions: dict[tuple[str, int], list[Record]] = {}
        self.first_kept = 0
        self.lookups = 0
        self.hole = range(0)  # offsets that hold no record, as where a transaction ended

    def produce(self, value: bytes, partition: int = 0, key: bytes | None = b"64.72") -> Record:
        log = self.partitions.setdefault((REPORTS.name, partition), [])
        log.append(Record(Position(REPORTS.name, partition, len(log)), key, value))
        return log[-1]

    async def look(self, positions: Sequence[Position]) -> list[Look]:
        self.lookups += 1
        return [Look(self.first_kept, self._first_from(position)) for position in positions]

    def _first_from(self, position: Position) -> Record | None:
        first = max(position.offset, self.first_kept)
        first = self.hole.stop if first in self.hole else first
        log = self.partitions.get((position.topic, position.partition), [])
        return log[first] if first < len(log) else None


class FakePublisher:
    """Keeps what was published, with the headers by name."""

    def __init__(self) -> None:
        self.published: list[tuple[str, bytes | None, bytes, dict[str, bytes]]] = []

    async def publish(self, topic: str, key: bytes | None, value: bytes, headers: list[tuple[str, bytes]]) -> Position:
        self.published.append((topic, key, value, dict(headers)))
        return Position(topic, 0, len(self.published) - 1)


class Crash(Exception):
    """The process died here."""


class CrashingDocuments(Documents):
    """Dies once, before the write to one collection."""

    def __init__(self, database: Any, dies_before: str) -> None:
        super().__init__(database, COLLECTIONS)
        self._dies_before: str | None = dies_before

    async def _write(self, name: str, pairs: list[tuple[Document, Document]]) -> int:
        if name == self._dies_before:
            self._dies_before = None
            raise Crash
        return await super()._write(name, pairs)


class OvertakenDocuments(Documents):
    """A rival writes between our read and our write, as often as there are rivals' turns."""

    def __init__(self, database: Any, turns: Sequence[Callable[[], Any]]) -> None:
        super().__init__(database, COLLECTIONS)
        self._turns = list(turns)

    async def _load(self, keys: Any) -> Any:
        loaded = await super()._load(keys)
        if self._turns:
            await self._turns.pop(0)()
        return loaded


def report(event_id: str, region: str = "64.72", content: str = "a", agency: str = "kpu") -> bytes:
    data = ReportData(period=date(2024, 11, 18), condition=Condition.NORMAL, summary=content)
    return encode(
        ReportEvent(
            id=event_id,
            source=f"/agencies/{agency}",
            subject=region,
            time=AT,
            receivedat=AT,
            contenthash=content.encode().hex().rjust(64, "0"),
            data=data,
        )
    )


def counting(sighting: Sighting) -> Sequence[Change]:
    def count(document: Document) -> Document:
        ids = [*document.get("ids", []), sighting.event.identity]
        return {**document, "ids": ids, "summary": getattr(sighting.event, "data").summary}  # noqa: B009

    return [
        Change("regions", sighting.event.subject, sighting.position, count),
        Change("sums", "all", sighting.position, count),
    ]


class Bench:
    """One database and one log; any number of processes' steps over them."""

    def __init__(self, database: Any) -> None:
        self.database = database
        self.log = FakeLog()
        self.publisher = FakePublisher()
        self.metrics = Metrics("test")  # of all processes together

    def steps(self, documents: Documents | None = None, changes: Any = counting, dead_letter_run: int = 5) -> Steps:
        """A fresh process."""
        return Steps(
            Parts(
                journal=Journal(self.database[journal.COLLECTION]),
                documents=documents or Documents(self.database, COLLECTIONS),
                dead_letters=DeadLetters(self.publisher, GROUP),
                guard=Guard(self.database["positions"], self.log),
                changes=changes,
                metrics=self.metrics,
                dead_letter_run=dead_letter_run,
            )
        )

    async def counted(self) -> list[str]:
        """The ids counted, sorted, after making sure that both collections agree."""
        everything = await self.database["sums"].find_one({"_id": "all"})
        regions = [d async for d in self.database["regions"].find()]
        in_sum = sorted(everything["ids"]) if everything else []
        assert sorted(i for d in regions for i in d["ids"]) == in_sum
        return [identity.rpartition("/")[2] for identity in in_sum]

    def count(self, metric: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(metric, {"topic": REPORTS.name, **labels}) or 0.0

    async def entry(self, event_id: str) -> dict[str, Any]:
        found: dict[str, Any] = await self.database[journal.COLLECTION].find_one({"_id": f"/agencies/kpu/{event_id}"})
        return found


@pytest.fixture
def bench(database: Any) -> Bench:
    return Bench(database)


def produce(bench: Bench, *event_ids: str) -> list[Record]:
    return [bench.log.produce(report(event_id)) for event_id in event_ids]


async def test_replayed_batch_counts_once(bench: Bench) -> None:
    """A batch processed again, by the same process or another one, changes nothing."""
    batch = produce(bench, "a", "b", "c")
    steps = bench.steps()
    for process in (steps, steps, bench.steps()):
        await process.process(batch)
    assert await bench.counted() == ["a", "b", "c"]
    assert "others" not in await bench.entry("a")


async def test_crash_between_journal_and_fold_loses_nothing(bench: Bench) -> None:
    """Events that are in the journal and in no document yet are folded by the retry, not taken for duplicates."""
    batch = produce(bench, "a", "b")
    with pytest.raises(Crash):
        await bench.steps(CrashingDocuments(bench.database, "regions")).process(batch)
    assert await bench.entry("a")
    assert await bench.counted() == []
    await bench.steps().process(batch)
    assert await bench.counted() == ["a", "b"]


async def test_whoever_follows_hears_of_it_before_our_place_is_written(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When all of a batch stands in the documents, not where it failed: what follows waits for no write of ours."""
    batch, heard = produce(bench, "a"), list[Set[str]]()
    with pytest.raises(Crash):
        await bench.steps(CrashingDocuments(bench.database, "sums")).process(batch, heard.append)
    assert heard == []

    async def die(*_args: Any) -> None:
        assert heard == [{REPORTS.name}]
        raise Crash

    monkeypatch.setattr(Guard, "advance", die)
    with pytest.raises(Crash):
        await bench.steps().process(batch, heard.append)
    assert await bench.counted() == ["a"]


async def test_crash_between_two_documents_counts_once_in_both(bench: Bench) -> None:
    """A death after the first collection was written and before the second leaves each event counted once in both."""
    batch = produce(bench, "a", "b")
    with pytest.raises(Crash):
        await bench.steps(CrashingDocuments(bench.database, "sums")).process(batch)
    await bench.steps().process(batch)
    assert await bench.counted() == ["a", "b"]


async def test_zombie_with_an_older_batch_changes_nothing(bench: Bench) -> None:
    """A process that lost its partition and finishes its old batch late neither doubles nor undoes anything."""
    old = produce(bench, "a", "b")
    zombie = bench.steps(OvertakenDocuments(bench.database, [lambda: bench.steps().process(old + new)]))
    new = produce(bench, "c", "d")
    await zombie.process(old)
    assert await bench.counted() == ["a", "b", "c", "d"]
    assert (await bench.database["sums"].find_one({"_id": "all"}))["cursors"] == {"reports:0": 3}


async def test_rival_between_read_and_write_is_folded_over(bench: Bench) -> None:
    """Another partition's process that writes the same document first makes us reload and fold again."""
    mine, theirs = produce(bench, "a", "b"), [bench.log.produce(report("c"), 1), bench.log.produce(report("d"), 1)]
    rival = bench.steps()
    turns = [lambda: rival.process(theirs[:1]), lambda: rival.process(theirs[1:])]
    await bench.steps(OvertakenDocuments(bench.database, turns)).process(mine)
    assert await bench.counted() == ["a", "b", "c", "d"]


async def test_many_processes_at_once_lose_nothing(bench: Bench) -> None:
    """Processes of eight partitions that write the same documents at the same time count every event once."""
    batches = [[bench.log.produce(report(f"{p}-{i}"), p) for i in range(5)] for p in range(8)]
    await asyncio.gather(*(bench.steps().process(batch) for batch in batches))
    assert await bench.counted() == sorted(f"{p}-{i}" for p in range(8) for i in range(5))


async def test_endless_rivals_are_a_passing_failure(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever never gets to write gives up, so that the batch is rewound and tried again."""
    monkeypatch.setattr("shared.exactly_once.documents._ROUNDS", 3)
    rivals = [bench.log.produce(report(f"r{i}"), 1) for i in range(4)]
    rival = bench.steps()

    def turn(record: Record) -> Callable[[], Any]:
        return lambda: rival.process([record])

    turns = [turn(record) for record in rivals]
    with pytest.raises(TooManyMismatches):
        await bench.steps(OvertakenDocuments(bench.database, turns)).process(produce(bench, "a"))


async def test_duplicates_count_once_wherever_they_stand(bench: Bench) -> None:
    """The same event twice in a batch, in a later batch and in another partition counts once; the rest is noted."""
    batch = produce(bench, "a", "a", "b")
    await bench.steps().process(batch)
    await bench.steps().process(produce(bench, "a"))
    await bench.steps().process([bench.log.produce(report("a"), 3)])
    assert await bench.counted() == ["a", "b"]
    others = (await bench.entry("a"))["others"]
    assert [(o["partition"], o["offset"], o["is_conflict"]) for o in others] == [
        (0, 1, False),
        (0, 3, False),
        (3, 0, False),
    ]
    assert bench.count("desk_records_total", outcome="first") == 2
    assert bench.count("desk_records_total", outcome="duplicate") == 3


async def test_an_id_in_two_topics_counts_once(bench: Bench) -> None:
    """An agency's id names one event, of whatever kind: of two in two topics the first one read counts, the other is
    shown as a conflict."""
    incident = an_incident(AT, event_id="a").model_copy(update={"source": "/agencies/kpu"})
    other = Record(Position(INCIDENTS.name, 0, 0), b"64.72", encode(incident))
    bench.log.partitions[INCIDENTS.name, 0] = [other]
    await bench.steps().process([*produce(bench, "a"), other])
    await bench.steps().process([other])
    assert await bench.counted() == ["a"]
    others = (await bench.entry("a"))["others"]
    assert [(o["topic"], o["is_conflict"]) for o in others] == [(INCIDENTS.name, True)]


async def test_same_id_of_two_agencies_are_two_events(bench: Bench) -> None:
    """An agency's id is its own."""
    await bench.steps().process([bench.log.produce(report("a")), bench.log.produce(report("a", agency="bawaslu"))])
    assert await bench.counted() == ["a", "a"]


async def test_conflict_keeps_the_first_content(bench: Bench) -> None:
    """Other content under a known id is not counted, within a batch or later, and is noted as a conflict."""
    batch = [bench.log.produce(report("a", content=content)) for content in ("first", "second")]
    await bench.steps().process(batch)
    await bench.steps().process([bench.log.produce(report("a", content="third"))])
    assert await bench.counted() == ["a"]
    assert (await bench.database["sums"].find_one({"_id": "all"}))["summary"] == "first"
    assert [o["is_conflict"] for o in (await bench.entry("a"))["others"]] == [True, True]
    assert bench.count("desk_records_total", outcome="conflict") == 2


@pytest.mark.expect_errors("dead_letter")
async def test_bad_record_never_spoils_good_ones(bench: Bench) -> None:
    """A record that is no event goes to the dead letters with where it stood; its neighbours count."""
    good, bad, also_good = (
        bench.log.produce(report("a")),
        bench.log.produce(b'{"no": 1}'),
        bench.log.produce(report("b")),
    )
    await bench.steps().process([good, bad, also_good])
    assert await bench.counted() == ["a", "b"]
    ((topic, key, value, headers),) = bench.publisher.published
    assert (topic, key, value) == (DEAD_LETTERS.name, bad.key, bad.value)
    assert headers["dead-letter-id"] == b"desk.test/desk.reports/0/1"
    assert headers["reason"]
    assert bench.count("desk_dead_letters_total") == 1


@pytest.mark.expect_errors("dead_letter")
async def test_run_of_bad_records_stops_instead_of_draining(bench: Bench) -> None:
    """Nothing but bad records, batch after batch, ends in Poisoned; what came last is not put aside."""
    steps = bench.steps(dead_letter_run=5)
    await steps.process([bench.log.produce(b"bad") for _ in range(3)])
    with pytest.raises(Poisoned):
        await steps.process([bench.log.produce(b"bad") for _ in range(3)])
    assert len(bench.publisher.published) == 3


@pytest.mark.expect_errors("dead_letter")
async def test_good_record_ends_a_run_of_bad_ones(bench: Bench) -> None:
    """Bad records with good ones between them are no run."""
    steps = bench.steps(dead_letter_run=5)
    for i in range(4):
        await steps.process([bench.log.produce(b"bad"), bench.log.produce(b"bad")])
        await steps.process([bench.log.produce(report(f"good-{i}"))])
    assert len(await bench.counted()) == 4


def stumbling(over: str) -> Callable[[Sighting], Sequence[Change]]:
    """Changes that cannot be folded for one event: its second document refuses it."""

    def refuse(_document: Document) -> Document:
        raise ValueError("cannot be counted")

    def changes(sighting: Sighting) -> Sequence[Change]:
        found = list(counting(sighting))
        if sighting.event.id == over:
            found[1] = Change("sums", "all", sighting.position, refuse)
        return found

    return changes


@pytest.mark.expect_errors("cannot_fold")
async def test_event_that_cannot_be_folded_is_dead_and_its_retry_counts_once(bench: Bench) -> None:
    """It touches no document, its neighbours count; its dead letter's retry is counted once, after the mending."""
    batch = produce(bench, "a", "stuck", "b")
    await bench.steps(changes=stumbling("stuck")).process(batch)
    assert await bench.counted() == ["a", "b"]
    assert "cannot be counted" in (await bench.entry("stuck"))["dead"]
    ((_, _, value, headers),) = bench.publisher.published
    assert value == batch[1].value
    assert bench.count("desk_dead_letters_total") == 1
    assert b"cannot be counted" in headers["reason"]

    await bench.steps(changes=stumbling("stuck")).process(batch)  # our own replay is no retry of the dead letter
    assert await bench.counted() == ["a", "b"]

    retries = [bench.log.produce(value), bench.log.produce(value)]
    mended = bench.steps()
    await mended.process(retries)
    await mended.process(retries)
    await mended.process(batch)
    assert await bench.counted() == ["a", "b", "stuck"]
    assert "dead" not in await bench.entry("stuck")


@pytest.mark.expect_errors("cannot_fold")
async def test_a_zombie_marks_nothing_dead_that_a_retry_has_taken_over(bench: Bench) -> None:
    """Also where the retry stands at the same offset, of another partition."""
    first = bench.log.produce(report("stuck"))
    await bench.steps(changes=stumbling("stuck")).process([first])
    retry = bench.log.produce(first.value, partition=1)
    assert retry.position.offset == first.position.offset
    await bench.steps().process([retry])
    (seen,), _ = read_records([first])
    await Journal(bench.database[journal.COLLECTION]).mark_dead(seen, "a zombie's word")
    assert "dead" not in await bench.entry("stuck")
    assert await bench.counted() == ["stuck"]


@pytest.mark.expect_errors("cannot_fold")
async def test_event_without_changes_to_make_is_dead_too(bench: Bench) -> None:
    """An event for which no changes can be worked out at all is put aside like one that cannot be folded."""

    def changes(sighting: Sighting) -> Sequence[Change]:
        if sighting.event.id == "odd":
            raise KeyError("odd")
        return counting(sighting)

    await bench.steps(changes=changes).process(produce(bench, "a", "odd", "b"))
    assert await bench.counted() == ["a", "b"]
    assert "dead" in await bench.entry("odd")


def by_identity(sighting: Sighting) -> Sequence[Change]:
    """A document of its own for each event, which others may have begun, and the sum of all."""

    def told(document: Document) -> Document:
        return {**document, "ids": [*document.get("ids", []), sighting.event.identity]}

    of_event = Change("regions", sighting.event.identity, sighting.position, told)
    return [of_event, Change("sums", "all", sighting.position, told)]


async def test_a_document_that_was_presumed_new_and_is_there_is_folded_over(bench: Bench) -> None:
    """What bears an event's name may be begun by another event, as by a withdrawal that is read before its report."""
    stub = {"_id": "/agencies/kpu/b", "rev": 3, "cursors": {"reports:7": 5}, "ids": ["begun"]}
    await bench.database["regions"].insert_one(stub)
    batch = produce(bench, "a", "b", "c")
    for _ in range(2):
        await bench.steps(changes=by_identity).process(batch)
    everything = await bench.database["sums"].find_one({"_id": "all"})
    assert everything["ids"] == [f"/agencies/kpu/{i}" for i in "abc"]
    found = await bench.database["regions"].find_one({"_id": "/agencies/kpu/b"})
    assert found["ids"] == ["begun", "/agencies/kpu/b"]
    assert found["cursors"] == {"reports:7": 5, "reports:0": 1}
    assert found["rev"] == 4


@pytest.mark.parametrize("dies_before", COLLECTIONS)
async def test_a_crash_where_a_document_was_presumed_new(bench: Bench, dies_before: str) -> None:
    """The retry is no new event, and looks."""
    batch = produce(bench, "a", "b")
    with pytest.raises(Crash):
        await bench.steps(CrashingDocuments(bench.database, dies_before), changes=by_identity).process(batch)
    await bench.steps(changes=by_identity).process(batch)
    assert await bench.counted() == ["a", "b"]


async def test_batch_beyond_what_the_database_has_read_is_refused(bench: Bench) -> None:
    """Records that were skipped, by a database that was lost or by a batch that was dropped, must be read first."""
    records = produce(bench, "a", "b", "c", "d")
    with pytest.raises(Gap) as lost:
        await bench.steps().process(records[2:])
    assert lost.value.offsets == {(REPORTS.name, 0): 0}
    await bench.steps().process(records[:1])
    with pytest.raises(Gap) as skipped:
        await bench.steps().process(records[3:])
    assert skipped.value.offsets == {(REPORTS.name, 0): 1}
    await bench.steps().process(records[1:])
    assert await bench.counted() == ["a", "b", "c", "d"]


async def test_all_gaps_of_a_batch_are_told_at_once(bench: Bench) -> None:
    """After a restore each partition has one: told one by one they outnumber the tries of a batch, for ever."""
    firsts, seconds = ([bench.log.produce(report(f"{p}{of}"), p) for p in range(12)] for of in "ab")
    await bench.steps().process(firsts[:1])
    with pytest.raises(Gap) as found:
        await bench.steps().process(seconds)
    assert found.value.offsets == {(REPORTS.name, partition): 0 for partition in range(1, 12)}


async def test_hole_without_records_is_no_gap(bench: Bench) -> None:
    """Where the log itself skips offsets, as after a transaction, nothing is missing."""
    records = produce(bench, "a", "b", "c", "d")
    await bench.steps().process(records[:1])
    bench.log.hole = range(1, 3)
    await bench.steps().process(records[3:])
    assert await bench.counted() == ["a", "d"]


async def test_progress_is_what_commits_and_database_agree_on(bench: Bench) -> None:
    """A partition is read as far as both say: a lost database has read nothing, and another log proves nothing."""

    class Committed:
        async def ends(self, _topic: str) -> dict[int, tuple[int, int]]:
            return {0: (0, 2), 1: (0, 5)}

        async def committed(self, _topic: str, partitions: Iterable[int]) -> dict[int, int]:
            return {p: {0: 1, 1: 5}[p] for p in partitions}

    await bench.steps().process(produce(bench, "a", "b"))
    progress = Progress(Committed(), Guard(bench.database["positions"], bench.log))
    assert await progress.committed(REPORTS.name, [0, 1]) == {0: 1, 1: 0}
    bench.log.partitions.clear()
    with pytest.raises(OtherLog):
        await progress.committed(REPORTS.name, [0])


@pytest.mark.parametrize("is_shorter", [False, True], ids=["other content", "shorter"])
async def test_topic_made_anew_is_refused(bench: Bench, is_shorter: bool) -> None:
    """A log with another record at our last offset, or without one, is refused before anything of it is read."""
    await bench.steps().process(produce(bench, "a", "b"))
    bench.log.partitions.clear()
    anew = produce(bench, "x") if is_shorter else produce(bench, "x", "y", "z")
    with pytest.raises(OtherLog):
        await bench.steps().process(anew[:1])
    with pytest.raises(OtherLog):
        await Guard(bench.database["positions"], bench.log).verify_all([(REPORTS.name, 0)])
    assert await bench.counted() == ["a", "b"]


async def test_expired_records_pass(bench: Bench) -> None:
    """A log whose retention has taken the record we would compare with is accepted."""
    await bench.steps().process(produce(bench, "a", "b"))
    bench.log.first_kept = 5
    for _ in range(3):
        bench.log.produce(b"expired")
    await bench.steps().process(produce(bench, "c"))
    assert await bench.counted() == ["a", "b", "c"]


async def test_log_is_looked_at_only_where_a_batch_does_not_follow_the_last(bench: Bench) -> None:
    """The comparison costs nothing while batches follow each other, and is made after a restart and a rewind."""
    steps, first, second = bench.steps(), produce(bench, "a"), produce(bench, "b")
    await steps.process(first)
    await steps.process(second)
    assert bench.log.lookups == 0
    await steps.process(second)
    await bench.steps().process(produce(bench, "c"))
    assert bench.log.lookups == 2


async def test_log_made_anew_that_grew_beyond_our_place_is_refused(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody read for a while, as where a process stood still; the new log goes on where the old one was read to."""
    now = [1_000.0]
    monkeypatch.setattr("shared.exactly_once.guard.time.monotonic", lambda: now[0])
    steps = bench.steps()
    await steps.process(produce(bench, "a", "b"))
    bench.log.partitions.clear()
    anew = produce(bench, "x", "y", "z")
    now[0] += 20
    with pytest.raises(OtherLog):
        await steps.process(anew[2:])
    assert await bench.counted() == ["a", "b"]


async def test_positions_never_go_back(bench: Bench) -> None:
    """A zombie's older batch does not move the remembered position back."""
    old, new = produce(bench, "a"), produce(bench, "b")
    await bench.steps().process(old + new)
    await bench.steps().process(old)
    assert (await bench.database["positions"].find_one({"_id": "reports:0"}))["offset"] == 1


async def test_entry_that_cannot_be_read_is_not_taken_for_new(bench: Bench) -> None:
    """A rival's entry that stands in the way and is not readable yet is a passing failure, not a second count."""

    class Unreadable:
        def __init__(self, entries: Any) -> None:
            self._entries = entries

        def __getattr__(self, name: str) -> Any:
            return getattr(self._entries, name)

        def find(self, _query: Any) -> Any:
            return self._entries.find({"_id": "nothing"})

    batch = produce(bench, "a")
    await bench.steps().process(batch)
    sighting = Sighting(batch[0].position, ReportEvent.model_validate_json(batch[0].value), batch[0])
    with pytest.raises(journal.EntryUnseen):
        await Journal(Unreadable(bench.database[journal.COLLECTION])).register([sighting])
