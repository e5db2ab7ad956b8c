"""What each of the three services counts: itself, its loops, what it publishes, the certificates it is shown."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class ProcessMetrics:
    def __init__(self, made: CollectorRegistry | None) -> None:
        self.info = Gauge("desk_info", "1, with the service's name", ["service"], registry=made)
        self.loop_turned_at = Gauge(
            "desk_loop_turned_timestamp_seconds", "when a loop last turned", ["loop"], registry=made
        )
        self.loop_failures = Counter(
            "desk_loop_failures_total", "turns of a loop that failed", ["loop"], registry=made
        )
        self.group_records = Histogram(
            "desk_group_commit_records",
            "records that one send carried to one partition",
            buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000),
            registry=made,
        )
        self.producer_rebuilds = Counter(
            "desk_producer_rebuilds_total", "clients of Kafka made anew because nothing was confirmed", registry=made
        )
