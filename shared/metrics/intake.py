"""What intake counts: who was let in with what, who was refused why, and how long Kafka took."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge

from shared.metrics.few_names import FewNames
from shared.metrics.many_at_once import BatchHistogram

NOT_CONFIRMED = "not_confirmed"  # as a reason for which events are turned away
MOST_AGENCIES = 300  # told apart by name; a series each for what is accepted and refused


class IntakeMetrics:
    def __init__(self, made: CollectorRegistry | None) -> None:
        # Agencies go through `agency_name`: holders of keys only, and not more than so many.
        self.agency_name = FewNames(MOST_AGENCIES)
        self.accepted = Counter(
            "desk_accepted_total", "events answered 202", ["agency", "kind", "duplicate"], registry=made
        )
        self.refused = Counter(
            "desk_refused_total",
            "calls and lines refused at the door, by the problem they were answered",
            ["agency", "kind", "reason"],
            registry=made,
        )
        self.publish_seconds = BatchHistogram(
            "desk_publish_seconds",
            "from handing an event to the producer to all in-sync replicas' confirmation",
            buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=made,
        )
        self.turned_away = Counter(
            "desk_turned_away_total", "events refused for load, by what was exhausted", ["reason"], registry=made
        )
        self.turned_away.labels(NOT_CONFIRMED)
        self.in_flight_events = Gauge(
            "desk_in_flight_events", "accepted events that wait for Kafka's confirmation", registry=made
        )
        self.in_flight_bytes = Gauge("desk_in_flight_bytes", "the bytes of the events in flight", registry=made)
        self.certificate_ends_at = Gauge(
            "desk_certificate_ends_timestamp_seconds",
            "when the certificate ends that was shown last at an address of DESK_CERTIFICATES",
            ["address"],
            registry=made,
        )
