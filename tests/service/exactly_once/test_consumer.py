"""The loop around the steps: what is committed, rewound, given up and said, with a stand-in for the group's member."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence, Set
from datetime import UTC, datetime
from typing import Any, NoReturn

import pytest
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaConnectionError, KafkaError

from shared.exactly_once.comparison import Comparison
from shared.exactly_once.consumer import Consumer
from shared.exactly_once.guard import Gap, Guard, OtherLog
from shared.exactly_once.steps import AfterFold, Poisoned, Steps, nobody
from shared.kafka.log_reader import LogReader
from shared.kafka.subscription import BatchHandler
from shared.metrics import Metrics
from shared.records import Position, Record
from shared.topics import REPORTS
from shared.tracing.places import trace_id

ZERO, ONE = TopicPartition(REPORTS.name, 0), TopicPartition(REPORTS.name, 1)
TRACE = "0af7651916cd43dd8448eb211c80319c"


class Left(BaseException):
    """The process has ended here."""


class Member:
    """A group's member over partitions 0 and 1; `lost` are no longer ours, `failure` is what a commit raises."""

    def __init__(self) -> None:
        self.commits: list[dict[TopicPartition, int]] = []
        self.sought: dict[TopicPartition, int] = {}
        self.paused: set[TopicPartition] = set()
        self.lost: set[TopicPartition] = set()
        self.failure: Exception | None = None
        self.ends, self.at = {ZERO: 0, ONE: 0}, {ZERO: 0, ONE: 0}

    def assignment(self) -> set[TopicPartition]:
        return set(self.at)

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        if self.failure is not None:
            raise self.failure
        self.commits.append(offsets)

    def seek(self, where: TopicPartition, offset: int) -> None:
        if where in self.lost:
            raise IllegalStateError
        self.sought[where] = offset

    def pause(self, *partitions: TopicPartition) -> None:
        self.paused |= set(partitions)

    async def end_offsets(self, partitions: set[TopicPartition]) -> dict[TopicPartition, int]:
        return {where: self.ends[where] for where in partitions}

    async def position(self, where: TopicPartition) -> int:
        if where in self.lost:
            raise IllegalStateError
        return self.at[where]


class Subscriber:
    consumer = None


class Broker:
    """Gives the subscriber its member once `may_join` is set."""

    def __init__(self, subscriber: Any, member: Member) -> None:
        self._subscriber, self._member = subscriber, member
        self.may_join, self.joined, self.is_stopped = asyncio.Event(), asyncio.Event(), False
        self.may_join.set()

    async def start(self) -> None:
        await self.may_join.wait()
        self._subscriber.consumer = self._member
        self.joined.set()

    async def stop(self) -> None:
        self.is_stopped = True


class Scripted(Steps):
    """Batches end as a test says, then well; keeps what it got and under which trace."""

    def __init__(self, *outcomes: Exception | None) -> None:
        self._outcomes = list(outcomes)
        self.got: list[list[int]] = []
        self.traces: list[str] = []
        self.takes_s = 0.0

    async def process(self, records: Sequence[Record], after_fold: AfterFold = nobody) -> None:
        self.got.append([record.position.offset for record in records])
        self.traces.append(trace_id())
        await asyncio.sleep(self.takes_s)
        if self._outcomes and (outcome := self._outcomes.pop(0)):
            raise outcome
        after_fold({record.position.topic for record in records})


class KnownLog(LogReader):
    """Two partitions, or none."""

    def __init__(self) -> None:
        self.found = [0, 1]
        self.commits: dict[int, int] = {}
        self.begins: dict[int, int] = {}

    async def partitions(self, topic: str) -> list[int]:
        return self.found

    async def committed(self, topic: str, partitions: Iterable[int]) -> dict[int, int]:
        return {p: self.commits.get(p, 0) for p in partitions}

    async def beginning(self, topic: str, partition: int) -> int:
        return self.begins.get(partition, 0)


