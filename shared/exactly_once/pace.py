"""How far behind a consumer is, and whether it moves at all (aiokafka #1154: one that is stuck gives no signal)."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from aiokafka.errors import IllegalStateError

from shared.clock import real
from shared.exactly_once.lag import Lag
from shared.kafka.limits import CALL_TIMEOUT_S
from shared.metrics import Metrics


class Pace:
    """Of one member. `lag` is how many records wait in its partitions; None while nobody knows."""

    def __init__(self, metrics: Metrics, stuck_after_s: float) -> None:
        self._metrics, self._stuck_after_s = metrics, stuck_after_s
        self._progress_at = time.monotonic()
        self._age: Lag[TopicPartition] = Lag()
        self.lag: int | None = None

    def taken(self, raw: Sequence[ConsumerRecord]) -> None:
        """A batch is in hand."""
        self._age.taken(_times(reversed(raw)))

    def counted(self, raw: Sequence[ConsumerRecord]) -> None:
        """The batch is folded and committed."""
        self._moved()
        self._age.counted(_times(raw))
        self._count_ages(raw)

    def stopped(self) -> None:
        """It reads no more. What it was behind when it was last looked at is what its metrics go on to say."""
        self.lag = None

    def idle(self) -> None:
        """It has nothing to read, rightly."""
        self._moved()
        self.lag = None
        self._metrics.lag_records.set(0)
        self._metrics.lag_seconds.set(0)

    async def look(self, consumer: AIOKafkaConsumer, assigned: set[TopicPartition]) -> str | None:
        """Measure the lag; why the consumer is stuck, or None if it is not. Raises KafkaError, TimeoutError."""
        async with asyncio.timeout(CALL_TIMEOUT_S):
            waiting = await _waiting(consumer, assigned)
        lag = self.lag = sum(waiting.values())
        self._metrics.lag_records.set(lag)
        age_s = self._age.seconds(waiting, real().timestamp())
        self._metrics.lag_seconds.set(math.nan if age_s is None else age_s)
        if lag == 0:
            self._moved()
        elif time.monotonic() - self._progress_at > self._stuck_after_s:
            where = ", ".join(sorted(f"{w.topic}/{w.partition}" for w in assigned))
            return f"{lag} records wait and nothing was folded for {self._stuck_after_s:g} s in {where}"
        return None

    def _moved(self) -> None:
        self._progress_at = time.monotonic()
        self._metrics.progress_at.set_to_current_time()

    def _count_ages(self, raw: Sequence[ConsumerRecord]) -> None:
        """How old each record is at its commit. Many of a batch have the same millisecond: each is looked up once."""
        now = real().timestamp()
        ages: dict[str, dict[float, int]] = defaultdict(dict)
        for (topic, ms), times in Counter((r.topic, r.timestamp) for r in raw).items():
            ages[topic][max(0.0, now - ms / 1000)] = times
        for topic, of_topic in ages.items():
            self._metrics.accepted_to_state.labels(topic).observe_many(of_topic)


async def _waiting(consumer: AIOKafkaConsumer, assigned: set[TopicPartition]) -> dict[TopicPartition, int]:
    """How many records wait in these partitions; those that a rebalance takes away meanwhile are not ours to count."""
    waiting = {}
    for where, end in (await consumer.end_offsets(assigned)).items():
        with contextlib.suppress(IllegalStateError):
            waiting[where] = max(0, end - await consumer.position(where))
    return waiting


def _times(raw: Iterable[ConsumerRecord]) -> dict[TopicPartition, float]:
    """Of each partition the time of the last of these records, in seconds since 1970."""
    return {TopicPartition(r.topic, r.partition): r.timestamp / 1000 for r in raw}
