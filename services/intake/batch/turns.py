"""How many batches there may be at a time, and whose turn it is: one agency's files must not keep the others out."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager

from shared.http.problems import Problem
from shared.metrics import Metrics


class Turns:
    """Counts in this process only, as the rate limits do. Of an agency's batches one window at a time is on its way to
    Kafka, of all batches together `most_windows`."""

    def __init__(self, metrics: Metrics, most_of_one: int = 2, most: int = 16, most_windows: int = 4) -> None:
        self._metrics = metrics
        self._most_of_one, self._most = most_of_one, most
        self._open: Counter[str] = Counter()
        self._locks: dict[str, asyncio.Lock] = {}
        self._windows = asyncio.Semaphore(most_windows)
        self._silences = 0

    @contextmanager
    def batch(self, agency: str) -> Iterator[None]:
        """A place for one more batch of an agency, until the end. Raises Problem 429, 503."""
        if self._open[agency] >= self._most_of_one:
            self._metrics.turned_away.labels("agency_batches").inc()
            raise Problem(429, "too_many_requests", "too_many_batches", limit=self._most_of_one)
        if self._open.total() >= self._most:
            self._metrics.turned_away.labels("all_batches").inc()
            raise Problem(503, "unavailable", "unavailable_batches")
        self._open[agency] += 1
        self._locks.setdefault(agency, asyncio.Lock())
        try:
            yield
        finally:
            self._open[agency] -= 1
            if not self._open[agency]:
                del self._open[agency], self._locks[agency]

    @asynccontextmanager
    async def window(self, agency: str) -> AsyncIterator[bool]:
        """The turn of a window of an open batch. First come, first served. Whether there is any use in trying: not if
        Kafka has kept silent to another window meanwhile; each that waits would wait a whole deadline more."""
        before = self._silences
        async with self._locks[agency], self._windows:
            yield self._silences == before

    def note_silence(self) -> None:
        """Kafka confirmed nothing of a window."""
        self._silences += 1
