"""How far behind a consumer is, and whether it moves at all (aiokafka #1154: one that is stuck gives no signal)."""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
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
        self._progress_at = time.monotonic()
        self._age.counted(_times(raw))

    def idle(self) -> None:
        """It has nothing to read, rightly."""
        self._progress_at = time.monotonic()
        self.lag = None

    async def look(self, consumer: AIOKafkaConsumer, assigned: set[TopicPartition]) -> str | None:
        """Measure the lag; why the consumer is stuck, or None if it is not. Raises KafkaError, TimeoutError."""
        async with asyncio.timeout(CALL_TIMEOUT_S):
            waiting = await _waiting(consumer, assigned)
        lag = self.lag = sum(waiting.values())
        self._metrics.lag_records.set(lag)
        age_s = self._age.seconds(waiting, real().timestamp())
        self._metrics.lag_seconds.set(math.nan if age_s is None else age_s)
        if lag == 0:
            self._progress_at = time.monotonic()
        elif time.monotonic() - self._progress_at > self._stuck_after_s:
            where = ", ".join(sorted(f"{w.topic}/{w.partition}" for w in assigned))
            return f"{lag} records wait and nothing was folded for {self._stuck_after_s:g} s in {where}"
        return None


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
