"""Every metric, in one place, by who counts. docs/metrics.md has them as one table, with the question each answers.

Labels are bounded: no region and no id ever becomes one, and of names only so many (`few_names.py`). Where all values
of a label are known, each stands there with 0 from the start: Prometheus sees no increase in a series' first value.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from shared.metrics.consuming import ConsumingMetrics
from shared.metrics.every_process import ProcessMetrics
from shared.metrics.intake import IntakeMetrics
from shared.metrics.notifier import NotifierMetrics
from shared.metrics.stream import StreamMetrics

# What each service shows; whoever is no service shows all.
PARTS: dict[str, tuple[type, ...]] = {
    "intake": (ProcessMetrics, IntakeMetrics),
    "aggregator": (ProcessMetrics, ConsumingMetrics, StreamMetrics),
    "notifier": (ProcessMetrics, ConsumingMetrics, NotifierMetrics),
}


class Metrics(ProcessMetrics, IntakeMetrics, ConsumingMetrics, StreamMetrics, NotifierMetrics):
    """One registry a process, handed to whoever counts; tests make their own."""

    def __init__(self, service: str) -> None:
        self.registry = CollectorRegistry()
        shown = PARTS.get(service, Metrics.__bases__)

        def registry_of(part: type) -> CollectorRegistry | None:
            return self.registry if part in shown else None

        ProcessMetrics.__init__(self, registry_of(ProcessMetrics))
        IntakeMetrics.__init__(self, registry_of(IntakeMetrics))
        ConsumingMetrics.__init__(self, registry_of(ConsumingMetrics))
        StreamMetrics.__init__(self, registry_of(StreamMetrics))
        NotifierMetrics.__init__(self, registry_of(NotifierMetrics))
        self.info.labels(service).set(1)
        if service in PARTS:
            ProcessCollector(registry=self.registry)

    def render(self) -> tuple[bytes, str]:
        """The exposition and its content type, for `/metrics`."""
        return generate_latest(self.registry), CONTENT_TYPE_LATEST