class KnownGuard(Guard):
    """Says at start what a test wants, and keeps what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, int]] = []
        self.refusal: OtherLog | None = None
        self.read: dict[int, int] = {}

    async def read_to(self, topic: str, partitions: Iterable[int]) -> dict[int, int]:
        return {p: self.read.get(p, 0) for p in partitions}

    async def refuse_fence(self) -> None:
        """Nobody exchanges anything here."""

    async def verify_all(self, partitions: Any) -> None:
        self.asked += partitions
        if self.refusal is not None:
            raise self.refusal


class Bench:
    """A consumer over the stand-ins; `handle` is what FastStream would call with a batch."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch
        self.member, self.metrics = Member(), Metrics("test")
        self.reader, self.guard = KnownLog(), KnownGuard()
        self.followed = 0
        self.comparison = Comparison((REPORTS,), self.guard, self.reader)
        self.handle: BatchHandler
        self.is_patient: bool
        self.broker: Broker

    def consumer(self, steps: Steps | None = None, *, is_joined: bool = True, **settings: Any) -> Consumer:
        subscriber: Any = Subscriber()
        if is_joined:
            subscriber.consumer = self.member
        self.broker = Broker(subscriber, self.member)

        def subscribe(
            _addresses: str,
            _group: str,
            _topics: Any,
            handler: BatchHandler,
            _most: int,
            _security: Any,
            *,
            is_patient: bool,
        ) -> Any:
            self.handle, self.is_patient = handler, is_patient
            return self.broker, subscriber

        def follow(_topics: Set[str]) -> None:
            self.followed += 1

        self._monkeypatch.setattr("shared.exactly_once.consumer.subscribe", subscribe)
        plain = {"max_records": 10, "timeout_s": 5.0, "attempts": 3, "stuck_after_s": 60.0, "after_fold": follow}
        return Consumer(
            "127.0.0.1:1",
            "desk.test",
            (REPORTS,),
            steps=steps or Scripted(),
            comparison=self.comparison,
            metrics=self.metrics,
            **{**plain, **settings},
        )

    def value(self, name: str) -> float | None:
        """Of a metric without labels."""
        return self.metrics.registry.get_sample_value(name)

    def said(self, sample: str) -> bool:
        """Whether `/metrics` has this line."""
        return sample in self.metrics.render()[0].decode().splitlines()


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    def leave(reason: str, cause: Exception | None) -> NoReturn:
        raise Left(reason) from cause

    monkeypatch.setattr("shared.exactly_once.consumer.leave_process", leave)
    monkeypatch.setattr("shared.exactly_once.consumer.random.uniform", lambda _low, _high: 0.01)  # no long back-off
    return Bench(monkeypatch)


@contextlib.asynccontextmanager
async def running(consumer: Consumer) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(consumer.run())
    try:
        yield task
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def raw(partition: int, offset: int, traceparent: str | None = None) -> ConsumerRecord[bytes, bytes]:
    headers = [("traceparent", traceparent.encode())] if traceparent else []
    return ConsumerRecord(REPORTS.name, partition, offset, 0, 0, b"64.72", b"{}", None, 5, 2, headers)


BATCH = (raw(0, 4), raw(0, 5), raw(1, 17), raw(1, 18), raw(0, 6))


async def test_commits_exactly_what_follows_the_last_of_each_partition(bench: Bench) -> None:
    """After a batch: `last + 1` of each of its partitions, nothing else, and whoever follows is told."""
    steps = Scripted()
    bench.consumer(steps)
    await bench.handle(BATCH)
    assert steps.got == [[4, 5, 17, 18, 6]]
    assert bench.member.commits == [{ZERO: 7, ONE: 19}]
    assert bench.member.sought == {}
    assert bench.followed == 1
    assert bench.said("desk_batch_seconds_count 1.0")


