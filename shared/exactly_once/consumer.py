"""Step 4: the loop around the steps: commit exactly `last + 1`, or seek back, back off and try again.

Crash-only: after N failed tries, or with lag and no progress, the process ends and its restart replays. A permanent
failure (poisoned topic, another log) stops consuming, says so in `/readyz` and metrics, and waits for a person.

Time limits are `asyncio.timeout`: Python 3.11's `wait_for` swallows a cancellation that comes together with the end.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence

from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

from shared.errors import said
from shared.exactly_once.comparison import Comparison
from shared.exactly_once.fence import Fenced
from shared.exactly_once.guard import Gap, OtherLog
from shared.exactly_once.pace import Pace
from shared.exactly_once.steps import AfterFold, Poisoned, Steps, nobody
from shared.kafka.limits import CALL_TIMEOUT_S
from shared.kafka.security import PLAIN, Security
from shared.kafka.subscription import RawBatch, subscribe, to_record
from shared.logs import get_logger
from shared.loops import leave_process
from shared.metrics import Metrics
from shared.mongo import DatabaseError
from shared.topics import Topic
from shared.tracing import spans
from shared.tracing.places import place_of
from shared.tracing.spans import Kind, Span, Value

log = get_logger(__name__)

# A join takes as long as the slowest member's batch; one that takes longer waits for a broker that is gone.
_JOIN_TIMEOUT_S = 30.0
BROKER_STOP_S = 15.0  # a batch in hand may end first
_GAP_PAUSE_S = 0.1
_LOOKS_A_COMPARISON = 15  # every half minute, at a look each two seconds


async def nothing() -> None:
    """What most services do before the log is read again."""


class Consumer:
    """One consumer-group member of a service. `run` is a supervised loop; `status` is for `/readyz`. `after_fold`
    hears of each batch that stands in the documents, before its commit, and perhaps again if that fails."""

    def __init__(
        self,
        addresses: str,
        group: str,
        topics: Sequence[Topic],
        *,
        steps: Steps,
        comparison: Comparison,
        metrics: Metrics,
        max_records: int,
        timeout_s: float,
        attempts: int,
        stuck_after_s: float,
        after_fold: AfterFold = nobody,
        before_reading_again: Callable[[], Awaitable[None]] = nothing,
        security: Security = PLAIN,
    ) -> None:
        self._topics = topics
        self._steps, self._comparison, self._metrics = steps, comparison, metrics
        self._timeout_s, self._attempts = timeout_s, attempts
        self._after_fold, self._before_reading_again = after_fold, before_reading_again
        self._broker, self._subscriber = subscribe(
            addresses, group, topics, self._handle, max_records, security, is_patient=after_fold is not nobody
        )
        self._failures = 0
        self._stopped: str | None = None
        self._is_joined = False
        self._fenced: str | None = None
        self._pace = Pace(metrics, stuck_after_s)

    @property
    def lag(self) -> int | None:
        """How many records wait in our partitions; None while nobody knows."""
        return self._pace.lag

    @property
    def status(self) -> str | None:
        """None while all is well; else why this replica is not consuming."""
        if self._stopped or self._fenced:
            return self._stopped or self._fenced
        return None if self._is_joined else "has not joined its Kafka consumer group yet"

    async def run(self) -> None:
        """Connect and consume for ever; returns only when cancelled. Raises what connecting raised, and Fenced, to be
        retried by its supervisor."""
        try:
            await self._verify_log()
            if self._stopped:
                await asyncio.Event().wait()  # a person must decide; until then we leave the group's partitions alone
            async with asyncio.timeout(_JOIN_TIMEOUT_S):
                await self._broker.start()  # ends with the join, be it without partitions
            self._is_joined = True
            while True:
                try:
                    await self._compare_with_database()
                except (DatabaseError, KafkaError, TimeoutError) as error:  # an outage: batches are refused meanwhile
                    log.warning("comparison_put_off", error=said(error))
                for _ in range(_LOOKS_A_COMPARISON):
                    await self._watch()
                    await self._leave_if_fenced()
                    await asyncio.sleep(2)
        finally:
            self._is_joined = False
            with contextlib.suppress(TimeoutError, KafkaError):
                async with asyncio.timeout(BROKER_STOP_S):
                    await self._broker.stop()

    async def _verify_log(self) -> None:
        try:
            await self._comparison.verify_log()
        except OtherLog as error:
            await self._stop_for_good("other_log", str(error))
        except Fenced as error:
            self._fenced = str(error)
            raise
        self._fenced = None

    async def _leave_if_fenced(self) -> None:
        """By way of the next try of our supervisor, which finds the fence until it is gone."""
        with contextlib.suppress(DatabaseError):
            await self._comparison.refuse_fence()

    async def _handle(self, raw: RawBatch) -> None:
        """One batch. Never raises: FastStream would swallow it while the position goes on."""
        if self._stopped:
            return
        below, links = spans.causes(map(place_of, (r.headers for r in raw)))
        values: dict[str, Value] = {"messaging.system": "kafka", "messaging.batch.message_count": len(raw)}
        with spans.span("fold", Kind.CONSUMER, parent=below, links=links, values=values) as span:
            await self._fold(raw, span)

    async def _fold(self, raw: RawBatch, span: Span) -> None:
        began = time.perf_counter()
        try:
            records = [to_record(r) for r in raw]
            self._pace.taken(raw)
            async with asyncio.timeout(self._timeout_s):
                await self._steps.process(records, self._after_fold)
            await self._commit(raw)
        except (Poisoned, OtherLog) as error:
            reason = "poisoned" if isinstance(error, Poisoned) else "other_log"
            span.fail(reason)
            await self._stop_for_good(reason, str(error))
        except Gap as gap:
            await self._read_again(raw, gap)
        except Exception as error:  # noqa: BLE001 - the Kafka edge: anything else is passing, so rewind and retry
            span.fail(type(error).__name__)
            await self._rewind(raw, error)
        else:
            self._failures = 0
            self._pace.counted(raw)
            self._metrics.batch_seconds.observe(time.perf_counter() - began)

    async def _commit(self, raw: RawBatch) -> None:
        """Exactly `last + 1` of each partition, explicitly. A rebalance in between is normal: the new owner re-reads
        and the cursors skip."""
        offsets = {TopicPartition(r.topic, r.partition): r.offset + 1 for r in raw}
        try:
            async with asyncio.timeout(CALL_TIMEOUT_S):
                await self._subscriber.consumer.commit(offsets)
        except (CommitFailedError, IllegalStateError) as error:
            log.info("commit_dropped", reason=str(error))

    async def _rewind(self, raw: RawBatch, error: Exception) -> None:
        self._failures += 1
        self._metrics.batch_failures.inc()
        log.warning("batch_failed", attempt=self._failures, error=said(error))
        if self._failures >= self._attempts:
            leave_process("a batch failed too often", error)
        self._seek(_firsts(raw))
        await asyncio.sleep(min(0.1 * 2**self._failures, 5.0) * random.uniform(0.5, 1))  # noqa: S311

    async def _read_again(self, raw: RawBatch, gap: Gap) -> None:
        """No failed try: the next batch begins where it must. Until all is done that comes first, this one is met
        again, and its gap with it."""
        try:
            await self._before_reading_again()
        except (DatabaseError, KafkaError, TimeoutError) as failure:
            log.warning("reading_again_put_off", error=said(failure))
            await self._rewind(raw, gap)
            return
        log.warning("reading_again", gap=said(gap))
        self._seek(_firsts(raw) | {TopicPartition(*where): offset for where, offset in gap.offsets.items()})
        await asyncio.sleep(_GAP_PAUSE_S)

    def _seek(self, offsets: Mapping[TopicPartition, int]) -> None:
        for where, offset in offsets.items():
            with contextlib.suppress(IllegalStateError):  # no longer ours after a rebalance
                self._subscriber.consumer.seek(where, offset)

    async def _stop_for_good(self, reason: str, text: str) -> None:
        self._stopped = text
        self._metrics.consumer_stopped.labels(reason).set(1)
        log.critical("consumer_stopped", reason=reason, problem=text)
        if self._subscriber.consumer is not None:
            self._subscriber.consumer.pause(*self._subscriber.consumer.assignment())

    async def _compare_with_database(self) -> None:
        """Read again what the group has committed and the database has not: it was lost, or restored from a backup."""
        await self._verify_log()
        if self._stopped:
            return
        consumer = self._subscriber.consumer
        for topic in self._topics:
            ours = [w.partition for w in consumer.assignment() if w.topic == topic.name] if consumer else []
            behind = await self._comparison.behind(topic.name, ours)
            if behind:
                await self._before_reading_again()
                log.error("database_behind", topic=topic.name, partitions=sorted(behind), action="reading again")
                self._seek({TopicPartition(topic.name, p): offset for p, offset in behind.items()})

    async def _watch(self) -> None:
        """Lag, and the end of a consumer that is stuck."""
        consumer = self._subscriber.consumer
        assigned = consumer.assignment() if consumer is not None else set()
        if self._stopped:
            self._pace.stopped()
            return
        if not assigned:
            self._pace.idle()
            return
        reason = await self._pace.look(consumer, assigned)
        if reason is not None:
            leave_process(reason, None)


def _firsts(raw: RawBatch) -> dict[TopicPartition, int]:
    """Where a batch begins in each of its partitions."""
    firsts: dict[TopicPartition, int] = {}
    for record in raw:
        firsts.setdefault(TopicPartition(record.topic, record.partition), record.offset)
    return firsts
