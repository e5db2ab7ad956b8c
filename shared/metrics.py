"""Every metric, in one place. Labels are bounded: no region and no id ever becomes one."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST


class Metrics:
    """One registry a process, handed to whoever counts; tests make their own."""

    def __init__(self, service: str) -> None:
        self.registry = CollectorRegistry()
        made = self.registry
        self.info = Gauge("desk_info", "1, with the service's name", ["service"], registry=made)
        self.info.labels(service).set(1)
        # intake
        self.accepted = Counter("desk_accepted_total", "events answered 202", ["kind", "duplicate"], registry=made)
        self.refused = Counter(
            "desk_refused_total", "calls refused, by HTTP status", ["kind", "status"], registry=made
        )
        self.publish_seconds = Histogram(
            "desk_publish_seconds",
            "from handing an event to the producer to all in-sync replicas' confirmation",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=made,
        )
        self.turned_away = Counter(
            "desk_turned_away_total", "events refused for load, by what was exhausted", ["reason"], registry=made
        )
        self.in_flight_events = Gauge(
            "desk_in_flight_events", "accepted events that wait for Kafka's confirmation", registry=made
        )
        self.in_flight_bytes = Gauge("desk_in_flight_bytes", "the bytes of the events in flight", registry=made)
        # producers (all three services)
        self.group_records = Histogram(
            "desk_group_commit_records",
            "records that one send carried to one partition",
            buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000),
            registry=made,
        )
        self.producer_rebuilds = Counter(
            "desk_producer_rebuilds_total", "clients of Kafka made anew because nothing was confirmed", registry=made
        )
        # consumers (aggregator, notifier)
        self.records = Counter(
            "desk_records_total", "records read, by what became of them", ["topic", "outcome"], registry=made
        )
        self.batch_seconds = Histogram("desk_batch_seconds", "from a batch's arrival to its commit", registry=made)
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
        self.consumer_stopped = Gauge(
            "desk_consumer_stopped", "1 if the consumer stopped itself", ["reason"], registry=made
        )
        # the aggregator's stream
        self.stream_watchers = Gauge(
            "desk_stream_watchers", "connections that watch this replica's stream", registry=made
        )
        self.stream_events = Counter(
            "desk_stream_events_total", "events that the stream told, before any filter", ["kind"], registry=made
        )
        # notifier
        self.verdicts = Counter(
            "desk_verdicts_total",
            "verdicts published, by kind; a repeat after a crash counts again",
            ["verdict"],
            registry=made,
        )
        self.alerts = Counter("desk_alert_changes_total", "changes of alerts", ["rule", "state"], registry=made)
        self.deliveries = Counter(
            "desk_deliveries_total", "delivery attempts, by outcome", ["channel", "outcome"], registry=made
        )
        # loops
        self.loop_turned_at = Gauge(
            "desk_loop_turned_timestamp_seconds", "when a loop last turned", ["loop"], registry=made
        )
        self.loop_failures = Counter(
            "desk_loop_failures_total", "turns of a loop that failed", ["loop"], registry=made
        )

    def render(self) -> tuple[bytes, str]:
        """The exposition and its content type, for `/metrics`."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST
