"""A histogram that takes a batch's values at once: a look into a sorted list for each, one lock for all."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping

from prometheus_client import Histogram


class BatchHistogram(Histogram):
    """It writes to its parent's buckets, as `observe` does; a test holds both against each other."""

    def observe_many(self, values: Mapping[float, int]) -> None:
        """As if each value had been observed so many times."""
        counts = [0] * len(self._upper_bounds)
        total = 0.0
        for value, times in values.items():
            counts[bisect_left(self._upper_bounds, value)] += times
            total += value * times
        for bucket, count in zip(self._buckets, counts, strict=True):
            if count:
                bucket.inc(count)
        self._sum.inc(total)
