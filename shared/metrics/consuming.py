"""What the services that read the log count (aggregator, notifier): what is read, how late, and how long it takes."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from shared import topics
from shared.metrics.many_at_once import BatchHistogram

STOPPED_FOR = ("poisoned", "other_log")
_EVENT_TOPICS = [topic.name for topic in topics.ALL if topic is not topics.DEAD_LETTERS]


class ConsumingMetrics:
    def __init__(self, made: CollectorRegistry | None) -> None:
        self.records = Counter(
            "desk_records_total", "records read, by what became of them", ["topic", "outcome"], registry=made
        )
        self.batch_seconds = Histogram("desk_batch_seconds", "from a batch's arrival to its commit", registry=made)
        self.fold_seconds = Histogram(
            "desk_fold_seconds",
            "of a batch, folding what is new into its documents and writing them",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
            registry=made,
        )
        self.accepted_to_state = BatchHistogram(
            "desk_accepted_to_state_seconds",
            "from a record's own timestamp, which intake gave it on its way to the 202, to the commit of its batch",
            ["topic"],
            buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600),
            registry=made,
        )
        self.batch_failures = Counter(
            "desk_batch_failures_total", "batches that were rewound and tried again", registry=made
        )
        self.dead_letters = Counter(
            "desk_dead_letters_total", "records sent to the dead letters", ["topic"], registry=made
        )
        self.lag_records = Gauge(
            "desk_lag_records", "records not yet counted, of the assigned partitions", registry=made
        )
        self.lag_seconds = Gauge(
            "desk_lag_seconds",
            "age of the oldest record not yet counted, of the assigned partitions, by its own timestamp; NaN while "
            "nobody knows",
            registry=made,
        )
        self.progress_at = Gauge(
            "desk_consumer_progress_timestamp_seconds",
            "when a batch was last committed, or nothing was found waiting",
            registry=made,
        )
        self.consumer_stopped = Gauge(
            "desk_consumer_stopped", "1 if the consumer stopped itself", ["reason"], registry=made
        )
        for topic in _EVENT_TOPICS:
            self.dead_letters.labels(topic)
            self.accepted_to_state.labels(topic)
        for reason in STOPPED_FOR:
            self.consumer_stopped.labels(reason)
