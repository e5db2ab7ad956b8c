"""What the aggregator's stream counts."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge


class StreamMetrics:
    def __init__(self, made: CollectorRegistry | None) -> None:
        self.stream_watchers = Gauge(
            "desk_stream_watchers", "connections that watch this replica's stream", registry=made
        )
        self.stream_events = Counter(
            "desk_stream_events_total", "events that the stream told, before any filter", ["kind"], registry=made
        )