async def test_how_late_the_state_is(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """At the commit, each record by its own time, under its topic; a batch that fails says nothing."""
    monkeypatch.setattr("shared.exactly_once.pace.real", lambda: datetime.fromtimestamp(7, UTC))
    bench.consumer(Scripted(ConnectionError("away")))
    await bench.handle(BATCH)
    assert bench.said('desk_accepted_to_state_seconds_count{topic="desk.reports"} 0.0')
    await bench.handle(BATCH)  # of 1970
    assert bench.said('desk_accepted_to_state_seconds_bucket{le="5.0",topic="desk.reports"} 0.0')
    assert bench.said('desk_accepted_to_state_seconds_bucket{le="10.0",topic="desk.reports"} 5.0')
    assert bench.said('desk_accepted_to_state_seconds_sum{topic="desk.reports"} 35.0')


@pytest.mark.parametrize("is_stopped", [False, True])
async def test_what_is_said_of_a_consumer_that_reads_nothing(bench: Bench, is_stopped: bool) -> None:
    """Whose partitions are taken away is behind with none; who stopped itself stays as far behind as it was."""
    bench.member.ends, bench.member.at = {ZERO: 9, ONE: 3}, {ZERO: 4, ONE: 3}
    consumer = bench.consumer()
    await consumer._watch()
    progress = bench.value("desk_consumer_progress_timestamp_seconds")
    consumer._stopped = "another log" if is_stopped else None
    bench.member.at = {}
    await consumer._watch()
    assert bench.value("desk_lag_records") == (5 if is_stopped else 0)
    assert (bench.value("desk_consumer_progress_timestamp_seconds") == progress) is is_stopped


async def test_failing_batch_is_rewound_whole(bench: Bench) -> None:
    """Every partition goes back to the batch's first record, nothing is committed, nobody is told."""
    bench.consumer(Scripted(ConnectionError("away")))
    await bench.handle(BATCH)
    assert bench.member.sought == {ZERO: 4, ONE: 17}
    assert bench.member.commits == []
    assert bench.followed == 0
    assert bench.said("desk_batch_failures_total 1.0")
    assert bench.said("desk_batch_seconds_count 0.0")


async def test_gap_is_read_again_from_where_the_database_stands(bench: Bench) -> None:
    """A batch that skips what the database has not read goes back further than its own first record."""
    bench.consumer(Scripted(Gap({Position(REPORTS.name, 0, 4): 2})))
    await bench.handle(BATCH)
    assert bench.member.sought == {ZERO: 2, ONE: 17}
    assert bench.member.commits == []


async def test_a_restored_database_meets_more_gaps_than_a_batch_has_tries(bench: Bench) -> None:
    """Finding them is no failure: the process goes on, and its tries are for what fails."""
    bench.consumer(
        Scripted(*(Gap({Position(REPORTS.name, 0, 4): 2, Position(REPORTS.name, 1, 17): 9}) for _ in range(9)))
    )
    for _ in range(9):
        await bench.handle(BATCH)
        assert bench.member.sought == {ZERO: 2, ONE: 9}
    assert bench.said("desk_batch_failures_total 0.0")
    await bench.handle(BATCH)
    assert len(bench.member.commits) == 1


@pytest.mark.parametrize(("failure", "sought"), [(None, 2), (TimeoutError("away"), 4)], ids=repr)
async def test_what_comes_before_a_gap_is_read_again(bench: Bench, failure: Exception | None, sought: int) -> None:
    """A service may have to prepare its database; while it cannot, the batch is met again, and the gap with it."""
    prepared: list[int] = []

    async def prepare() -> None:
        prepared.append(len(bench.member.sought))
        if failure is not None:
            raise failure

    bench.consumer(Scripted(Gap({Position(REPORTS.name, 0, 4): 2})), before_reading_again=prepare)
    await bench.handle(BATCH)
    assert prepared == [0]
    assert bench.member.sought == {ZERO: sought, ONE: 17}


async def test_header_without_a_value_spoils_nothing(bench: Bench) -> None:
    """Kafka allows a header of null; whoever sends one cannot make a batch vanish."""
    steps = Scripted()
    bench.consumer(steps)
    broken: Any = ConsumerRecord(REPORTS.name, 0, 4, 0, 0, b"64.72", b"{}", None, 5, 2, [("traceparent", None)])
    await bench.handle((broken, raw(0, 5)))
    assert steps.got == [[4, 5]]
    assert bench.member.commits == [{ZERO: 6}]


@pytest.mark.expect_errors("database_behind")
async def test_a_lost_database_is_read_again(bench: Bench) -> None:
    """What the group has committed and the database has not read is read again, as far as it is kept."""
    consumer = bench.consumer(is_joined=False)
    bench.reader.commits, bench.reader.begins = {0: 9, 1: 9}, {0: 3, 1: 9}
    bench.broker.may_join.set()
    assert await bench.comparison.is_database_behind()
    async with running(consumer):
        await asyncio.wait_for(bench.broker.joined.wait(), 5)
        await asyncio.sleep(0.05)
    assert bench.member.sought == {ZERO: 3}
    bench.guard.read = {0: 9, 1: 9}
    assert not await bench.comparison.is_database_behind()


async def test_batch_that_takes_too_long_is_rewound(bench: Bench) -> None:
    """A database that never answers costs the time limit, and then a retry."""
    steps = Scripted()
    steps.takes_s = 10
    bench.consumer(steps, timeout_s=0.01)
    await bench.handle(BATCH)
    assert bench.member.sought == {ZERO: 4, ONE: 17}
    assert bench.member.commits == []


async def test_partition_lost_meanwhile_does_not_keep_others_from_going_back(bench: Bench) -> None:
    """What a rebalance took away cannot be sought; what is still ours is."""
    bench.member.lost = {ZERO}
    bench.consumer(Scripted(ConnectionError("away")))
    await bench.handle(BATCH)
    assert bench.member.sought == {ONE: 17}


async def test_process_ends_after_n_failures_in_a_row(bench: Bench) -> None:
    """A success in between begins the count anew; the last failure ends the process before it seeks or commits."""
    away = ConnectionError("away")
    bench.consumer(Scripted(away, away, None, away, away, away), attempts=3)
    for _ in range(5):
        await bench.handle(BATCH)
    bench.member.sought.clear()
    with pytest.raises(Left) as left:
        await bench.handle(BATCH)
    assert left.value.__cause__ is away
    assert len(bench.member.commits) == 1
    assert bench.member.sought == {}


@pytest.mark.parametrize("dropped", [CommitFailedError(), IllegalStateError("no longer ours")], ids=repr)
async def test_commit_after_a_rebalance_is_dropped(bench: Bench, dropped: Exception) -> None:
    """It is no failure: the records are folded, the new owner re-reads them and its cursors skip them."""
    bench.member.failure = dropped
    bench.consumer(attempts=1)
    await bench.handle(BATCH)
    assert bench.member.sought == {}
    assert bench.followed == 1
    assert bench.said("desk_batch_failures_total 0.0")


async def test_whoever_follows_does_not_wait_for_the_commit(bench: Bench) -> None:
    """What presses is told of what was folded, not of what was committed: that takes longer."""
    followed: list[int] = []
    bench.consumer(after_fold=lambda _topics: followed.append(len(bench.member.commits)))
    await bench.handle(BATCH)
    assert followed == [0]


@pytest.mark.parametrize(("after_fold", "is_patient"), [(nobody, False), (lambda _topics: None, True)])
async def test_who_has_followers_takes_records_as_they_come(
    bench: Bench, after_fold: AfterFold, is_patient: bool
) -> None:
    """The others are half a moment later, and in nobody's way."""
    bench.consumer(after_fold=after_fold)
    assert bench.is_patient is is_patient


async def test_commit_that_kafka_refuses_is_tried_again(bench: Bench) -> None:
    """Any other failure of a commit rewinds the batch, since nobody else will commit it."""
    bench.member.failure = KafkaConnectionError("away")
    bench.consumer()
    await bench.handle(BATCH)
    assert bench.member.sought == {ZERO: 4, ONE: 17}
    bench.member.failure = None
    await bench.handle(BATCH)
    assert bench.member.commits == [{ZERO: 7, ONE: 19}]


@pytest.mark.expect_errors("consumer_stopped")
@pytest.mark.parametrize(
    ("failure", "reason"), [(Poisoned("all bad"), "poisoned"), (OtherLog("made anew"), "other_log")]
)
async def test_permanent_failure_stops_for_good(bench: Bench, failure: Exception, reason: str) -> None:
    """It says why in `status` and metrics, pauses, and consumes and commits no more, whatever comes."""
    steps = Scripted(failure)
    consumer = bench.consumer(steps)
    await bench.handle(BATCH)
    await bench.handle((raw(0, 7),))
    assert consumer.status == str(failure)
    assert bench.said(f'desk_consumer_stopped{{reason="{reason}"}} 1.0')
    assert len(steps.got) == 1
    assert bench.member.commits == []
    assert bench.member.sought == {}
    assert bench.member.paused == {ZERO, ONE}


@pytest.mark.expect_errors("consumer_stopped")
async def test_another_log_is_never_joined(bench: Bench) -> None:
    """The log is compared before the first batch; one that is not ours is left alone, and the process stays up."""
    consumer = bench.consumer(is_joined=False)
    bench.guard.refusal = OtherLog("made anew")
    async with running(consumer) as task:
        done, _ = await asyncio.wait([task], timeout=0.1)
        assert not done
        assert bench.guard.asked == [(REPORTS.name, 0), (REPORTS.name, 1)]
        assert consumer.status == "made anew"
        assert not bench.broker.joined.is_set()
    assert bench.said('desk_consumer_stopped{reason="other_log"} 1.0')


async def test_topic_that_is_not_there_is_named(bench: Bench) -> None:
    """Without `desk init` the supervisor learns which topic is missing, and tries again."""
    consumer = bench.consumer(is_joined=False)
    bench.reader.found = []
    with pytest.raises(KafkaError, match=REPORTS.name):
        await consumer.run()
    assert not bench.broker.joined.is_set()


async def test_status_before_and_after_the_join(bench: Bench) -> None:
    """A replica is not ready before it has joined its group, is then, and no more once it has left."""
    consumer = bench.consumer(is_joined=False)
    bench.broker.may_join.clear()
    seen = [consumer.status]
    async with running(consumer):
        await asyncio.sleep(0.01)
        seen.append(consumer.status)
        bench.broker.may_join.set()
        await bench.broker.joined.wait()
        seen.append(consumer.status)
    seen.append(consumer.status)
    outside = "has not joined its Kafka consumer group yet"
    assert seen == [outside, outside, None, outside]
    assert bench.broker.is_stopped


async def test_stopped_in_the_moment_of_the_join(bench: Bench) -> None:
    """A stop that comes together with the join is a stop."""
    consumer = bench.consumer(is_joined=False)
    bench.broker.may_join.clear()
    task = asyncio.create_task(consumer.run())
    await asyncio.sleep(0.01)
    bench.broker.may_join.set()
    await bench.broker.joined.wait()
    task.cancel()
    done, _ = await asyncio.wait([task], timeout=1)
    task.cancel()
    assert done


async def test_join_that_never_ends_is_given_up(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A join that waits for a broker that is gone ends, leaves the group, and is tried again by the supervisor."""
    monkeypatch.setattr("shared.exactly_once.consumer._JOIN_TIMEOUT_S", 0.01)
    consumer = bench.consumer(is_joined=False)
    bench.broker.may_join.clear()
    with pytest.raises(TimeoutError):
        await consumer.run()
    assert bench.broker.is_stopped


async def test_lag_without_progress_ends_the_process(bench: Bench) -> None:
    """Records wait and nothing is folded: stuck without a signal, so the process leaves, having said the lag."""
    bench.member.ends = {ZERO: 10, ONE: 3}
    bench.member.at = {ZERO: 4, ONE: 3}
    with pytest.raises(Left, match="6 records wait"):
        await bench.consumer(stuck_after_s=0).run()
    assert bench.said("desk_lag_records 6.0")


class Now:
    """The monotonic clock as a test says."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    perf_counter = monotonic


@pytest.mark.parametrize("progress", ["batch", "no lag", "no partitions"])
async def test_what_is_progress(bench: Bench, monkeypatch: pytest.MonkeyPatch, progress: str) -> None:
    """A batch folded, nothing to fold, or nothing assigned begins the patience anew, and only for its length."""
    clock, at = Now(), dict(bench.member.at)
    monkeypatch.setattr("shared.exactly_once.pace.time", clock)
    consumer = bench.consumer(stuck_after_s=60)
    clock.now += 1000
    if progress == "batch":
        await bench.handle(BATCH)
    else:
        bench.member.at = {} if progress == "no partitions" else at
        await consumer._watch()
    bench.member.at, bench.member.ends = at, {ZERO: 1, ONE: 0}
    clock.now += 59
    await consumer._watch()
    clock.now += 2
    with pytest.raises(Left):
        await consumer._watch()


async def test_rebalance_while_looking_at_the_lag_is_no_failure(bench: Bench) -> None:
    """A partition taken away between two looks does not cost the membership, and so no second rebalance."""
    bench.member.ends, bench.member.lost = {ZERO: 5, ONE: 2}, {ZERO}
    await bench.consumer()._watch()
    assert bench.said("desk_lag_records 2.0")


async def test_the_age_of_what_waits_is_said(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Unknown before anything is read, then by the records' own time, then none."""
    monkeypatch.setattr("shared.exactly_once.pace.real", lambda: datetime.fromtimestamp(90, UTC))
    consumer = bench.consumer()
    bench.member.ends = {ZERO: 9, ONE: 19}
    bench.member.at = {ZERO: 7, ONE: 19}
    await consumer._watch()
    assert bench.said("desk_lag_seconds NaN")
    await bench.handle(BATCH)  # of 1970
    await consumer._watch()
    assert bench.said("desk_lag_seconds 90.0")
    bench.member.at = dict(bench.member.ends)
    await consumer._watch()
    assert bench.said("desk_lag_seconds 0.0")


async def test_batch_carries_on_its_first_record_s_trace(bench: Bench) -> None:
    """One correlation id from the call to the fold; a header that is none gets a new one."""
    steps = Scripted()
    bench.consumer(steps)
    await bench.handle((raw(0, 0, f"00-{TRACE}-b7ad6b7169203331-01"), raw(0, 1)))
    await bench.handle((raw(0, 2, "nonsense\xff"),))
    assert steps.traces[0] == TRACE
    assert steps.traces[1] not in ("", TRACE)
